"""Closed forms against iterated fits, and the numbers of the paper's example."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.solvers import self_distillation

REGULARISATION = 0.2
X = np.arange(11) / 10
# The toy data of Mobahi et al. 2020, as in the paper's notebook.
Y = np.array(
    [0.38476637, 1.23339677, 1.33232242, 0.69201595, -0.29756146, -0.24189291]
    + [-0.79644858, -0.96164802, -0.49672510, -0.34690660, 0.55895127]
)
FRESH = np.arange(101) / 100
TRUTH = np.sin(2 * np.pi * FRESH)


def rbf(a, b):
    return np.exp(-80 * (a[:, None] - b[None]) ** 2)


KERNEL, ACROSS = rbf(X, X), rbf(FRESH, X)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def iterated(weights, target=Y):
    """Coefficients of the steps with these weights, one after another."""
    found, previous = [], target
    for weight in weights:
        coefficients = self_distillation.refit(
            KERNEL, target, previous, weight=weight, regularisation=REGULARISATION
        )
        previous = KERNEL @ coefficients
        found.append(coefficients)
    return np.stack(found)


def closed(weight, steps, target=Y):
    return self_distillation.fit(
        KERNEL, target, weight=weight, regularisation=REGULARISATION, steps=steps
    )


@pytest.mark.parametrize(
    'weight, errors',
    [
        (0.0, [0.16477, 0.15076, 0.14915, 0.15561, 0.16735, 0.18251, 0.49505]),
        (0.35, [0.16477, 0.15424, 0.15089, 0.14983, 0.14954, 0.14948, 0.14959]),
        (0.25, [0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011, 0.15250]),
    ],
)
def test_errors_of_the_example(weight, errors):
    """Steps 1 to 6 and without end. (The README's '0.25' is 0.35.)"""
    steps = [1, 2, 3, 4, 5, 6, math.inf]
    answers = ACROSS @ np.stack([closed(weight, tau) for tau in steps], axis=1)
    found = np.mean((answers - TRUTH[:, None]) ** 2, axis=0)
    np.testing.assert_allclose(found, errors, atol=6e-6)


@pytest.mark.parametrize('weight', [0.0, 0.3, 1.0])
def test_closed_form_is_the_iteration(weight):
    targets = np.stack([Y, Y**2], axis=1)
    steps = iterated([weight] * 60, targets)
    for tau in 1, 2, 3, 7:
        np.testing.assert_allclose(
            closed(weight, tau, targets), steps[tau - 1], atol=1e-9
        )
    if weight:
        np.testing.assert_allclose(
            closed(weight, math.inf, targets), steps[-1], atol=1e-6
        )
    values, vectors = np.linalg.eigh(KERNEL)
    shrunk = self_distillation.shrinkage(
        values, weight=weight, regularisation=REGULARISATION, steps=7
    )
    np.testing.assert_allclose(
        vectors @ (shrunk[:, None] * (vectors.T @ targets)),
        KERNEL @ steps[6],
        atol=1e-9,
    )


def test_without_end_it_is_one_fit_regularised_more():
    ridge = np.linalg.solve(KERNEL + REGULARISATION / 0.3 * np.eye(11), Y)
    np.testing.assert_allclose(closed(0.3, math.inf), ridge, atol=1e-9)
    np.testing.assert_array_equal(closed(0.0, math.inf), np.zeros(11))


def test_best_weight_is_the_searched_one():
    """At steps 2 to 6, each after the best before it; the first is below 0."""
    weights, grid = [1.0], np.linspace(-1, 1, 2001)
    first = ACROSS @ iterated(weights)[0]
    for _ in range(5):
        distilled = ACROSS @ iterated([*weights, 0.0])[-1]
        best = float(self_distillation.best_weight(TRUTH, first, distilled))
        steps = grid * first[:, None] + (1 - grid) * distilled[:, None]
        searched = grid[np.argmin(np.mean((steps - TRUTH[:, None]) ** 2, axis=0))]
        np.testing.assert_allclose(best, searched, atol=5.1e-4)
        weights.append(best)
        mixed = best * first + (1 - best) * distilled
        np.testing.assert_allclose(ACROSS @ iterated(weights)[-1], mixed, atol=1e-9)
    np.testing.assert_allclose(
        weights[1:], [-0.62, 0.330, 0.335, 0.336, 0.336], atol=2e-3
    )
    assert self_distillation.best_weight(TRUTH, first, first) == 0


def test_float32_under_jit_with_a_weight_to_differentiate():
    low = KERNEL.astype('f'), Y.astype('f')

    def loss(weight):
        c = self_distillation.fit(
            *low, weight=weight, regularisation=REGULARISATION, steps=3
        )
        assert c.dtype == jnp.float32
        return jnp.sum(c)

    weight = jnp.float32(0.3)
    value, gradient = jax.jit(jax.value_and_grad(loss))(weight)
    np.testing.assert_allclose(value, closed(0.3, 3).sum(), rtol=1e-4)
    slope = (closed(0.3001, 3).sum() - closed(0.2999, 3).sum()) / 2e-4
    np.testing.assert_allclose(gradient, slope, rtol=1e-3)


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match=r'kernel is \(11, 11\) and target \(10,\)'):
        closed(0.5, 2, Y[:10])
    with pytest.raises(InputError, match='regularisation is 0.2 and steps 0'):
        closed(0.5, 0)
