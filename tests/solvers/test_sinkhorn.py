"""Entropic transport against the matrix scaling of the papers, in float64."""

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.solvers import sinkhorn

RNG = np.random.default_rng(0)
COST = RNG.uniform(0, 3, (2, 5, 7))
A, B = (RNG.uniform(0.1, 1, (2, n)) for n in (5, 7))
A, B = (x / x.sum(-1, keepdims=True) for x in (A, B))


def scaling(cost, a, b, regularisation, iterations):
    """Sinkhorn-Knopp: P = diag(u) exp(-C / epsilon) diag(v)."""
    kernel = np.exp(-cost / regularisation)
    u = np.full(len(a), 1 / len(a))
    for _ in range(iterations):
        v = b / (u @ kernel)
        u = a / (kernel @ v)
    plan = u[:, None] * kernel * v[None]
    return plan, regularisation * np.log(u), regularisation * np.log(v)


@pytest.mark.parametrize('iterations', [1, 3, 100])
def test_equals_matrix_scaling(iterations):
    got = jax.jit(
        lambda: sinkhorn(COST, A, B, regularisation=0.5, iterations=iterations)
    )()
    for k in range(2):
        expected = scaling(COST[k], A[k], B[k], 0.5, iterations)
        for mine, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(mine[k], theirs, atol=2e-6)


def test_the_plan_has_both_masses_and_padding_has_none():
    a = np.concatenate([A, np.zeros((2, 3))], axis=-1)
    cost = np.concatenate([COST, np.zeros((2, 3, 7))], axis=1)
    got = sinkhorn(cost, a, B, regularisation=0.5)
    np.testing.assert_allclose(got.plan.sum(-1), a, atol=1e-6)
    np.testing.assert_allclose(got.plan.sum(-2), B, atol=1e-5)
    alone = sinkhorn(COST, A, B, regularisation=0.5)
    np.testing.assert_allclose(got.plan[:, :5], alone.plan, atol=1e-5)


def test_sharp_where_scaling_underflows():
    """Costs of thousands of pixels squared: the cheapest matching, and no NaN."""
    at = np.arange(5.0)[:, None] * 40
    order = np.array([3, 1, 4, 0, 2])
    cost = (at - at[order].T) ** 2
    even = np.full(5, 0.2)
    got = sinkhorn(cost, even, even, regularisation=1.0)
    np.testing.assert_allclose(got.plan, 0.2 * np.eye(5)[order].T, atol=1e-6)


def test_the_potential_is_the_gradient():
    """Of the minimum by the target's mass, less a constant."""

    def least(b):
        plan, *_ = scaling(COST[0], A[0], b, 0.5, 500)
        return (plan * (COST[0] + 0.5 * np.log(plan))).sum()

    toward = RNG.normal(size=7)
    toward -= toward.mean()  # masses keep their sum
    slope = (least(B[0] + 1e-4 * toward) - least(B[0] - 1e-4 * toward)) / 2e-4
    got = sinkhorn(COST, A, B, regularisation=0.5, iterations=500)
    np.testing.assert_allclose(got.target[0] @ toward, slope, rtol=1e-4)


def test_what_means_nothing_is_refused():
    with pytest.raises(InputError, match='regularisation'):
        sinkhorn(COST, A, B, regularisation=0.0)
    with pytest.raises(InputError, match='cost'):
        sinkhorn(COST, B, A, regularisation=1.0)
