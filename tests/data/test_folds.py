import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import Arrays, folds

LABEL = np.append(np.repeat([0, 1], [30, 20]), [-1] * 4).astype(np.int32)
SOURCE = Arrays({'label': LABEL})


def test_each_row_is_tested_on_once_and_each_class_evenly():
    made = folds('toy', SOURCE, 5, seed=0, validation=8)
    tested = np.concatenate([split.test for split in made])
    assert sorted(tested) == list(range(50))
    for split in made:
        assert np.bincount(LABEL[split.test]).tolist() == [6, 4]
        assert len(split.validation) == 8 and len(split.train) == 32
        parts = [*split.test, *split.validation, *split.train]
        assert sorted(parts) == list(range(50))
    again = folds('toy', SOURCE, 5, seed=0)
    assert all(set(a.test) == set(b.test) for a, b in zip(made, again, strict=True))
    other = folds('toy', SOURCE, 5, seed=1)
    assert set(other[0].test) != set(made[0].test)


def test_groups_are_tested_on_in_one_fold():
    group = np.arange(54) // 3
    made = folds('toy', SOURCE, 4, seed=0, validation=6, groups=group)
    assert sorted(np.concatenate([split.test for split in made])) == list(range(50))
    for split in made:
        parts = [set(group[getattr(split, p)]) for p in ('test', 'validation', 'train')]
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert abs(len(split.test) - 12.5) <= 3


@pytest.mark.parametrize(('k', 'groups'), [(1, None), (51, None), (3, LABEL)])
def test_impossible_numbers(k, groups):
    with pytest.raises(InputError, match=f'k is {k} and seed 0'):
        folds('toy', SOURCE, k, seed=0, groups=groups)
