"""Deformations: smooth, still at the border, and without folds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

KEYS = jax.random.split(jax.random.key(0), 12)


def _flows(shape, **given):
    many = jax.vmap(lambda key: views.diffeomorphism(key, shape, **given))
    return np.asarray(jax.jit(many)(KEYS))


@pytest.mark.parametrize('shape', [(40, 32), (29, 30, 31)])
def test_small_smooth_and_still_at_the_border(shape):
    flows = _flows(shape)
    assert flows.shape == (12, *shape, len(shape))
    for axis in range(len(shape)):
        for end in (0, -1):
            assert not np.take(flows, end, 1 + axis).any()
    # At most 0.03 of half a side, of x first.
    most = 0.03 * np.array(shape[::-1]) / 2
    reached = np.abs(flows).reshape(-1, len(shape)).max(0)
    assert (reached <= most + 1e-5).all() and (reached > 0.2 * most).all()


def test_nothing_folds_over_where_a_spline_alone_would():
    flow = _flows((48, 48), most=(0.6, 0.6), squarings=7)
    dy, dx = (np.gradient(flow, axis=axis) for axis in (1, 2))
    area = (1 + dx[..., 0]) * (1 + dy[..., 1]) - dx[..., 1] * dy[..., 0]
    assert np.abs(flow).max() > 4 and area.min() > 0
    once = _flows((48, 48), most=(0.6, 0.6), squarings=0)
    dy, dx = (np.gradient(once, axis=axis) for axis in (1, 2))
    area = (1 + dx[..., 0]) * (1 + dy[..., 1]) - dx[..., 1] * dy[..., 0]
    assert area.min() < 0


def test_values_are_read_where_the_flow_says():
    y, x = np.mgrid[:12, :14].astype(np.float32)
    values = jnp.stack([2 * x - y, 3 * y], -1)  # linear: read exactly
    flow = jnp.zeros((12, 14, 2)).at[3, 5].set(jnp.array([1.5, -0.25]))
    got = jax.jit(views.deform)(values, flow)
    np.testing.assert_allclose(got[3, 5], [2 * 6.5 - 2.75, 3 * 2.75], rtol=1e-6)
    np.testing.assert_array_equal(got.at[3, 5].set(0), values.at[3, 5].set(0))
    slope = jax.jit(jax.grad(lambda f: views.deform(values, f)[3, 5, 0]))(flow)
    np.testing.assert_allclose(slope[3, 5], [2, -1], rtol=1e-5)


def test_no_magnitude_changes_nothing():
    image = np.random.default_rng(0).random((32, 32, 1)).astype(np.float32)
    view = jax.jit(views.bspline(most=(0.0, 0.0)))
    example = {'image': image, 'mask': (image[..., 0] > 0.5).astype(np.int32)}
    got = view(KEYS[0], example)
    np.testing.assert_array_equal(got['image'], image)
    np.testing.assert_array_equal(got['mask'], example['mask'])


def test_image_and_mask_bend_alike():
    disc = np.hypot(*(np.mgrid[:40, :40] - 19.5)) < 9
    example = {
        'image': disc[..., None].astype(np.float32),
        'mask': disc.astype(np.int32),
    }
    got = jax.jit(views.bspline(most=(0.2, 0.2)))(KEYS[3], example)
    mask = np.asarray(got['mask']) == 1
    assert (mask != disc).sum() > 10
    assert ((np.asarray(got['image'])[..., 0] > 0.5) == mask).mean() > 0.99


@pytest.mark.parametrize(
    'given',
    [{'spacing': ()}, {'spacing': (8,)}, {'most': (0.1, 0.0)}, {'most': (-1.0, 0.0)}],
)
def test_impossible_numbers(given):
    with pytest.raises(InputError):
        views.diffeomorphism(KEYS[0], (32, 32), **given)
