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


def test_crops_contain_each_other_and_agree_between_heads():
    both = jnp.stack([MAPS[:, 0], 2 * MAPS[:, 0]], axis=1)
    crop = jax.jit(density.nested_crops)
    places = set()
    for key in jax.random.split(jax.random.key(0), 8):
        crops = crop(key, both)
        assert [c.shape[2:] for c in crops] == [
            (16, 12),
            (12, 9),
            (9, 6),
            (6, 4),
            (4, 3),
        ]
        for outer, inner in zip(crops, crops[1:], strict=False):
            np.testing.assert_allclose(inner[:, 1], 2 * inner[:, 0])
            for k in range(3):
                windows = np.lib.stride_tricks.sliding_window_view(
                    outer[k, 0], inner.shape[2:]
                )
                found = np.argwhere((windows == np.asarray(inner[k, 0])).all((2, 3)))
                assert len(found) == 1
                places.add((k, *found[0]))
    assert len(places) > 20  # the centre is random, of each image its own
