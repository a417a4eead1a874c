"""Scores against the number of labels."""

import pytest

from ssljax.contracts import InputError
from ssljax.train import writers


@pytest.fixture(scope='module')
def curves(imported):
    return imported('curves')


@pytest.fixture
def put(tmp_path):
    def put(folder, label, seed, labels, score, **more):
        path = tmp_path / folder / 'cells' / f'{label}-seed{seed}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        summary = {'labels': labels, 'test_accuracy': score, **more}
        writers.write_json(path, {'label': label, 'seed': seed, 'summary': summary})
        return tmp_path / folder

    return put


def test_a_column_a_budget(curves, put, tmp_path):
    few = put('few', 'base', 0, 10, 0.5)
    put('few', 'new', 0, 10, 0.6)
    put('few', 'new', 1, 10, 0.7)
    many = put('many', 'base', 0, 40, 0.9)
    scores = curves.read([few, many], 'test_accuracy')
    assert scores['new'] == {10: {0: 0.6, 1: 0.7}}
    table = curves.markdown(scores, 'test_accuracy').splitlines()
    assert table[0] == '| test accuracy, % | 10 labels | 40 labels |'
    assert table[2] == '| base | 50.0 | 90.0 |'
    # 12.706 * 0.05 of one degree of freedom
    assert table[3] == '| new | 65.0 ± 63.5 | not run |'
    curves.plot(tmp_path / 'plot.png', scores, 'test_accuracy')
    assert (tmp_path / 'plot.png').read_bytes()[:4] == b'\x89PNG'


def test_a_point_a_round(curves, put):
    rounds = {
        'test_accuracy/0': 0.5,
        'rows/0': 10,
        'test_accuracy/1': 0.9,
        'rows/1': 20,
    }
    folder = put('rounds', 'badge', 3, 20, 0.9, **rounds)
    scores = curves.read([folder], 'test_accuracy', by_round=True)
    assert scores == {'badge': {10: {3: 0.5}, 20: {3: 0.9}}}
    with pytest.raises(InputError, match="no 'test_nme' a round"):
        curves.read([folder], 'test_nme', by_round=True)


def test_what_can_not_be_read(curves, put, tmp_path):
    few = put('few', 'base', 0, 10, 0.5)
    for folders, metric, message in (
        ([tmp_path / 'none'], 'test_accuracy', 'has no cells'),
        ([few], 'test_nme', "has no 'test_nme'"),
        ([few, few], 'test_accuracy', 'was found before'),
    ):
        with pytest.raises(InputError, match=message):
            curves.read(folders, metric)
