import json

import numpy as np
import pytest
from PIL import Image

from ssljax import data
from ssljax.contracts import InputError
from ssljax.data import splits


def _toy(count=40, size=4, seed=0):
    """An .npz content of two classes that passes every check."""
    rng = np.random.default_rng(seed)
    return {
        'image': rng.integers(0, 255, (count, size, size), dtype=np.uint8),
        'label': np.arange(count) % 2,
    }


@pytest.fixture
def load(tmp_path):
    def load(content, **kwargs):
        np.savez(tmp_path / 'mine.npz', **content)
        kwargs = {'labels_per_class': 2} | kwargs
        return data.load(tmp_path / 'mine.npz', **kwargs)

    return load


def test_digits_by_the_committed_split(root):
    file = root / 'experiments/configs/digits/split.json'
    dataset = data.load('digits', labels_per_class=4, split_file=file)
    labels = dataset.source.fields['label']
    assert dataset.num_classes == 10
    assert np.bincount(labels[dataset.rows['labelled']]).tolist() == [4] * 10
    train = set(dataset.rows['unlabelled'])
    assert set(dataset.rows['labelled']) < train
    assert not train & {*dataset.rows['test'], *dataset.rows['validation']}
    split = json.loads(json.dumps(dataset.split))
    assert split == {
        'labels': 40,
        'validation_labels': 200,
        'test': 500,
        'unlabelled': 1097,
        'seed': 0,
        'hash': split['hash'],
        'file': str(file),
    }


def test_digits_without_a_file_are_split_by_the_seed(root):
    file = root / 'experiments/configs/digits/split.json'
    committed = data.load('digits', labels_per_class=4, split_file=file)
    zero, one = (data.load('digits', labels_per_class=4, seed=s) for s in (0, 1))
    for part, rows in committed.rows.items():
        np.testing.assert_array_equal(zero.rows[part], rows)
        assert not np.array_equal(one.rows[part], rows)
    assert (zero.split['file'], one.split['seed']) == (None, 1)
    small = data.load('digits', labels_per_class=4, test=20, validation=10)
    assert (small.split['test'], small.split['validation_labels']) == (20, 10)


def test_npz_carves_out_what_it_lacks(load):
    dataset = load(_toy(), seed=1)
    labels = dataset.source.fields['label']
    assert dataset.name == 'mine.npz' and dataset.num_classes == 2
    assert np.bincount(labels[dataset.rows['test']]).tolist() == [4, 4]
    assert np.bincount(labels[dataset.rows['validation']]).tolist() == [2, 2]
    assert len(dataset.rows['unlabelled']) == 28


def test_npz_uses_its_own_parts(load, tmp_path):
    content = _toy()
    for prefix, count in (('test_', 6), ('validation_', 4)):
        part = _toy(count)
        content |= {prefix + 'image': part['image'], prefix + 'label': part['label']}
    content['unlabelled_image'] = _toy(10)['image']
    dataset = load(content)
    rows = {part: rows.tolist() for part, rows in dataset.rows.items()}
    assert rows['validation'] == [*range(40, 44)]
    assert rows['test'] == [*range(44, 50)]
    assert sorted(rows['unlabelled']) == [*range(40), *range(50, 60)]
    assert set(rows['labelled']) < set(range(40))
    with pytest.raises(InputError, match='test is 5, but mine.npz'):
        load(content, test=5)

    # A split kept in a file says the same.
    made = splits.make('mine.npz', dataset.source, seed=0, test=9, validation=9)
    splits.save(tmp_path / 'split.json', made)
    again = load(content, split_file=tmp_path / 'split.json')
    np.testing.assert_array_equal(again.rows['test'], made.test)
    with pytest.raises(InputError, match='test is 5, but split_file'):
        load(content, test=5, split_file=tmp_path / 'split.json')


