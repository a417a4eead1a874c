import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import Arrays, budgets, splits
from ssljax.data.sources.joined import Joined


def test_tail_counts():
    # Largest and smallest as asked, a constant ratio between.
    assert budgets.tail_counts(100, 100, 3).tolist() == [100, 10, 1]
    assert budgets.tail_counts(1500, 100, 10)[[0, 9]].tolist() == [1500, 15]
    assert budgets.tail_counts(150, 10, 10)[9] == 15  # not 14.999...
    assert budgets.tail_counts(7, 1, 4).tolist() == [7] * 4
    assert budgets.tail_counts(1, 0.01, 3).tolist() == [1, 10, 100]
    with pytest.raises(InputError, match='largest, gamma, classes are 0, 1, 2'):
        budgets.tail_counts(0, 1, 2)


@pytest.fixture
def made():
    labels = np.tile(np.arange(4), 50).astype(np.int32)
    source = Arrays({'label': labels})
    return splits.make('toy', source, seed=0, test=40, validation=0), labels


def test_long_tailed(made):
    split, labels = made
    tail = budgets.long_tailed(
        split, labels, labelled=8, gamma=8, unlabelled=3, unlabelled_gamma=1 / 9
    )
    assert np.bincount(labels[tail.labelled]).tolist() == [8, 4, 2, 1]
    assert np.bincount(labels[tail.unlabelled]).tolist() == [3, 6, 12, 27]
    assert not {*tail.labelled} & {*tail.unlabelled}
    assert {*tail.labelled, *tail.unlabelled} <= {*split.train}
    assert tail.test is split.test
    with pytest.raises(InputError, match='class 3 has 40 training rows'):
        budgets.long_tailed(
            split, labels, labelled=8, gamma=1, unlabelled=3, unlabelled_gamma=0.05
        )
    with pytest.raises(InputError, match='class 3 .* would have 0 labelled'):
        budgets.long_tailed(
            split, labels, labelled=8, gamma=9, unlabelled=3, unlabelled_gamma=1
        )


def test_open_set(made):
    split, labels = made
    opened = budgets.open_set(split, labels, [3, 1], per_class=2)
    assert sorted(labels[opened.labelled]) == [1, 1, 3, 3]
    assert set(labels[opened.test]) == {1, 3} and len(opened.test) == 20
    assert set(labels[opened.unlabelled]) == {0, 1, 2, 3}
    assert opened.known == (3, 1)
    for known in ([], [1, 1], [4], [-1]):
        with pytest.raises(InputError, match='give some of the classes 0 to 3'):
            budgets.open_set(split, labels, known, per_class=2)


def test_labels_of_known_classes_are_numbered_from_0():
    labels = np.array([0, 1, 2, -1, 1], np.int32)
    assert budgets.relabelled(labels, [2, 1]).tolist() == [-1, 1, 0, -1, 1]
    arrays = Arrays({'x': np.zeros(5), 'label': labels})
    known = budgets.only_known(arrays, [2, 1])
    assert known.fields['label'].tolist() == [-1, 1, 0, -1, 1]
    assert known.fingerprint() == arrays.fingerprint()
    lazy = budgets.only_known(Joined((arrays,), labels), [2, 1])
    assert lazy[2]['label'] == 0 and lazy.columns['label'].tolist()[0] == -1


def test_several_classes_become_one():
    labels = np.array([0, 1, 2, -1, 1], np.int32)
    arrays = Arrays({'x': np.zeros(5), 'label': labels})
    found, label, names = budgets.merged(arrays, ('a', 'b', 'c'), ((0, 2), (1,)))
    assert label.tolist() == found.fields['label'].tolist() == [0, 1, 0, -1, 1]
    assert names == ('a+c', 'b') and found.fingerprint() == arrays.fingerprint()
    lazy, _, _ = budgets.merged(Joined((arrays,), labels), 'abc', ((0, 2), (1,)))
    assert lazy[2]['label'] == 0
    for groups in ((0, 1),), ((0, 1), (1, 2)), ((0,), (1, 2, 3)):
        with pytest.raises(InputError, match='give each class, 0 to 2, to one group'):
            budgets.merged(arrays, 'abc', groups)
    with pytest.raises(InputError, match='one group; give at least 2'):
        budgets.merged(arrays, 'abc', ((0, 1, 2),))
