import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import solvers
from ssljax.contracts import InputError

k_centre = jax.jit(solvers.k_centre, static_argnames='count')


def radius(points, centres):
    apart = np.linalg.norm(points[:, None] - points[list(centres)][None], axis=-1)
    return apart.min(axis=1).max()


def test_takes_the_farthest_each_time():
    line = jnp.array([[0.0], [1.0], [4.0], [10.0], [10.5]])
    np.testing.assert_array_equal(k_centre(line, jnp.array([0]), 3), [4, 2, 1])
    np.testing.assert_array_equal(k_centre(line, jnp.array([4, 0]), 1), [2])
    empty = jnp.zeros(0, jnp.int32)
    np.testing.assert_array_equal(k_centre(line, empty, 2), [0, 4])


def test_is_within_twice_the_best_cover():
    points = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    best = min(radius(points, c) for c in itertools.combinations(range(12), 3))
    found = np.asarray(k_centre(points, jnp.array([5]), 2))
    greedy = radius(points, [5, *found])
    assert best <= greedy <= 2 * best


def test_no_row_twice_even_among_twins():
    twins = jnp.ones((5, 3))
    found = np.asarray(k_centre(twins, jnp.array([2]), 4))
    np.testing.assert_array_equal(found, [0, 1, 3, 4])
    assert found.dtype == np.int32


def test_refuses_more_than_there_are():
    with pytest.raises(InputError, match='count is 3; 2 points are left'):
        solvers.k_centre(jnp.ones((3, 1)), jnp.array([0]), 3)
