"""Bending: as much as said, and everything on the image with it."""

import jax
import numpy as np

from ssljax import views
from ssljax.views import warp

Y, X = np.mgrid[:32, :40]
RAMP = np.stack([X, Y], axis=-1).astype(np.float32)  # each pixel says where it was


def draw(view, example, seeds=8):
    keys = jax.random.split(jax.random.key(0), seeds)
    many = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return jax.device_get(many(keys, example))


def test_the_field_has_its_deviation_and_length():
    alpha, sigma = 20.0, 3.0
    got = draw(views.elastic(alpha, sigma), {'image': RAMP}, 64)['image']
    by = (got - RAMP)[:, 8:-8, 8:-8]
    expected = alpha / (2 * np.sqrt(3 * np.pi) * sigma)
    np.testing.assert_allclose(by.std(axis=(0, 1, 2)), expected, rtol=0.1)
    # Correlation of a Gaussian blur at distance 3 = sigma: exp(-1 / 4).
    apart = (by[:, :, :-3] * by[:, :, 3:]).mean() / (by**2).mean()
    np.testing.assert_allclose(apart, np.exp(-0.25), atol=0.05)
    assert abs((by[..., 0] * by[..., 1]).mean()) < 0.1 * (by**2).mean()


def test_landmarks_masks_and_boxes_bend_with_the_image():
    at = np.float32([[12, 10], [25, 20], [30, 12]])
    low, high = np.array([10, 9]), np.array([22, 17])
    mask = (X >= low[0]) & (X <= high[0]) & (Y >= low[1]) & (Y <= high[1])
    example = {
        'image': RAMP,
        'mask': mask.astype(np.int32),
        'landmarks': at,
        'boxes': np.float32([[*(low - 0.5), *(high + 0.5)]]),
    }
    got = draw(views.elastic(30.0, 4.0), example)
    assert abs(got['landmarks'] - at).max() > 0.5  # it bends
    np.testing.assert_array_equal(got['warp'], np.stack([np.eye(3)] * 8))
    read = jax.jit(lambda image, p: warp.sample(image, [p[:, 0], p[:, 1]]))
    for k in range(8):
        shown = read(got['image'][k], got['landmarks'][k])
        np.testing.assert_allclose(shown, at, atol=1e-2)
        there = np.argwhere(got['mask'][k] == 1)[:, ::-1]
        x1, y1, x2, y2 = got['boxes'][k, 0]
        tight = np.r_[there.min(axis=0) - 0.5, there.max(axis=0) + 0.5]
        np.testing.assert_allclose(tight, [x1, y1, x2, y2], atol=1.0)


def test_volumes_bend_too():
    z, y, x = np.mgrid[:10, :12, :14]
    ramp = np.stack([x, y, z], axis=-1).astype(np.float32)
    at = np.float32([[6, 5, 4], [8, 6, 5]])
    got = jax.jit(views.elastic(18.0, 2.5))(
        jax.random.key(0), {'image': ramp, 'landmarks': at}
    )
    assert abs(got['landmarks'] - at).max() > 0.1
    coordinates = [got['landmarks'][:, k] for k in range(3)]
    shown = jax.jit(warp.sample)(got['image'], coordinates)
    np.testing.assert_allclose(shown, at, atol=1e-2)
    assert got['warp'].shape == (4, 4)
