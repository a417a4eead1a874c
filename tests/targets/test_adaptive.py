"""SoftMatch's weights against the card in float64; the recursions are in methods."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import targets
from ssljax.contracts import Evidence, InputError


@pytest.mark.parametrize('momentum', [0.9, 0.5])
def test_gaussian_weights_on_aligned_answers(momentum):
    rng = np.random.default_rng(0)
    rule = targets.gaussian(momentum, measured_on=targets.align('uniform', momentum))
    mu, variance, model, state = 1 / 4, 1.0, None, None
    seen = []
    for _ in range(15):
        probs = rng.dirichlet([0.9, 0.3, 0.2, 0.1], 12).astype(np.float32)
        start = targets.from_prediction(probs)
        state = rule.init(start) if state is None else state
        got, state = jax.jit(rule.update)(start, state, Evidence(jnp.asarray(0)))

        p = probs.astype(float)
        keep = 0 if model is None else momentum
        model = keep * (model if keep else 0) + (1 - keep) * p.mean(0)
        aligned = p * (0.25 + 1e-6) / (model + 1e-6)
        best = (aligned / aligned.sum(-1, keepdims=True)).max(-1)
        mu = momentum * mu + (1 - momentum) * best.mean()
        variance = momentum * variance + (1 - momentum) * best.var(ddof=1)
        expected = np.exp(-(np.minimum(best - mu, 0) ** 2) / (2 * variance / 2**2))
        np.testing.assert_allclose(got.weight, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(got.value, probs)  # taught as they were
        seen.append(got.weight)
    assert np.min(seen) < 0.99 and np.max(seen) == 1


def test_one_row_and_one_confidence_have_finite_weights():
    rule = targets.gaussian(0.0)
    for probs in np.float32([[0.6, 0.4]]), np.float32([[0.6, 0.4]] * 3):
        start = targets.from_prediction(probs)
        got, _ = rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))
        np.testing.assert_array_equal(got.weight, 1)


@pytest.mark.parametrize('rule', [targets.self_adaptive(), targets.gaussian()])
def test_pixels_are_rows(rule):
    probs = jax.random.dirichlet(jax.random.key(0), jnp.ones(3), (8,))
    found = []
    for shape in (8, 3), (2, 4, 3):
        start = targets.from_prediction(probs.reshape(shape))
        got, _ = rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))
        found.append(got.weight.reshape(8))
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_refusals():
    with pytest.raises(InputError, match='momentum is 2'):
        targets.self_adaptive(2)
    with pytest.raises(InputError, match='sigmas is 0'):
        targets.gaussian(sigmas=0)
    start = targets.from_prediction(jnp.full((4, 3), 1 / 3))
    with pytest.raises(InputError, match='probs_labelled'):
        targets.relative().update(start, (), Evidence(jnp.asarray(0)))
