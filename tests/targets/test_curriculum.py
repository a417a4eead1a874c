"""FlexMatch's table against loops over rows, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import targets
from ssljax.contracts import Evidence, InputError
from ssljax.targets.curriculum import OUTSIDE, UNSEEN, status

ROWS = np.array([9, 2, 4, 5, 11, 7])  # of a source of 12 or more
TAU = 0.8


def reference(probs, index, table):
    """Weights by the table as it was, and the table after: dicts and loops."""
    sigma = [sum(c == k for c in table.values()) for k in range(3)]
    unseen = sum(c is None for c in table.values())
    beta = [s / max(*sigma, unseen, 1) for s in sigma]
    weight, new = [], dict(table)
    for p, i in zip(probs, index, strict=True):
        guess = int(np.argmax(p))
        weight.append(p[guess] >= TAU * beta[guess] / (2 - beta[guess]))
        if p[guess] >= TAU and i in new:
            new[i] = guess
    return np.array(weight, float), new, beta


def test_twelve_steps_with_warm_up():
    rng = np.random.default_rng(0)
    rule = targets.curriculum(TAU, ROWS)
    update, table, seen = jax.jit(rule.update), dict.fromkeys(ROWS.tolist()), set()
    state = None
    for _ in range(12):
        probs = rng.dirichlet([0.3, 0.2, 0.1], 5).astype(np.float32)
        # Rows occur twice; one is outside, one is padding.
        index = np.append(rng.choice(ROWS, 3), [3, -1])
        start = targets.from_prediction(probs)
        state = rule.init(start) if state is None else state
        evidence = Evidence(jnp.asarray(0), index=jnp.asarray(index))
        weight, table, beta = reference(probs.astype(float), index, table)
        np.testing.assert_allclose(status(state, 3), beta, rtol=1e-6)
        got, state = update(start, state, evidence)
        np.testing.assert_array_equal(got.weight, weight)
        found = {i: int(c) for i, c in enumerate(state) if c != OUTSIDE}
        assert found == {i: UNSEEN if c is None else c for i, c in table.items()}
        seen |= set(weight)
    assert seen == {0.0, 1.0}


def test_the_last_answer_of_a_row_counts():
    rule = targets.curriculum(TAU, 2)
    probs = jnp.eye(3)[jnp.array([2, 0, 1])]
    start = targets.from_prediction(probs)
    evidence = Evidence(jnp.asarray(0), index=jnp.array([1, 1, 0]))
    _, table = rule.update(start, rule.init(start), evidence)
    np.testing.assert_array_equal(table, [1, 0])


def test_refusals():
    for rows in np.zeros((2, 2), int), [0.5], [-1], []:
        with pytest.raises(InputError, match='rows has'):
            targets.curriculum(TAU, rows)
    rule = targets.curriculum(TAU, 4)
    start = targets.from_prediction(jnp.full((4, 3), 1 / 3))
    with pytest.raises(InputError, match='evidence.index'):
        rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))