@pytest.mark.parametrize('name', ['digit', 'cifar'])
def test_an_unknown_name(name):
    with pytest.raises(InputError, match='digits'):
        data.load(name, labels_per_class=4)


_SMALL = _toy(4)
_FLOAT = {'image': _toy()['image'] / 255.0, 'label': _toy()['label']}


def _with(values, row, value):
    values = np.array(values)
    values[row] = value
    return values


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'label': _with(_toy()['label'], 7, -1)}, r'label\[7\] is -1'),
        ({'label': _with(_toy()['label'], 7, 99)}, r'label\[7\] is 99, .* label 2'),
        ({'label': _toy()['label'] + 1}, r'label\[0\] is 1, .* label 0'),
        ({'label': _with(_toy()['label'] * 1.0, 7, 0.5)}, r'label\[7\] is 0.5'),
        ({'label': _toy()['label'] * 1.0}, r'label\[0\] is 0.0 \(float64\)'),
        ({'label': np.array(['cat'] * 40)}, r'label\[0\] is cat'),
        ({'label': _toy()['label'][:, None]}, r'label has shape \(40, 1\)'),
        ({'label': _toy()['label'][:-1]}, 'image has 40 rows and label 39'),
        (
            {'test_image': _SMALL['image'], 'test_label': [0, 1, 2, 1]},
            r'test_label\[2\] is 2',
        ),
        ({'test_image': _SMALL['image']}, 'lacks test_label'),
        ({'unlabeled_image': _SMALL['image']}, "mean 'unlabelled_image'"),
        ({'unlabelled_image': _SMALL['image'][:0]}, 'unlabelled_image .* leave it out'),
        (
            {'unlabelled_image': _SMALL['image'][:, :3]},
            r'unlabelled_image has shape \(3, 4\) a row and image \(4, 4\)',
        ),
        (
            {'unlabelled_image': _SMALL['image'] / 255.0},
            'unlabelled_image has dtype float64 a row and image uint8',
        ),
        ({'image': _with(_FLOAT['image'], (5, 0, 0), np.nan)}, r'image\[5\] holds NaN'),
        ({'image': _with(_FLOAT['image'], (5, 0, 0), np.inf)}, r'image\[5\] holds NaN'),
        ({'image': _toy()['image'] * 1.0}, 'whole numbers up to'),
        ({'image': _toy()['image'].astype(int)}, 'image is int64'),
        ({'image': _toy()['image'][:, 0]}, r'image has shape \(40, 4\)'),
    ],
)
def test_bad_data_is_named(load, change, message):
    with pytest.raises(InputError, match=message):
        load(_toy() | change)


def test_a_missing_label_array_and_a_budget_too_large(load):
    with pytest.raises(InputError, match='lacks label'):
        load({'image': _toy()['image']})
    with pytest.raises(InputError, match='class 0 has 14 .* asks for 15'):
        load(_toy(), labels_per_class=15)


@pytest.fixture
def photos(tmp_path):
    """Saves ``count`` pictures of classes cat and dog; returns their folder."""

    def save(count=40):
        random = np.random.default_rng(0)
        for i in range(count):
            path = tmp_path / 'photos' / ('cat', 'dog')[i % 2] / f'{i:03d}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8)).save(path)
        return tmp_path / 'photos'

    return save


def test_a_folder_is_decoded_once_if_it_fits(photos, tmp_path):
    small = data.load(photos(), labels_per_class=2)
    assert isinstance(small.source, data.Arrays) and small.name == 'photos'
    assert small.source.fields['image'].dtype == np.uint8
    assert small.classes == ('cat', 'dog') and small.num_classes == 2
    lazy = data.load(photos(), labels_per_class=2, memory=100)
    assert not isinstance(lazy.source, data.Arrays)
    for part, rows in small.rows.items():
        np.testing.assert_array_equal(lazy.rows[part], rows)
    for row in (0, 21):
        assert lazy.source.name(row) == small.source.name(row)
        for field, value in lazy.source[row].items():
            np.testing.assert_array_equal(small.source[row][field], value)

    # A split that was made for one of them holds for the other.
    split = splits.make('photos', lazy.source, seed=3, test=8, validation=4)
    splits.save(tmp_path / 'split.json', split)
    again = data.load(photos(), labels_per_class=2, split_file=tmp_path / 'split.json')
    np.testing.assert_array_equal(again.rows['test'], split.test)


