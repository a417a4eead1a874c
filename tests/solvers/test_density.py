"""Densities keep their sums, wherever they are moved to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.solvers import density

RNG = np.random.default_rng(0)
MAPS = RNG.uniform(0, 1, (3, 2, 16, 12)).astype(np.float32)


def test_points_are_counted_in_their_cells():
    points = jnp.array([[-0.5, -0.5], [3.4, 3.4], [3.5, 0.0], [11.4, 7.4], [11.6, 0.0]])
    valid = jnp.array([True, True, True, True, True])
    got = density.place(points, valid, (2, 3), 4)
    np.testing.assert_array_equal(got, [[2, 1, 0], [0, 0, 1]])  # the last is outside
    two = density.place(
        jnp.stack([points, points]),
        jnp.stack([valid, valid.at[0].set(False)]),
        (2, 3),
        4,
    )
    np.testing.assert_array_equal(two.sum((1, 2)), [4, 3])


@pytest.mark.parametrize('size', [(32, 24), (64, 36), (8, 6), (5, 7), (16, 12)])
def test_resized_maps_keep_their_sums(size):
    got = jax.jit(density.resize, static_argnums=1)(MAPS, size)
    assert got.shape == (3, 2, *size)
    np.testing.assert_allclose(got.sum((-2, -1)), MAPS.sum((-2, -1)), rtol=1e-5)
    assert (got >= 0).all()
    if size == (16, 12):
        np.testing.assert_allclose(got, MAPS, atol=1e-6)
    even = density.resize(jnp.ones((16, 12)), size)
    inner = even[2:-2, 2:-2]
    np.testing.assert_allclose(inner, 16 * 12 / np.prod(size), rtol=0.2)
