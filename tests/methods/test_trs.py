"""Teacher-Reviewer-Student: two averages teach every level, at two speeds."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.trs import trs
from ssljax.teachers.ema import EmaState

TASK = tasks.landmarks(2, (8, 8, 1), sigma=2.0)


def table():
    """Heatmaps of two levels by row; images are row numbers."""

    def apply(variables, images, *, train, key=None):
        rows = images[:, 0, 0, 0].astype(jnp.int32)
        return {'heatmaps': variables.params['maps'][rows]}, variables.stats

    def init(key, images):
        return Variables({'maps': jax.random.uniform(key, (5, 2, 4, 4, 2))})

    return Network(init, apply)


def batch():
    image = jnp.arange(5.0).reshape(5, 1, 1, 1) * jnp.ones((1, 8, 8, 1))
    labels = {
        'landmarks': jnp.full((2, 2, 2), 3.5),
        'visible': jnp.ones((2, 2), bool),
    }
    return {
        'labelled': {'weak': {'image': image[:2], **labels}, 'index': jnp.arange(2)},
        'unlabelled': {'weak': {'image': image[2:]}, 'index': jnp.arange(3)},
    }


def test_both_averages_teach_every_level_by_their_last(tiny):
    method = trs(
        table(),
        optax.sgd(1.0),
        task=TASK,
        decay=lambda step: 0.5,
        reviewer_decay=lambda step: 0.9,
        teacher_weight=1.0,
        reviewer_weight=0.25,
        weight=2.0,
        count=0,
        degrees=0,
        scale=0,
    )
    state = method.init(jax.random.key(0), batch())
    maps = jax.random.uniform(jax.random.key(1), (2, 5, 2, 4, 4, 2))
    memory = {
        name: EmaState(Variables({'maps': own}))
        for name, own in zip(('teacher', 'reviewer'), maps, strict=True)
    }
    state = state._replace(memory=memory)
    new, metrics = jax.jit(method.step)(state, batch())
    old = state.params['student']['maps']
    expected, total = np.zeros((3, 2, 4, 4, 2)), 0.0
    for weight, name, own in zip((2.0, 0.5), memory, maps, strict=True):
        apart = old[2:] - own[2:, -1:]  # the last level alone answers
        term = 0.5 * (apart**2).sum((1, 2, 3)).mean()
        np.testing.assert_allclose(metrics[f'loss/{name}_consistency'], term, rtol=1e-5)
        expected, total = expected + weight * apart / 6, total + weight * term
    moved = old - new.params['student']['maps']
    np.testing.assert_allclose(moved[2:], expected, atol=1e-6)
    np.testing.assert_allclose(
        metrics['loss'], total + metrics['loss/heatmap'], rtol=1e-5
    )
    student = new.params['student']['maps']
    for decay, name, own in zip((0.5, 0.9), memory, maps, strict=True):
        average = new.memory[name].variables.params['maps']
        np.testing.assert_allclose(
            average, decay * own + (1 - decay) * student, atol=1e-6
        )
        answer = method.answers[name](new, batch()['unlabelled']['weak']['image'])
        np.testing.assert_allclose(answer['heatmaps'], average[2:])


def test_joints_without_a_score_are_not_taught(tiny):
    """The transport takes it from those that the strong view does not show."""
    task = TASK._replace(
        transport=lambda prediction, warp_from, warp_to: {
            **prediction,
            'score': prediction['score'] * jnp.array([[0.0, 1.0]]),
        }
    )
    method = trs(table(), optax.sgd(1.0), task=task, count=0, degrees=0, scale=0)
    state = method.init(jax.random.key(0), batch())
    new, _ = jax.jit(method.step)(state, batch())
    moved = np.abs(new.params['student']['maps'] - state.params['student']['maps'])[2:]
    assert not moved[..., 0].any() and moved[..., 1].any()
    for name in ('teacher', 'reviewer'):  # numbers count up: the start is forgotten
        average = new.memory[name].variables.params['maps']
        np.testing.assert_array_equal(average, new.params['student']['maps'])


def test_a_reviewer_as_quick_as_the_teacher_is_refused():
    with pytest.raises(InputError, match='reviewer_decay'):
        trs(table(), optax.sgd(1.0), task=TASK, decay=0.99, reviewer_decay=0.99)
    same = {'decay': 0.99, 'reviewer_decay': 0.99, 'reviewer_weight': 0.0}
    trs(table(), optax.sgd(1.0), task=TASK, **same)  # a mean teacher
