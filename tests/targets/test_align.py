"""Alignment: USB's hooks over 25 steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import targets
from ssljax.contracts import Evidence, InputError


def steps(case, rule, state=None):
    """Aligned answers and states, step by step."""
    update = jax.jit(rule.update)
    for probs, labelled in zip(case['in_p_ulb'], case['in_p_lb'], strict=True):
        start = targets.from_prediction(probs)
        state = rule.init(start) if state is None else state
        evidence = Evidence(jnp.asarray(0), probs_labelled=jnp.asarray(labelled))
        got, state = update(start, state, evidence)
        np.testing.assert_array_equal(got.weight, np.ones(len(probs)))
        yield got.value, state


@pytest.mark.parametrize('kind', ['uniform', 'model', 'gt'])
@pytest.mark.parametrize('momentum, run', [(0.999, 'm999'), (0.9, 'm9')])
def test_by_average(golden, kind, momentum, run):
    case = golden('usb_dist_align_hooks')
    wanted = {'uniform': 'uniform', 'model': 'labelled', 'gt': case['in_gt']}[kind]
    rule = targets.align(wanted, momentum)
    first = None
    if kind == 'model':  # USB starts this average at 1/C, ours at the first batch
        like = targets.from_prediction(case['in_p_ulb'][0])
        even = targets.align('uniform').init(like).target
        first = rule.init(like)._replace(target=even)
    for t, (found, state) in enumerate(steps(case, rule, first)):
        expected = case[f'out_ema_{kind}_{run}'][t]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        for name in 'model', 'target':
            expected = case[f'mid_p_{name}_ema_{kind}_{run}'][t]
            np.testing.assert_allclose(getattr(state, name).value, expected, rtol=1e-5)


def test_the_labelled_average_starts_at_the_first_batch(golden):
    case = golden('usb_dist_align_hooks')
    _, state = next(steps(case, targets.align('labelled')))
    expected = case['in_p_lb'][0].mean(0)
    np.testing.assert_allclose(state.target.value, expected, rtol=1e-5)


@pytest.mark.parametrize('rule', [targets.align, targets.align_by_queue])
def test_to_the_labels_seen(rule):
    start = targets.from_prediction(jnp.array([[0.5, 0.25, 0.25], [0.7, 0.2, 0.1]]))
    labels = jnp.array([2, 2, 2, 0])
    rule = rule('labels')
    seen = Evidence(jnp.asarray(0), labels=labels)
    found, _ = rule.update(start, rule.init(start), seen)
    expected = start.value * (jnp.array([0.25, 0, 0.75]) / start.value.mean(0))[None]
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(found.value, expected, atol=1e-5)
    with pytest.raises(InputError, match="'labels', but the evidence has no labels"):
        rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))


@pytest.mark.parametrize('kind', ['uniform', 'model'])
def test_by_queue(golden, kind):
    case = golden('usb_dist_align_hooks')
    wanted = {'uniform': 'uniform', 'model': 'labelled'}[kind]
    length = int(case['hp_Q'])
    rule = targets.align_by_queue(wanted, length)
    for t, (found, state) in enumerate(steps(case, rule)):
        # Before it is full USB divides by its whole length, which only the guard sees.
        full = t >= length - 1
        expected = case[f'out_queue_{kind}'][t]
        np.testing.assert_allclose(
            found, expected, rtol=1e-5 if full else 2e-4, atol=1e-6
        )
        if full:
            expected = case[f'mid_p_model_queue_{kind}'][t]
            np.testing.assert_allclose(state.model.mean(0), expected, rtol=1e-5)


def test_pixels_are_rows():
    probs = jax.random.dirichlet(jax.random.key(0), jnp.ones(3), (8,))
    for rule in targets.align(), targets.align_by_queue():
        found = []
        for shape in (8, 3), (2, 4, 3):
            start = targets.from_prediction(probs.reshape(shape))
            got, _ = rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))
            found.append(got.value.reshape(8, 3))
        np.testing.assert_allclose(*found, rtol=1e-6)


def test_refusals():
    for bad in 'labeled', [0.5, 0.6], [1.5, -0.5]:
        with pytest.raises(InputError, match='target is'):
            targets.align(bad)
    with pytest.raises(InputError, match='length is 0'):
        targets.align_by_queue(length=0)
    start = targets.from_prediction(jnp.full((4, 3), 1 / 3))
    rule = targets.align('labelled')
    with pytest.raises(InputError, match='probs_labelled'):
        rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))
    with pytest.raises(InputError, match='2 probabilities and the answers 3'):
        targets.align([0.5, 0.5]).init(start)
