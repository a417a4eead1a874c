"""Densities: closed forms, the gradient of DM-Count, and what contradicts itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, solvers
from ssljax.contracts import InputError

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(0, 16, (2, 5, 2)).astype(np.float32)
VALID = jnp.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
DENSITY = RNG.uniform(0, 0.4, (2, 4, 4)).astype(np.float32)


def official_gradient(density, points, regularisation, iterations):
    """DM-Count's: matrix scaling of the normalised density, in float64."""
    cells = 4 * np.arange(4) + 1.5
    y, x = (grid.reshape(-1) for grid in np.meshgrid(cells, cells, indexing='ij'))
    cost = (points[:, :1] - x[None]) ** 2 + (points[:, 1:] - y[None]) ** 2
    total = density.sum()
    share = density.reshape(-1) / total
    kernel = np.exp(-cost / regularisation)
    u = np.full(len(points), 1 / len(points))
    for _ in range(iterations):
        v = share / (u @ kernel)
        u = np.full(len(points), 1 / len(points)) / (kernel @ v)
    beta = regularisation * np.log(v)
    gradient = beta / total - (density.reshape(-1) * beta).sum() / total**2
    return gradient.reshape(4, 4)


def test_transport_has_the_official_gradient():
    def total(density):
        return losses.transport_loss(density, POINTS, VALID, 4).sum()

    value, gradient = jax.jit(jax.value_and_grad(total))(DENSITY)
    expected = official_gradient(np.float64(DENSITY[0]), POINTS[0, :3], 10.0, 100)
    np.testing.assert_allclose(gradient[0], expected, rtol=1e-4, atol=1e-4)
    # Nothing to carry it to; and more of the same is the same distribution.
    np.testing.assert_array_equal(gradient[1], np.zeros((4, 4)))
    np.testing.assert_allclose(total(2 * DENSITY), value, rtol=1e-4)


def test_transport_falls_as_mass_comes_nearer():
    point, there = jnp.array([[[1.5, 1.5]]]), jnp.ones((1, 1), bool)
    works = [
        losses.transport_loss(
            jnp.zeros((1, 4, 4)).at[0, i, i].set(3.0), point, there, 4
        )
        for i in range(4)
    ]
    np.testing.assert_allclose(np.ravel(works), [0, 32, 128, 288], atol=1e-2)


def test_variation_is_of_distributions():
    true = solvers.density.place(POINTS, VALID, (4, 4), 4)
    got = jax.jit(losses.variation)(DENSITY, true)
    share = DENSITY[0] / DENSITY[0].sum()
    expected = 3 * np.abs(share - np.asarray(true[0]) / 3).sum()
    np.testing.assert_allclose(got, [expected, 0], rtol=1e-5)
    np.testing.assert_allclose(losses.variation(7 * true, true), 0, atol=1e-5)


def test_only_disorder_is_ranked():
    counts = jnp.array([[5.0, 4.0, 4.0, 1.0], [1.0, 4.0, 2.0, 3.0]])
    got = losses.ranking(counts)
    np.testing.assert_allclose(got, [0, (3 + 1 + 2 + 1) / 6], rtol=1e-6)
    np.testing.assert_allclose(losses.ranking(counts, margin=1.0)[0], 1 / 6, rtol=1e-6)
    gradient = jax.grad(lambda c: losses.ranking(c).sum())(counts)
    np.testing.assert_allclose(gradient[1] * 6, [-3, 1, 0, 2], atol=1e-6)


def test_sums_of_positive_maps_are_never_out_of_order():
    """Why regions must not be resized: then the same map contradicts itself."""
    maps = jnp.asarray(RNG.uniform(0, 1, (4, 16, 16)), jnp.float32)
    crops = [maps[:, i : 16 - i, i : 16 - i] for i in range(0, 8, 2)]
    sums = jnp.stack([crop.sum((-2, -1)) for crop in crops], axis=-1)
    np.testing.assert_array_equal(losses.ranking(sums), np.zeros(4))
    areas = jnp.array([[crop.shape[-1] ** 2 for crop in crops]])
    assert losses.ranking(sums * 256 / areas).max() > 1


def test_rectified_consistency_weighs_cell_by_cell():
    heads = jnp.asarray(RNG.uniform(0.1, 1, (2, 3, 4, 4)), jnp.float32)
    got, gradient = jax.jit(
        jax.value_and_grad(lambda x: losses.rectified_consistency(x).sum())
    )(heads)
    mean = np.asarray(heads, np.float64).mean(1, keepdims=True)
    q, p = (x / x.mean((-2, -1), keepdims=True) for x in (mean, np.asarray(heads)))
    doubt = q * np.log(q / p) - q + p
    assert (doubt >= 0).all()
    distribution = [x / x.sum((-2, -1), keepdims=True) for x in (q, p)]
    divergence = (distribution[0] * np.log(distribution[0] / distribution[1])).sum(
        (-2, -1)
    )
    np.testing.assert_allclose(doubt.mean((-2, -1)), divergence, atol=1e-6)
    trust = np.exp(-doubt)
    squares = ((mean - heads) ** 2 * trust).sum((-2, -1)) / trust.sum((-2, -1))
    np.testing.assert_allclose(got, (squares + divergence).mean(1).sum(), rtol=1e-5)
    # Unlike with one v a map, it is not the plain mean of squares.
    plain = ((mean - heads) ** 2).mean((-2, -1))
    assert np.abs(squares / plain - 1).max() > 0.05
    assert np.isfinite(gradient).all()


def test_heads_that_agree_cost_nothing():
    same = jnp.broadcast_to(jnp.asarray(DENSITY)[:, None], (2, 3, 4, 4))
    nothing = jnp.zeros((2, 3, 4, 4))
    for heads in (same, nothing):
        value, gradient = jax.value_and_grad(
            lambda x: losses.rectified_consistency(x).sum()
        )(heads)
        np.testing.assert_allclose(value, 0, atol=1e-6)
        assert np.isfinite(gradient).all()


def test_counts_agree_with_their_mean_and_with_the_truth():
    counts = jnp.array([[1.0, 2.0, 6.0]])
    np.testing.assert_allclose(losses.count_agreement(counts), [(2 + 1 + 3) / 3])
    gradient = jax.grad(lambda c: losses.count_agreement(c).sum())(counts)
    # d|c_t - mean|: the mean moves with each of them.
    np.testing.assert_allclose(gradient * 9, [[-2, -2, 4]], atol=1e-5)
    np.testing.assert_allclose(losses.count_error(counts, 0 * counts + 2), [[1, 0, 4]])
    with pytest.raises(InputError, match='count'):
        losses.count_error(counts, counts[0])
