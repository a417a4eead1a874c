import numpy as np
import pytest

from ssljax.data import Arrays, leaks, sources


def test_the_same_content_under_another_name():
    image = np.arange(12, dtype=np.uint8).reshape(6, 2)
    image[4] = image[1]  # row 4 is row 1 again, with another label
    source = Arrays(
        {'image': image, 'label': np.arange(6, dtype=np.int32)},
        names=[f'{name}.png' for name in 'abcdef'],
    )
    parts = {
        'labelled': np.array([0, 1]),
        'unlabelled': np.array([0, 1, 2]),  # overlaps, as it may
        'validation': np.array([3]),
        'test': np.array([4, 5]),
    }
    with pytest.warns(UserWarning, match='1 rows .* e.png of test is b.png of'):
        found = leaks(source, parts)
    assert [(x.part, x.row, x.other_row) for x in found] == [('test', 4, 1)]
    # The same row in two parts is a leak too, also between the two judged ones.
    parts |= {'validation': np.array([5]), 'test': np.array([5])}
    with pytest.warns(UserWarning, match='f.png of test is f.png of validation'):
        assert [x.row for x in leaks(source, parts)] == [5]
    assert leaks(source, {'train': np.arange(3), 'test': np.array([3, 5])}) == []


def test_rows_that_can_not_be_decoded_are_passed_over():
    class Torn(Arrays):
        def __getitem__(self, row):
            raise sources.BadItem(row, 'x', 'it is torn')

    source = Torn({'image': np.zeros((2, 2))})
    assert leaks(source, {'train': np.array([0]), 'test': np.array([1])}) == []
