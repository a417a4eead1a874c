import sys

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import sources


def test_arrays_are_rows_by_number():
    source = sources.Arrays({'image': np.ones((3, 2)), 'label': np.arange(3)})
    assert len(source) == 3
    assert source[2]['label'] == 2 and source[2]['image'].shape == (2,)


@pytest.mark.parametrize('fields', [{}, {'a': np.ones(2), 'b': np.ones(3)}])
def test_arrays_of_unequal_length_are_refused(fields):
    with pytest.raises(InputError, match='same length'):
        sources.Arrays(fields)


def test_content_hash_sees_names_shapes_dtypes_and_values():
    fields = {'a': np.arange(6, dtype=np.int32), 'b': np.zeros(2, np.float32)}
    same = {'b': fields['b'].copy(), 'a': fields['a'].astype('>i4')}
    others = [
        {'c': fields['a'], 'b': fields['b']},
        {**fields, 'a': fields['a'].reshape(2, 3)},
        {**fields, 'b': np.zeros(2, np.int32)},
        {**fields, 'a': fields['a'][::-1]},
    ]
    assert sources.content_hash(fields) == sources.content_hash(same)
    hashes = {sources.content_hash(other) for other in [fields, *others]}
    assert len(hashes) == 1 + len(others)


def test_digits():
    fields = sources.digits().fields
    assert fields['image'].shape == (1797, 8, 8, 1)
    assert fields['image'].dtype == np.float32 and fields['label'].dtype == np.int32
    assert fields['image'].min() == 0 and fields['image'].max() == 1
    np.testing.assert_array_equal(np.unique(fields['label']), np.arange(10))


def test_digits_without_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(InputError, match='pip install scikit-learn'):
        sources.digits()


def test_npz_joins_its_parts_with_stable_rows(tmp_path):
    path = tmp_path / 'mine.npz'
    image = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    parts = {
        'image': image,
        'label': np.array([0, 1, 0, 1]),
        'unlabelled_image': image[:3] + 100,
        'test_image': image[:1] + 200,
        'test_label': np.array([1], np.uint8),
    }
    np.savez(path, **parts)
    source, rows = sources.npz(path)
    assert source.fields['image'].shape == (8, 2, 3, 1)
    assert source.fields['image'].dtype == np.uint8
    for part, key in [
        ('train', 'image'),
        ('unlabelled', 'unlabelled_image'),
        ('test', 'test_image'),
    ]:
        np.testing.assert_allclose(
            source.fields['image'][rows[part], ..., 0], parts[key]
        )
    np.testing.assert_array_equal(source.fields['label'], [0, 1, 0, 1, 1, -1, -1, -1])
    assert 'validation' not in rows


def test_npz_keeps_floats_and_channels(tmp_path):
    image = np.random.default_rng(0).normal(size=(2, 4, 4, 3))
    np.savez(tmp_path / 'a.npz', image=image, label=[0, 1])
    source, _ = sources.npz(tmp_path / 'a.npz')
    np.testing.assert_array_equal(source.fields['image'], image.astype(np.float32))


def test_npz_that_cannot_be_read(tmp_path):
    for name, content in [('text.npz', b'hello'), ('empty.npz', b'')]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f'{name} is no readable .npz'):
            sources.npz(tmp_path / name)
    with pytest.raises(InputError, match='No such file'):
        sources.npz(tmp_path / 'missing.npz')
    np.savez(tmp_path / 'pickle.npz', image=np.array([{}]), label=[0])
    with pytest.raises(InputError, match='allow_pickle'):
        sources.npz(tmp_path / 'pickle.npz')


def test_arrays_know_names_classes_and_where_they_come_from():
    label = np.zeros(2, np.int32)
    plain = sources.Arrays({'label': label})
    assert plain.name(1) == '1' and plain.classes is None
    assert plain.columns['label'] is label
    assert plain.fingerprint() == sources.content_hash({'label': label})
    named = sources.Arrays(
        {'label': label}, classes=['a'], names=['x.png', 'y.png'], fingerprint='f'
    )
    assert (named.name(1), named.classes, named.fingerprint()) == ('y.png', ('a',), 'f')


@pytest.mark.parametrize(
    ('field', 'value', 'dtype'),
    [
        ('wave', np.zeros((2, 9)), np.float32),
        ('series', np.zeros((2, 9, 3), np.float32), np.float32),
        ('tokens', np.zeros((2, 9), np.int64), np.int32),
    ],
)
def test_npz_of_another_input(tmp_path, field, value, dtype):
    parts = {field: value, f'unlabelled_{field}': value, 'label': [0, 1]}
    np.savez(tmp_path / 'a.npz', **parts)
    source, rows = sources.npz(tmp_path / 'a.npz')
    assert source.fields[field].shape == (4, *value.shape[1:])
    assert source.fields[field].dtype == dtype
    assert rows['unlabelled'].tolist() == [2, 3]


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        ({'wave': np.zeros((2, 9)), 'series': np.zeros((2, 9))}, 'inputs wave, series'),
        (
            {'wave': np.zeros((2, 9)), 'unlabeled_wave': np.zeros((2, 9))},
            "mean 'unlabelled_wave'",
        ),
        ({'wave': np.full((2, 9), np.nan)}, r'wave\[0\] holds NaN'),
        ({'wave': np.zeros(2)}, r'wave has shape \(2,\)'),
        ({'wave': np.array([['a'], ['b']])}, 'wave is <U1'),
        ({'tokens': np.full((2, 9), 2**31)}, 'tokens holds integers beyond'),
    ],
)
def test_npz_of_inputs_that_can_not_be_used(tmp_path, parts, message):
    np.savez(tmp_path / 'a.npz', label=[0, 1], **parts)
    with pytest.raises(InputError, match=message):
        sources.npz(tmp_path / 'a.npz')


def test_a_text_ends_where_only_padding_follows(tmp_path):
    tokens = np.array([[4, 0, 5, 0, 0], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5]])
    np.savez(tmp_path / 'a.npz', tokens=tokens, label=np.array([0, 1, 0]))
    source, _ = sources.npz(tmp_path / 'a.npz')
    np.testing.assert_array_equal(source.fields['length'], [3, 0, 5])
