"""Several sources under one numbering of rows."""

import numpy as np
import pytest
from PIL import Image

from ssljax.contracts import InputError
from ssljax.data import Arrays, join
from ssljax.data.sources.crops import Crops, Cut
from ssljax.data.sources.joined import Joined


def _part(count, label=None, classes=None, **more):
    fields = {'image': np.full((count, 2, 2, 1), count, np.uint8), **more}
    if label is not None:
        fields['label'] = np.array(label)
    return Arrays(fields, classes=classes, names=[f'{count}.{i}' for i in range(count)])


def test_arrays_become_arrays():
    source, rows = join(
        {'labelled': _part(2, [1, 0], ['cat', 'dog']), 'unlabelled': _part(3)}
    )
    assert isinstance(source, Arrays) and source.classes == ('cat', 'dog')
    assert {k: v.tolist() for k, v in rows.items()} == {
        'labelled': [0, 1],
        'unlabelled': [2, 3, 4],
    }
    assert source.fields['label'].tolist() == [1, 0, -1, -1, -1]
    assert source.fields['image'][:, 0, 0, 0].tolist() == [2, 2, 3, 3, 3]


def test_row_by_row():
    parts = _part(2, [1, 0]), _part(3)
    source = Joined(parts, np.array([1, 0, -1, -1, -1], np.int32))
    assert len(source) == 5 and source.name(4) == '3.2'
    assert source[1]['label'] == 0 and source[2]['label'] == -1
    assert source[1]['image'].max() == 2 and source[4]['image'].max() == 3
    assert (
        source.fingerprint()
        != Joined(parts[::-1], source.columns['label']).fingerprint()
    )
    for row in (5, -1):
        with pytest.raises(IndexError):
            source[row]


def test_crops_keep_the_columns_that_they_share(tmp_path):
    def part(count, **columns):
        names, boxes = ['a.png'] * count, np.array([[0.0, 0, 8, 8]] * count)
        points, seen = np.zeros((count, 2, 2)), np.ones((count, 2), bool)
        said = np.arange(count) % 2 == 0
        return Crops(
            tmp_path,
            names,
            boxes,
            points,
            seen,
            Cut((8, 8), channels=1),
            columns=columns,
            annotated=said,
        )

    Image.new('L', (9, 9), 90).save(tmp_path / 'a.png')
    first = part(
        2,
        person=np.array([4, 5], np.int32),
        place=np.array(['x', 'y']),
        size=np.array([1, 2], np.float32),
        hidden=np.zeros((2, 2), bool),
        video=np.array([0, 1]),
    )
    second = part(
        3,
        person=np.array([6, 7, 2**40]),
        place=np.array(['long', 'z', '']),
        size=np.array([1, 2, 3]),  # integers, which may mean something else
        hidden=np.zeros((3, 4), bool),
    )
    source, rows = join({'a': first, 'b': second})
    found = {name: x.tolist() for name, x in source.columns.items()}
    assert found == {
        'annotated': [True, False, True, False, True],
        'person': [4, 5, 6, 7, 2**40],
        'place': ['x', 'y', 'long', 'z', ''],
        'label': [-1] * 5,
    }
    assert rows['b'].tolist() == [2, 3, 4]
    for row in range(5):
        for name, values in source.columns.items():
            assert source[row][name] == values[row]
            assert type(source[row][name]) is values.dtype.type


@pytest.mark.parametrize(
    ('part', 'message'),
    [
        (_part(1).replaced(mask=np.zeros(1)), r"b has the fields \['image', 'mask'\]"),
        (
            _part(1, [0], ['fox']),
            r"b has the classes \('fox',\) and a \('cat', 'dog'\)",
        ),
        (Arrays({'image': np.zeros((1, 3, 2, 1), np.uint8)}), 'b has shape'),
        (_part(1, [0.5]), r'label of b\[0\] is 0.5'),
        (_part(0), 'b has no rows'),
    ],
)
def test_parts_that_do_not_fit(part, message):
    with pytest.raises(InputError, match=message):
        join({'a': _part(2, [1, 0], ['cat', 'dog']), 'b': part})
