"""The numbers of a comparison, by hand."""

import pytest

from experiments import tables

ROWS = [
    tables.Row('base', {0: 0.5, 1: 0.6, 2: 0.7}, {0: 30.0, 1: 60.0, 2: 90.0}, []),
    tables.Row('new', {0: 0.6, 2: 0.9}, {0: 30.0, 2: 32.0}, ['train --seed=1']),
    tables.Row('none', {}, {}, ['train --seed=0']),
]


def test_estimate():
    # t quantiles of a printed table: 4.303 of 2 degrees of freedom, 12.706 of 1.
    mean, half, n = tables.estimate([0.5, 0.6, 0.7])
    assert (mean, n) == (pytest.approx(0.6), 3)
    assert half == pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3)
    assert tables.estimate([0.5]) == (0.5, None, 1)
    assert tables.estimate([]) is None


def test_difference_is_paired():
    mean, half, n = tables.difference(ROWS[1], ROWS[0])
    # 0.1 and 0.2 of the seeds that both have
    assert (mean, n) == (pytest.approx(0.15), 2)
    assert half == pytest.approx(12.706 * 0.05, rel=1e-3)
    assert tables.difference(ROWS[2], ROWS[0]) is None


def test_markdown():
    lines = tables.markdown(ROWS, 'test_accuracy', [0, 1, 2]).splitlines()
    assert lines[0].startswith('| configuration | test accuracy, % | against base |')
    assert lines[2:5] == [
        '| base | 60.0 ± 24.8 |  | 3 of 3 | 1.0 min |',
        '| new | 75.0 ± 190.6 | +15.0 ± 63.5 | 2 of 3 | 31 s |',
        '| none | not run |  | 0 of 3 |  |',
    ]
    assert lines[-4:] == ['```bash', 'train --seed=1', 'train --seed=0', '```']


def test_other_scores_stand_beside():
    rows = [ROWS[0]._replace(beside={'test_peak': {0: 0.5, 1: 0.5, 2: 0.5}}), ROWS[2]]
    head, _, base, none, *_ = tables.markdown(rows, 'test_nme', [0, 1, 2]).splitlines()
    assert head.split(' | ')[3:] == ['test peak', 'seeds', 'wall time |']
    assert base.split(' | ')[3:] == ['0.5000 ± 0.0000', '3 of 3', '1.0 min |']
    assert none.split(' | ')[3:] == ['not run', '0 of 3', ' |']


def test_plot(tmp_path):
    tables.plot(tmp_path / 'plot.png', ROWS, 'test_accuracy')
    assert (tmp_path / 'plot.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    'seconds, text', [(42, '42 s'), (90, '1.5 min'), (5400, '1.5 h')]
)
def test_duration(seconds, text):
    assert tables.duration(seconds) == text
