import numpy as np
import pytest
from PIL import Image

from ssljax import data
from ssljax.contracts import InputError


@pytest.fixture
def source():
    return data.Arrays(
        {'label': np.array([0, -1, -1, 3], np.int32), 'image': np.ones((4, 2), 'f')}
    )


def test_replaces_some_rows_and_leaves_the_source(source):
    over = data.overlay(source, np.array([2, 1]), {'label': np.array([7, 5])})
    np.testing.assert_array_equal(over.fields['label'], [0, 5, 7, 3])
    assert over.fields['label'].dtype == np.int32
    np.testing.assert_array_equal(source.fields['label'], [0, -1, -1, 3])
    assert over.fields['image'] is source.fields['image']


def test_adds_fields_that_say_where_they_are_absent(source):
    new = {'code': np.array([4]), 'score': np.array([[0.5, 0.25]], 'f')}
    over = data.overlay(source, np.array([3]), new)
    np.testing.assert_array_equal(over.fields['code'], [-1, -1, -1, 4])
    np.testing.assert_array_equal(over.fields['score'][3], [0.5, 0.25])
    assert np.isnan(over.fields['score'][:3]).all()


def test_an_empty_index_changes_nothing(source):
    empty = data.overlay(source, np.array([], int), {'label': np.array([], int)})
    np.testing.assert_array_equal(empty.fields['label'], source.fields['label'])


@pytest.mark.parametrize(
    'index, fields, message',
    [
        ([4], {'label': [1]}, 'names row 4, but the source has rows 0 to 3'),
        ([1, 2, 1], {'label': [1, 2, 3]}, 'row 1 more than once'),
        ([1], {'label': [1, 2]}, r'shape \(2,\); 1 rows of the source need \(1,\)'),
        ([1], {'label': [0.5]}, 'is float64 and the source has int32'),
        ([1], {'image': np.ones((1, 3), 'f')}, r'need \(1, 2\)'),
        ([1], {'mask': [True]}, 'is new and bool'),
    ],
)
def test_refuses_what_does_not_fit(source, index, fields, message):
    fields = {name: np.asarray(value) for name, value in fields.items()}
    with pytest.raises(InputError, match=message):
        data.overlay(source, np.array(index), fields)


def test_a_source_that_is_decoded_stays_so(tmp_path):
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for name in 'abc':
        Image.fromarray(picture).save(tmp_path / f'{name}.png')
    below = data.sources.flat_folder(tmp_path, data.sources.Pictures(None))
    source = data.overlay(below, np.array([2]), {'label': np.array([7], np.int32)})
    assert source.columns['label'].tolist() == [-1, -1, 7]
    row = source[2]
    np.testing.assert_array_equal(row['image'], picture)
    assert row['label'] == 7 and source.name(2) == 'c.png' and len(source) == 3
    assert source.fingerprint() == below.fingerprint()