def test_a_table_labels_a_few(photos):
    folder = photos()
    labels = [f'cat/{i:03d}.png,cat' for i in range(0, 20, 2)]
    labels += [f'dog/{i:03d}.png,dog' for i in range(1, 21, 2)]
    (folder / 'labels.csv').write_text('\n'.join(['path,label', *labels]))
    dataset = data.load(folder / 'labels.csv', labels_per_class=None)
    counts = {part: len(rows) for part, rows in dataset.rows.items()}
    # 20 labels: 4 test, 2 validation, 14 labelled; 20 more never had one.
    assert counts == {'labelled': 14, 'unlabelled': 34, 'validation': 2, 'test': 4}
    assert dataset.split['labels'] == 14
    few = data.load(folder / 'labels.csv', labels_per_class=1, test=6, validation=0)
    assert (few.split['labels'], few.split['test']) == (2, 6)


def test_bad_files_are_left_out_with_a_warning(photos):
    folder = photos(200)
    (folder / 'cat/000.png').write_text('no picture')
    with pytest.warns(UserWarning, match='1 of 200 rows .* left out: cat/000.png: no'):
        dataset = data.load(folder, labels_per_class=None)
    assert not any(0 in rows for rows in dataset.rows.values())
    assert (
        sum(len(dataset.rows[p]) for p in ('unlabelled', 'validation', 'test')) == 199
    )
    assert [(item.row, item.name) for item in dataset.bad] == [(0, 'cat/000.png')]
    for i in range(2, 6, 2):
        (folder / f'cat/{i:03d}.png').write_text('no picture')
    with pytest.raises(InputError, match='3 of 200 rows .* share 0.01; .*cat/004.png'):
        data.load(folder, labels_per_class=None)
    for file in folder.rglob('*.png'):
        file.write_text('no picture')
    with pytest.raises(InputError, match='none of the pictures can be read'):
        data.load(folder, labels_per_class=None)


def test_own_test_rows_without_a_label_are_not_trained_on(load, tmp_path):
    source = data.Arrays({'label': np.array([0, 1, 0, 1, -1, -1], np.int32)})
    records = data.sources.records
    shard = records.write_shard(source, range(6), records.shard_path(tmp_path, 0, 1))
    parts = {'train': np.arange(4), 'test': np.array([4]), 'unlabelled': np.array([5])}
    records.finish(tmp_path, source, parts, [shard.rows], 'f')
    dataset = data.load(tmp_path, labels_per_class=1, test=0, validation=0)
    assert sorted(dataset.rows['unlabelled']) == [0, 1, 2, 3, 5]


def test_data_without_a_label(tmp_path):
    source = data.Arrays({'image': np.zeros((3, 2, 2))})
    records = data.sources.records
    shard = records.write_shard(source, range(3), records.shard_path(tmp_path, 0, 1))
    records.finish(tmp_path, source, {}, [shard.rows], 'f')
    with pytest.raises(InputError, match='have no labels'):
        data.load(tmp_path, labels_per_class=None)


