"""Crops that are resized, and looks from an angle."""

import jax
import numpy as np
import pytest
from PIL import Image

from ssljax import views
from ssljax.contracts import InputError

IMAGE = np.random.default_rng(0).random((12, 16, 1)).astype(np.float32)


def draw(view, example, seeds):
    keys = jax.random.split(jax.random.key(0), seeds)
    many = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return jax.device_get(many(keys, example))


def boxes_of(warps, size):
    """The crops (x1, y1, x2, y2), as Pillow counts, that became views of a size."""
    grow = warps[:, [0, 1], [0, 1]]
    low = 0.5 - (warps[:, :2, 2] + 0.5) / grow
    return np.concatenate([low, low + np.array(size[::-1]) / grow], axis=1)


def test_resized_crop_is_pillows_crop_and_resize():
    size = (14, 18)
    got = draw(views.resized_crop((0.2, 1.0), size=size), {'image': IMAGE}, 12)
    picture = Image.fromarray(IMAGE[..., 0])
    for box, image in zip(boxes_of(got['warp'], size), got['image'], strict=True):
        box = np.round(box).tolist()  # whole pixels; their test is below
        if box[2] - box[0] > 18 or box[3] - box[1] > 14:
            continue  # Pillow smooths what it shrinks
        expected = picture.resize(size[::-1], Image.Resampling.BILINEAR, box=box)
        np.testing.assert_allclose(image[..., 0], np.asarray(expected), atol=1e-4)


def test_crops_have_the_shares_and_ratios_asked_for():
    scale, ratio = (0.3, 0.6), (0.8, 1.25)
    example = {'image': np.zeros((60, 80, 1), np.float32)}
    warps = draw(views.resized_crop(scale, ratio), example, 200)['warp']
    x1, y1, x2, y2 = boxes_of(warps.astype(np.float64), (60, 80)).T
    for edge in (x1, y1, x2, y2):
        np.testing.assert_allclose(edge, np.round(edge), atol=1e-3)
    assert min(x1.min(), y1.min()) > -1e-3
    assert x2.max() < 80.001 and y2.max() < 60.001
    share, shape = (x2 - x1) * (y2 - y1) / 4800, (x2 - x1) / (y2 - y1)
    assert 0.29 < share.min() < 0.34 and 0.55 < share.max() < 0.61
    assert 0.78 < shape.min() < 0.85 and 1.18 < shape.max() < 1.28
    assert x1.min() < 1 and x2.max() > 79 and y1.min() < 1 and y2.max() > 59


def test_the_middle_where_no_crop_fits():
    example = {'image': np.zeros((10, 40, 1), np.float32)}
    view = views.resized_crop((0.9, 1.0), (1.0, 2.0))
    boxes = boxes_of(draw(view, example, 4)['warp'], (10, 40))
    np.testing.assert_allclose(boxes, [[10, 0, 30, 10]] * 4, atol=1e-4)


def test_perspective_moves_the_corners_inwards():
    corners = np.float32([[0, 0], [15, 0], [15, 11], [0, 11]])
    example = {'image': IMAGE, 'landmarks': corners}
    got = draw(views.perspective(0.5, 0.7), example, 200)
    by = np.abs(got['landmarks'] - corners) / [15, 11]
    moved = by.max(axis=(1, 2)) > 0
    assert 0.6 < moved.mean() < 0.8
    assert got['visible'].all()  # inwards
    by = by[moved]
    assert by.max() < 0.25 + 1e-5 and by.max(axis=0).min() > 0.2
    assert by.min(axis=0).max() < 0.05
    assert abs(np.corrcoef(by.reshape(len(by), -1).T) - np.eye(8)).max() < 0.35


@pytest.mark.parametrize(
    'make',
    [
        lambda: views.resized_crop(scale=(0.0, 1.0)),
        lambda: views.resized_crop(scale=(0.5, 1.5)),
        lambda: views.resized_crop(ratio=(2.0, 1.0)),
        lambda: views.resized_crop(size=(0, 4)),
        lambda: views.perspective(0.7),
        lambda: views.perspective(0.5, -0.1),
        lambda: views.elastic(1.0, 0.0),
        lambda: views.elastic(-1.0, 2.0),
        lambda: views.elastic(60.0, 4.0),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(InputError):
        make()
