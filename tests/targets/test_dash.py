"""Dash's recursion against the card, in float64 numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import targets
from ssljax.contracts import Evidence, InputError

NUMBERS = {'warmup': 4, 'every': 3, 'gamma': 2.0, 'least': 0.2, 'measure': 2}


def test_threshold_and_targets_over_20_steps():
    rng = np.random.default_rng(0)
    rule, state, measured, kinds = targets.dash(**NUMBERS), None, [], set()
    update = jax.jit(rule.update)
    for step in range(20):
        p = rng.dirichlet([1.5, 0.3, 0.2], 16).astype(np.float32)
        labelled = rng.dirichlet([0.5, 0.5, 0.5], 6).astype(np.float32)
        labels = rng.integers(0, 3, 6)
        start = targets.from_prediction(p)
        state = rule.init(start) if state is None else state
        evidence = Evidence(
            jnp.asarray(step), probs_labelled=labelled, labels=jnp.asarray(labels)
        )
        got, state = update(start, state, evidence)

        p = p.astype(float)
        if step in (2, 3):
            measured.append(-np.log(labelled.astype(float)[np.arange(6), labels]))
        if step < 4:
            np.testing.assert_array_equal(got.weight, 0)
            continue
        rho = max(1.0001 * 2.0 ** -((step - 4) // 3) * np.mean(measured), 0.2)
        hard = rho == 0.2
        q = np.eye(3)[p.argmax(-1)] if hard else p**2 / (p**2).sum(-1, keepdims=True)
        loss = -(q * np.log(np.maximum(p, 1e-30))).sum(-1)
        np.testing.assert_array_equal(got.weight, loss <= rho)
        np.testing.assert_allclose(got.value, q, rtol=1e-5, atol=1e-6)
        kinds |= {(hard, bool(kept)) for kept in loss <= rho}
    assert kinds == {(False, False), (False, True), (True, False), (True, True)}


def test_refusals():
    for name in 'warmup', 'gamma', 'temperature':
        with pytest.raises(InputError, match=f'{name} is 0'):
            targets.dash(**{name: 0})
    start = targets.from_prediction(jnp.full((4, 3), 1 / 3))
    rule = targets.dash()
    with pytest.raises(InputError, match='probs_labelled and labels'):
        rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))
