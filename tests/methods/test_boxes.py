"""Padded boxes: targets that are no distribution go through the same methods."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, teachers, views
from ssljax.contracts import Targets

ROWS = 8


@pytest.fixture(scope='module')
def raw(boxes):
    rng = np.random.default_rng(1)
    labelled, unlabelled = (boxes.example(rng, ROWS) for _ in range(2))
    index = np.arange(ROWS)
    return {
        'labelled': {**labelled, 'index': index},
        'unlabelled': {'image': unlabelled['image'], 'index': index},
    }


def build(boxes, task, rate=0.0, **options):
    method = methods.mean_teacher(
        boxes.network, optax.sgd(rate), task=task, weight=1.0, **options
    )
    assert method.needs['labelled'].fields == ('image', 'boxes', 'valid')
    assert method.needs['unlabelled'].fields == ('image',)
    return methods.prepared(method, views.prepare(method.needs, {'weak': boxes.view}))


def test_the_answer_follows_the_warp(tiny, boxes, raw):
    """A network that moves with its image agrees with itself, once transported."""
    found = {}
    torn = boxes.task._replace(transport=lambda prediction, a, b: prediction)
    for name, task in {'moved': boxes.task, 'torn': torn}.items():
        method = build(boxes, task, rule=boxes.rule(0.0))
        state = method.init(jax.random.key(0), raw)
        found[name] = jax.jit(method.step)(state, raw)[1]
    np.testing.assert_allclose(found['moved']['loss/boxes'], 0, atol=1e-9)
    assert found['torn']['loss/boxes'] > 0.1
    for name in 'loss/scores', 'loss/true_boxes', 'utilisation':
        np.testing.assert_allclose(found['moved'][name], found['torn'][name])


def other_teacher(state):
    """The state with a teacher whose boxes are larger by 0.3 and 0.7 pixels."""
    slow = state.memory['teacher'].variables.params
    slow['size'] = state.params['student']['size'] + jnp.array([0.3, 0.7])
    return state


def test_only_sure_slots_that_exist_teach(tiny, boxes, raw):
    tau = 0.55
    method = build(boxes, boxes.task, rule=boxes.rule(tau), teacher=teachers.ema(1.0))
    state = other_teacher(method.init(jax.random.key(0), raw))
    _, metrics = jax.jit(method.step)(state, raw)
    light = raw['unlabelled']['image'].sum((1, 2))  # [U, M]
    sure = (light > 0) & (1 / (1 + np.exp(0.5 - light)) >= tau)
    assert 0 < sure.sum() < (light > 0).sum() < light.size
    np.testing.assert_allclose(metrics['utilisation'], sure.mean())
    # A wrong size moves both corners: the mean square is that of the two sizes.
    wrong = (0.3**2 + 0.7**2) / 2
    np.testing.assert_allclose(metrics['loss/boxes'], wrong * sure.mean(), rtol=1e-4)


def test_each_loss_may_have_weights_of_its_own(tiny, boxes, raw):
    def update(target, state, evidence):
        there = target.value['valid'].astype(jnp.float32)
        weight = {'boxes': there, 'scores': 0 * there}
        return Targets(target.value, weight), state

    rule = boxes.rule(0.0)._replace(update=update)
    method = build(boxes, boxes.task, rule=rule, teacher=teachers.ema(1.0))
    state = other_teacher(method.init(jax.random.key(0), raw))
    _, metrics = jax.jit(method.step)(state, raw)
    assert metrics['loss/boxes'] > 0.01
    assert metrics['loss/scores'] == 0


def test_learns_the_size_of_what_it_finds(tiny, boxes, raw):
    """Labelled boxes reach 1.5 pixels; the network starts near 1."""
    method = build(boxes, boxes.task, rate=0.5, rule=boxes.rule(0.5))
    state = method.init(jax.random.key(0), raw)
    step = jax.jit(method.step, donate_argnums=0)
    for _ in range(80):
        state, metrics = step(state, raw)
    np.testing.assert_allclose(state.params['student']['size'], 1.5, atol=0.05)
    slow = state.memory['teacher'].variables.params['size']
    assert (np.abs(slow - 1.5) < np.abs(1.0 - 1.5)).all()
