"""A score over two fields of the configurations."""

import json
import re

import pytest

from ssljax.contracts import InputError
from ssljax.train import writers

FIELDS = ('args.decay', 'args.fusion')


@pytest.fixture(scope='module')
def grids(imported):
    return imported('grids')


@pytest.fixture
def folder(tmp_path):
    for i, (decay, fusion, seed, score) in enumerate(
        [(0.6, 0.5, 0, 0.2), (0.6, 0.5, 1, 0.3), (0.0, 1.0, 0, 0.4)]
    ):
        path = tmp_path / 'cells' / f'{i}.json'
        path.parent.mkdir(exist_ok=True)
        config = dict(zip(FIELDS, (decay, fusion), strict=True))
        summary = {'test_nme': score}
        writers.write_json(path, {'config': config, 'seed': seed, 'summary': summary})
    return tmp_path


def test_a_cell_is_a_mean_over_seeds(grids, folder):
    scores = grids.read(folder, *FIELDS, 'test_nme')
    assert scores == {0.0: {1.0: {0: 0.4}}, 0.6: {0.5: {0: 0.2, 1: 0.3}}}
    table = grids.markdown(scores, *FIELDS, 'test_nme').splitlines()
    assert table[0] == '| test nme, % | fusion 0.5 | fusion 1 |'
    assert table[2] == '| decay 0 | not run | 40.0 |'
    # 12.706 * 0.05 of one degree of freedom
    assert table[3] == '| decay 0.6 | 25.0 ± 63.5 | not run |'
    grids.plot(folder / 'grid.png', scores, *FIELDS, 'test_nme')
    assert (folder / 'grid.png').read_bytes()[:4] == b'\x89PNG'


@pytest.fixture
def changed(folder):
    """Gives a field of the first cell another value."""

    def change(field, value):
        path = folder / 'cells' / '0.json'
        cell = json.loads(path.read_text())
        cell['config'][field] = value
        writers.write_json(path, cell)

    return change


def test_text_stands_behind_numbers(grids, folder, changed):
    changed('args.decay', 'none')
    changed('args.fusion', 'mean')
    scores = grids.read(folder, *FIELDS, 'test_nme')
    assert list(scores) == [0.0, 0.6, 'none'] and list(scores['none']) == ['mean']
    table = grids.markdown(scores, *FIELDS, 'test_nme').splitlines()
    assert table[0] == '| test nme, % | fusion 0.5 | fusion 1 | fusion mean |'
    assert table[4] == '| decay none | not run | not run | 20.0 |'
    grids.plot(folder / 'grid.png', scores, *FIELDS, 'test_nme')
    assert (folder / 'grid.png').exists()


@pytest.mark.parametrize('value', [None, [8, 16]])
def test_fields_that_are_no_numbers(grids, folder, changed, value):
    changed('args.fusion', value)
    said = rf'args.fusion of .*0.json is {re.escape(repr(value))}; give fields of'
    with pytest.raises(InputError, match=said):
        grids.read(folder, *FIELDS, 'test_nme')


def test_what_can_not_be_read(grids, folder, tmp_path):
    for where, rows, metric, message in (
        (tmp_path / 'none', FIELDS[0], 'test_nme', 'has no cells'),
        (folder, 'args.mu', 'test_nme', 'args.mu'),
        (folder, FIELDS[0], 'test_mae', 'test_mae'),
    ):
        with pytest.raises(InputError, match=message):
            grids.read(where, rows, FIELDS[1], metric)
    with pytest.raises(InputError, match='seed of another cell'):
        two = folder / 'cells' / '9.json'
        two.write_text((folder / 'cells' / '0.json').read_text())
        grids.read(folder, *FIELDS, 'test_nme')
