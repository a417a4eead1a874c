"""An .npz with masks in place of labels."""

import numpy as np
import pytest

from ssljax import data
from ssljax.contracts import InputError
from ssljax.data import sources


def _content(prefix='', count=6, first=0, **fields):
    random = np.random.default_rng(count)
    content = {
        'image': random.integers(0, 256, (count, 4, 8, 6, 1), np.uint8),
        'mask': random.integers(0, 3, (count, 4, 8, 6)).astype(np.uint8),
        'spacing': np.tile([3.0, 1.0, 1.0], (count, 1)),
        'case': first + np.arange(count) // 2,
        **fields,
    }
    return {prefix + key: value for key, value in content.items() if value is not None}


def _read(tmp_path, *contents):
    whole = {key: value for content in contents for key, value in content.items()}
    np.savez(tmp_path / 'mine.npz', **whole)
    return sources.npz(tmp_path / 'mine.npz')


def test_parts_fields_and_cases(tmp_path):
    content = _content()
    content['mask'][0, 0, 0, :2] = 255
    content['mask'][1] = 0  # a case without any foreground is one like any other
    source, parts = _read(
        tmp_path,
        content,
        _content('test_', 2, first=7),
        _content('unlabelled_', 3, first=4, mask=None),
    )
    rows = {part: found.tolist() for part, found in parts.items()}
    assert rows == {'train': [*range(6)], 'test': [6, 7], 'unlabelled': [8, 9, 10]}
    kinds = {name: (x.shape, x.dtype.name) for name, x in source.fields.items()}
    assert kinds == {
        'image': ((11, 4, 8, 6, 1), 'uint8'),
        'mask': ((11, 4, 8, 6), 'int32'),
        'annotated': ((11,), 'bool'),
        'spacing': ((11, 3), 'float32'),
        'case': ((11,), 'int32'),
    }
    np.testing.assert_array_equal(source.fields['mask'][:6], content['mask'])
    assert (source.fields['mask'][8:] == 255).all()
    assert source.classes == ('0', '1', '2')

    # A label is a case: both of its rows, and never one of them elsewhere.
    dataset = data.load(tmp_path / 'mine.npz', labels=1, validation=2, seed=3)
    case = source.fields['case']
    of = {part: set(case[rows].tolist()) for part, rows in dataset.rows.items()}
    assert len(dataset.rows['labelled']) == 2 and len(of['labelled']) == 1
    assert len(of['validation']) == 1 and not of['validation'] & of['unlabelled']
    assert of['labelled'] < of['unlabelled'] and of['test'] == {7}
    assert (dataset.split['labels'], dataset.split['validation_labels']) == (1, 1)
    assert dataset.num_classes == 3
    two = data.load(tmp_path / 'mine.npz', labels=2, validation=2, seed=3)
    assert set(dataset.rows['labelled']) < set(two.rows['labelled'])
    with pytest.raises(InputError, match='labels is 3; .* the 2 annotated cases'):
        data.load(tmp_path / 'mine.npz', labels=3, validation=2)


def test_images_and_rows_nobody_annotated(tmp_path):
    content = {
        'image': np.zeros((3, 8, 8, 1), np.float32),
        'mask': np.ones((3, 8, 8), int),
        'annotated': np.array([True, False, True]),
        'classes': np.array(['background', 'disc', 'cup']),
    }
    source, _ = _read(tmp_path, content)
    assert source.classes == ('background', 'disc', 'cup')
    assert (source[1]['mask'] == 255).all() and (source[2]['mask'] == 1).all()
    dataset = data.load(tmp_path / 'mine.npz', labels=1, validation=0, test=1)
    assert sorted(np.concatenate([dataset.rows[p] for p in ('unlabelled', 'test')]))
    assert 1 in dataset.rows['unlabelled'] and len(dataset.rows['labelled']) == 1


def test_background_alone_beside_rows_nobody_annotated(tmp_path):
    annotated = np.arange(6) < 5
    content = _content() | {'mask': np.zeros((6, 4, 8, 6), int), 'annotated': annotated}
    source, _ = _read(tmp_path, content)
    assert source.classes == ('0', '1') and (source[5]['mask'] == 255).all()


def test_a_case_in_two_parts(tmp_path):
    _read(tmp_path, _content(), _content('test_', 2))
    with pytest.raises(InputError, match='case 0 has rows to train on and .* test'):
        data.load(tmp_path / 'mine.npz', labels=1)


WRONG = _content()['mask'].copy()
WRONG[4, 1, 2, 3] = 9


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'masks': np.zeros(6)}, "mean 'mask'"),
        ({'image': np.zeros((6, 8, 8), np.uint8)}, r'image has shape \(6, 8, 8\)'),
        ({'mask': np.zeros((6, 4, 8, 7), int)}, r'mask has shape \(6, 4, 8, 7\)'),
        ({'mask': np.zeros((6, 4, 8, 6))}, 'mask is float64; give class numbers'),
        (
            {'mask': WRONG, 'classes': np.array(['a', 'b', 'c'])},
            r'mask\[4\] has a pixel of class 9; give 0 to 2, or 255',
        ),
        (
            _content('test_', 2, first=8, mask=np.full((2, 4, 8, 6), 3)),
            r'test_mask\[0\] has a pixel of class 3; give 0 to 2',
        ),
        ({'mask': np.where(WRONG > 0, 255, 0)}, 'hold no class but 0, beside 255'),
        ({'spacing': np.ones((6, 2))}, r'spacing has shape \(6, 2\)'),
        ({'spacing': np.zeros((6, 3))}, 'millimetres above 0'),
        ({'case': np.ones(6)}, 'case is float64'),
        ({'annotated': np.ones(5, bool)}, r'annotated is bool \(5,\)'),
        (_content('test_', 2, first=8, spacing=None), 'lacks test_spacing'),
        (_content('unlabelled_', 2, first=8), 'no mask to unlabelled'),
        (
            _content('test_', 2, image=np.zeros((2, 4, 8, 7, 1), np.uint8)),
            r'test_mask has shape \(2, 4, 8, 6\)',
        ),
    ],
)
def test_what_does_not_fit(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        _read(tmp_path, _content() | change)