def test_a_split_that_names_its_labelled_rows(load, tmp_path):
    dataset = load(_toy())
    labels = dataset.source.fields['label']
    file = tmp_path / 'split.json'
    base = splits.make('mine.npz', dataset.source, seed=0, test=8, validation=4)
    tail = data.long_tailed(
        base, labels, labelled=4, gamma=4, unlabelled=8, unlabelled_gamma=2
    )
    splits.save(file, tail, labels)
    found = load(_toy(), split_file=file, labels_per_class=None)
    assert np.bincount(labels[found.rows['labelled']]).tolist() == [4, 1]
    assert np.bincount(labels[found.rows['unlabelled']]).tolist() == [8, 4]
    with pytest.raises(InputError, match='labels_per_class is 2, but split_file'):
        load(_toy(), split_file=file)

    splits.save(file, data.open_set(base, labels, [1], per_class=3), labels)
    found = load(_toy(), split_file=file, labels_per_class=None)
    assert found.num_classes == 1 and found.classes == ('1',)
    seen = found.source.fields['label']
    np.testing.assert_array_equal(seen, np.where(labels == 1, 0, -1))
    for part in ('labelled', 'validation', 'test'):
        assert len(found.rows[part]) and not seen[found.rows[part]].any()
    np.testing.assert_array_equal(found.rows['unlabelled'], base.train)


def test_rows_to_be_scored_must_be_readable(tmp_path):
    for i in range(101):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / f'{i:03}.png')
    (tmp_path / '007.png').write_bytes(b'no picture')
    source = data.sources.flat_folder(tmp_path, data.sources.Pictures((2, 2), 1))
    rows = np.arange(101)[::-1]
    with pytest.warns(UserWarning, match='1 of 101 rows can not be read.*007.png'):
        found = data.readable(source, rows)
    np.testing.assert_array_equal(found, rows[rows != 7])
    with pytest.raises(InputError, match='1 of 9 rows.*more than the share 0.01'):
        data.readable(source, np.arange(9))
    same = np.array([2, 2])
    assert data.readable(data.Arrays({'image': np.zeros(3)}), same) is same


def _annotated(count=30):
    """Rows whose labels are no classes; every third is not annotated."""
    fields = {
        'image': np.zeros((count, 4, 4, 1), np.float32),
        'landmarks': np.zeros((count, 2, 2), np.float32),
        'annotated': np.arange(count) % 3 > 0,
        'person': np.arange(count) // 5,
    }
    return data.Arrays(fields), {'train': np.arange(count, dtype=np.int32)}


def test_labels_that_are_no_classes(monkeypatch):
    monkeypatch.setattr(data.datasets.named, 'read', lambda *a, **k: _annotated())
    sizes = {'validation': 5, 'test': 5, 'seed': 1}
    dataset = data.load('mine', labels=3, groups='person', **sizes)
    assert (dataset.num_classes, dataset.classes) == (0, ())
    fields, rows = dataset.source.fields, dataset.rows
    assert len(rows['labelled']) == 3 and fields['annotated'][rows['labelled']].all()
    assert not fields['annotated'][rows['unlabelled']].all()  # some never had a label
    parts = [rows['validation'], rows['test'], rows['unlabelled']]
    people = [set(fields['person'][part]) for part in parts]
    assert all(people) and sum(map(len, people)) == len(set.union(*people)) == 6
    for wrong, message in (
        ({'labels_per_class': 2}, 'are no classes; give labels'),
        ({'labels': 21}, 'at most the 10 annotated rows'),
        ({'labels': 2, 'groups': 'persons'}, "mean 'person'"),
    ):
        with pytest.raises(InputError, match=message):
            data.load('mine', **{**sizes, **wrong})


def test_classes_are_merged_before_labels_are_drawn():
    groups = ((0, 2, 4, 6, 8), (1, 3, 5, 7, 9))
    found = data.load('digits', labels_per_class=3, merged=groups)
    ten = data.load('digits', labels_per_class=3)
    assert found.num_classes == 2 and found.classes == ('0+2+4+6+8', '1+3+5+7+9')
    label = found.source.columns['label']
    np.testing.assert_array_equal(label, ten.source.columns['label'] % 2)
    assert np.bincount(label[found.rows['labelled']]).tolist() == [3, 3]
    np.testing.assert_array_equal(found.rows['test'], ten.rows['test'])
