"""Dots that can be counted."""

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data.sources import dots

SOURCE = dots.dots(40, most=30, seed=1)


def test_fields():
    row = SOURCE[2]
    kinds = {name: (value.shape, value.dtype.name) for name, value in row.items()}
    assert kinds == {
        'image': ((64, 64, 1), 'float32'),
        'points': ((30, 2), 'float32'),
        'valid': ((30,), 'bool'),
        'count': ((), 'float32'),
        'annotated': ((), 'bool'),
    }
    assert row['image'].min() >= 0 and row['image'].max() <= 1
    np.testing.assert_array_equal(row['image'], SOURCE[2]['image'])


def test_counts_points_and_valid_agree():
    counts = [float(row['count']) for row in SOURCE]
    assert min(counts) < 5 and max(counts) > 25
    for row in SOURCE:
        assert row['valid'].sum() == row['count']
        assert (np.diff(row['valid'].astype(int)) <= 0).all()
        assert not row['points'][~row['valid']].any()
        assert (row['points'] >= 0).all() and (row['points'] <= 63).all()


def test_dots_are_drawn_at_their_points():
    plain = dots.dots(30, most=3, clutter=0, texture=0.0, noise=0.0)
    for row in plain:
        image = row['image'][..., 0]
        x, y = np.round(row['points'][row['valid']]).astype(int).T
        # All of it that differs from the ground is within a dot's reach of a point.
        far = np.ones_like(image, bool)
        for a, b in zip(x, y, strict=True):
            far[max(b - 4, 0) : b + 5, max(a - 4, 0) : a + 5] = False
            contrast = abs(image[b, a] - np.median(image[max(b - 8, 0) : b + 9]))
            assert contrast > 0.05
        assert np.abs(np.diff(image, axis=0))[far[1:] & far[:-1]].max() < 0.02


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'most': 0}, 'most is 0'),
        ({'most': 3.5}, 'most is 3.5; give an integer of at least 1'),
        ({'noise': -1.0}, r'noise is -1.0'),
        ({'size': 32}, r'size is 32; give \(H, W\)'),
        ({'size': (32, 8)}, r'size is \(32, 8\); give \(H, W\)'),
        ({'seed': -1}, 'seed is -1; give an integer of at least 0'),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(InputError, match=message):
        dots.dots(2, **options)
