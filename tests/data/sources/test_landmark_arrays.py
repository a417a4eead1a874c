"""An .npz with landmarks in place of labels."""

import numpy as np
import pytest

from ssljax import data, tasks
from ssljax.contracts import InputError
from ssljax.data import sources


def _content(prefix='', count=6, **columns):
    random = np.random.default_rng(count)
    content = {
        'image': random.integers(0, 256, (count, 8, 8, 1), np.uint8),
        'landmarks': random.uniform(0, 7, (count, 3, 2)).astype(np.float32),
        'person': np.arange(count),
        **columns,
    }
    return {prefix + key: value for key, value in content.items() if value is not None}


def _read(tmp_path, *contents):
    whole = {key: value for content in contents for key, value in content.items()}
    np.savez(tmp_path / 'mine.npz', **whole)
    return sources.npz(tmp_path / 'mine.npz')


def test_parts_and_fields(tmp_path):
    seen = np.random.default_rng(0).random((6, 3)) < 0.5
    source, parts = _read(
        tmp_path,
        _content(visible=seen),
        _content('test_', 2),
        _content('unlabelled_', 3, landmarks=None),
    )
    rows = {part: found.tolist() for part, found in parts.items()}
    assert rows == {'train': [*range(6)], 'test': [6, 7], 'unlabelled': [8, 9, 10]}
    kinds = {name: (x.shape, x.dtype.name) for name, x in source.fields.items()}
    assert kinds == {
        'image': ((11, 8, 8, 1), 'uint8'),
        'landmarks': ((11, 3, 2), 'float32'),
        'visible': ((11, 3), 'bool'),
        'annotated': ((11,), 'bool'),
        'person': ((11,), 'int32'),
    }
    np.testing.assert_array_equal(source.fields['visible'][:6], seen)
    assert (
        source.fields['visible'][6:8].all() and not source.fields['visible'][8:].any()
    )
    assert source.columns['annotated'].tolist() == [True] * 8 + [False] * 3
    dataset = data.load(
        tmp_path / 'mine.npz', labels_per_class=None, labels=2, validation=1
    )
    assert len(dataset.rows['labelled']) == 2 and dataset.num_classes in (0, 1)
    assert dataset.rows['test'].tolist() == [6, 7]
    assert {8, 9, 10} < set(dataset.rows['unlabelled'])


def test_clips(tmp_path):
    clips = {
        'image': np.zeros((2, 4, 8, 8, 1), np.float32),
        'landmarks': np.ones((2, 4, 5, 2), np.float32),
        'annotated': np.eye(2, 4) > 0,
    }
    source, parts = _read(tmp_path, clips)
    assert source[1]['visible'].shape == (4, 5) and source[1]['visible'].all()
    assert source[1]['annotated'].tolist() == [False, True, False, False]
    assert parts['train'].tolist() == [0, 1]


@pytest.mark.parametrize('clip', [None, 2])
def test_errors_by_size(tmp_path, clip):
    lead = (2,) if clip is None else (2, clip)
    size = np.arange(1, 1 + np.prod(lead)).reshape(lead) * 10  # integers will do
    source, _ = _read(
        tmp_path,
        {
            'image': np.zeros((*lead, 8, 8, 1), np.uint8),
            'landmarks': np.ones((*lead, 3, 2), np.float32),
            'size': size,
        },
    )
    task = tasks.landmarks(3, (8, 8, 1), sigma=1.0, clip=clip, normaliser='size')
    example = data.collate(source, np.arange(2), task.example)
    assert example['size'].dtype == np.float32
    found = {'landmarks': example['landmarks'] + np.float32([3, 4])}
    metric = task.metrics['nme']
    error = metric.result(metric.rows(found, example))['nme']
    np.testing.assert_allclose(error, np.mean(5 / size), rtol=1e-6)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'landmark': np.zeros(6)}, "mean 'landmarks'"),
        ({'unlabeled_image': np.zeros((6, 8, 8, 1))}, "mean 'unlabelled_image'"),
        ({'image': np.zeros((6, 8, 8), np.uint8)}, r'image has shape \(6, 8, 8\)'),
        ({'image': np.zeros((5, 8, 8, 1), np.uint8)}, r'landmarks has shape \(6, 3'),
        ({'landmarks': np.zeros((6, 3, 3))}, r'landmarks has shape \(6, 3, 3\)'),
        ({'landmarks': np.zeros((6, 3, 2), int)}, r'landmarks has .*\(int64\)'),
        ({'landmarks': np.full((6, 3, 2), np.nan)}, r'landmarks\[0\] holds NaN'),
        ({'visible': np.ones((6, 3))}, 'visible is float64'),
        ({'annotated': np.ones(5, bool)}, r'annotated is bool \(5,\)'),
        ({'person': np.ones(6)}, 'person is float64'),
        ({'size': np.ones((6, 1))}, r'size is float64 \(6, 1\); give floats \(6,\)'),
        ({'size': np.array(['1'] * 6)}, 'size is <U1'),
        ({'size': np.array([1, 2, 0, 1, 1, 1.0])}, r'size\[2\] is 0.0; give pixels'),
        ({'size': np.array([1, 2, 1, 1, np.nan, 1])}, r'size\[4\] holds NaN'),
        ({'size': np.ones(6), **_content('test_', 2)}, 'lacks test_size'),
        (
            {'test_image': np.zeros((2, 8, 8, 1), np.uint8)},
            'give test_image and test_l',
        ),
        (_content('test_', 2, person=None), 'lacks test_person'),
        (_content('unlabelled_', 2), 'no landmarks to unlabelled'),
        (
            _content('test_', 2, image=np.zeros((2, 9, 8, 1), np.uint8)),
            r'test has shape \(9, 8, 1\) a row',
        ),
        (
            _content('test_', 2, landmarks=np.zeros((2, 4, 2))),
            r'test_landmarks has shape \(2, 4, 2\)',
        ),
    ],
)
def test_what_does_not_fit(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        _read(tmp_path, _content() | change)
