import json

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import Arrays, sources, splits

COMMITTED = 'experiments/configs/digits/split.json'


@pytest.fixture
def source():
    labels = np.repeat(np.arange(3), [30, 20, 10]).astype(np.int32)
    return Arrays({'label': labels})


def _class_counts(source, rows):
    return np.bincount(source.fields['label'][rows]).tolist()


def test_parts_are_stratified_and_cover_every_row_once(source):
    split = splits.make('toy', source, seed=0, test=20, validation=6)
    assert _class_counts(source, split.test) == [10, 7, 3]
    assert _class_counts(source, split.validation) == [3, 2, 1]
    rows = np.concatenate([split.test, split.validation, split.train])
    np.testing.assert_array_equal(np.sort(rows), np.arange(60))


def test_the_seed_decides(source):
    def train(seed):
        made = splits.make('toy', source, seed=seed, test=6, validation=6)
        return made.train.tolist()

    assert train(1) == train(1) != train(2)


def test_rows_without_label_are_not_split():
    source = Arrays({'label': np.array([0, -1, 1, 0, 1, -1])})
    split = splits.make('toy', source, seed=0, test=2, validation=0)
    assert sorted([*split.test, *split.train]) == [0, 2, 3, 4]


@pytest.mark.parametrize('sizes', [(50, 11), (-1, 0), (0, -1)])
def test_impossible_sizes(source, sizes):
    with pytest.raises(InputError, match='seed, test, validation'):
        splits.make('toy', source, seed=0, test=sizes[0], validation=sizes[1])


def test_budgets_nest(source):
    labels = source.fields['label']
    order = splits.make('toy', source, seed=3, test=20, validation=6).train
    budgets = [splits.labelled_rows(order, labels, n) for n in (1, 2, 4)]
    for count, rows in zip((1, 2, 4), budgets, strict=True):
        assert _class_counts(source, rows) == [count] * 3
        for label in range(3):  # the first of each class, in the split's order
            of_class = order[labels[order] == label]
            np.testing.assert_array_equal(rows[labels[rows] == label], of_class[:count])
    assert set(budgets[0]) < set(budgets[1]) < set(budgets[2])


def test_a_class_too_small_for_the_budget(source):
    split = splits.make('toy', source, seed=0, test=20, validation=6)
    with pytest.raises(InputError, match='class 2 has 6 .* asks for 7'):
        splits.labelled_rows(split.train, source.fields['label'], 7)
    with pytest.raises(InputError, match='labels_per_class is 0'):
        splits.labelled_rows(split.train, source.fields['label'], 0)


def test_save_and_load_round_trip(source, tmp_path):
    split = splits.make('toy', source, seed=5, test=20, validation=6)
    splits.save(tmp_path / 'split.json', split)
    loaded = splits.load(tmp_path / 'split.json', source)
    assert loaded[:3] == split[:3]
    for part in splits.PARTS:
        np.testing.assert_array_equal(
            getattr(loaded, part), getattr(split, part), strict=True
        )


def test_a_split_of_other_content_is_refused_by_both_hashes(source, tmp_path):
    split = splits.make('toy', source, seed=5, test=20, validation=6)
    splits.save(tmp_path / 'split.json', split)
    other = Arrays({'label': source.fields['label'][::-1]})
    found = sources.content_hash(other.fields)
    with pytest.raises(InputError, match=f'{split.hash}.*{found}'):
        splits.load(tmp_path / 'split.json', other)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'version': 3}, 'version 3; this ssljax reads 1 and 2'),
        ({'test': [0, 0]}, 'by hand'),
        ({'test': [0, 60], 'counts': {'test': 2}}, 'by hand'),
        ({'train': None}, 'lacks train'),
    ],
)
def test_a_changed_split_file_is_refused(source, tmp_path, change, message):
    path = tmp_path / 'split.json'
    splits.save(path, splits.make('toy', source, seed=5, test=2, validation=6))
    content = json.loads(path.read_text())
    counts = content['counts'] | change.pop('counts', {})
    content = content | change | {'counts': counts}
    content = {key: value for key, value in content.items() if value is not None}
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        splits.load(path, source)


def test_a_row_in_two_parts_is_refused(source, tmp_path):
    path = tmp_path / 'split.json'
    split = splits.make('toy', source, seed=5, test=20, validation=6)
    leak = split._replace(validation=split.test[:6])
    splits.save(path, leak)
    with pytest.raises(InputError, match='two parts'):
        splits.load(path, source)


@pytest.mark.parametrize('content', ['hello', '[1]'])
def test_a_file_that_is_no_split(source, tmp_path, content):
    (tmp_path / 'split.json').write_text(content)
    with pytest.raises(InputError, match='split_file'):
        splits.load(tmp_path / 'split.json', source)


def test_groups_stay_together():
    group = np.repeat(np.arange(12), 5)
    source = Arrays({'label': np.tile([0, 1], 30)})
    split = splits.make('toy', source, seed=0, test=17, validation=10, groups=group)
    assert (len(split.test), len(split.validation)) == (15, 10)
    parts = [set(group[getattr(split, part)]) for part in splits.PARTS]
    assert not parts[0] & parts[1] and not parts[0] & parts[2]
    assert not parts[1] & parts[2] and set.union(*parts) == set(range(12))
    other = splits.make('toy', source, seed=1, test=17, validation=10, groups=group)
    assert set(group[other.test]) != parts[0]
    with pytest.raises(InputError, match='test is 4, but the smallest group has 5'):
        splits.make('toy', source, seed=0, test=4, validation=0, groups=group)


def test_named_rows_round_trip(source, tmp_path):
    split = splits.make('toy', source, seed=5, test=20, validation=6)
    split = split._replace(
        labelled=split.train[:3], unlabelled=split.train[2:9], known=(2, 0)
    )
    path = tmp_path / 'split.json'
    splits.save(path, split, source.fields['label'])
    content = json.loads(path.read_text())
    assert content['version'] == 2
    assert sum(content['labels_per_class']) == content['counts']['labelled'] == 3
    loaded = splits.load(path, source)
    assert loaded.known == (2, 0)
    for part in ('labelled', 'unlabelled'):
        np.testing.assert_array_equal(
            getattr(loaded, part), getattr(split, part), strict=True
        )
    splits.save(path, split._replace(labelled=split.test[:3]))
    with pytest.raises(InputError, match='by hand'):
        splits.load(path, source)
    del content['labelled']
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match='lacks labelled'):
        splits.load(path, source)


def test_the_committed_digits_split(root, tmp_path):
    source = sources.digits()
    split = splits.load(root / COMMITTED, source)  # checks the hash, and disjoint
    sizes = {part: len(getattr(split, part)) for part in splits.PARTS}
    assert sizes == {'test': 500, 'validation': 200, 'train': 1097}
    whole = np.bincount(source.fields['label']) / len(source)
    for part in splits.PARTS:
        share = np.array(_class_counts(source, getattr(split, part))) / sizes[part]
        np.testing.assert_allclose(share, whole, atol=1 / sizes[part])
    # It is what the documented command makes, byte for byte.
    made = splits.make('digits', source, seed=0, test=500, validation=200)
    splits.save(tmp_path / 'split.json', made)
    assert (tmp_path / 'split.json').read_bytes() == (root / COMMITTED).read_bytes()
