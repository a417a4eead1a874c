"""The list of bad rows: whose rows count, and what a stopped job begins with."""

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data.quarantine import Bad, Quarantine


def _list(path, rows, share=0.1):
    return Quarantine(path, rows=np.asarray(rows), share=share)


def test_rows_of_another_feed_do_not_count_against_this_one(tmp_path):
    """As the clients of a federation share one file, and are all read at a restart."""
    path = tmp_path / 'quarantine.jsonl'
    _list(path, np.arange(100)).add(Bad(row, f'{row}', 'torn') for row in range(10))
    mine = _list(path, np.arange(50, 70))
    mine.add([Bad(50, '50', 'torn'), Bad(51, '51', 'torn')])
    with pytest.raises(InputError, match='3 of 20 rows are bad.* 50: torn; 51'):
        mine.add([Bad(52, '52', 'torn')])
    assert len(path.read_text().splitlines()) == 13


def test_what_stopped_a_job_may_have_been_mended(tmp_path):
    path = tmp_path / 'quarantine.jsonl'
    bad = [Bad(row, f'{row}', 'torn') for row in range(3)]
    with pytest.raises(InputError, match='3 of 20'):
        _list(path, np.arange(20)).add(bad)
    again = _list(path, np.arange(20))
    again.add(bad[:1])
    assert len(path.read_text().splitlines()) == 1
    # And where nothing was mended, the same stops it again.
    with pytest.raises(InputError, match='3 of 20'):
        again.add(bad)
