"""What a step tells of its lesson, against numbers by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, teachers
from ssljax.contracts import Targets, Variables
from ssljax.methods import parts

WEAK = np.array([[9, 0, 0], [9, 0, 0], [0, 9, 0], [0.1, 0, 0]], np.float32)
STRONG = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)
LABELLED, LABEL = np.array([[2, 0, 0], [0, 0, 1]], np.float32), [0, 1]


def step(tiny, build):
    labelled, weak, strong = tiny.rows(2, 4, 4)
    batch = tiny.batch(labelled, LABEL, {'weak': weak, 'weak2': weak, 'strong': strong})
    network = tiny.table(np.concatenate([LABELLED, WEAK, STRONG]))
    method = build(network, optax.sgd(0.1))
    state = method.init(jax.random.key(0), batch)
    run = jax.jit(method.step)
    new, first = run(state, batch)
    return state, new, first, run(new, batch)[1]


def test_a_lesson_by_hand(tiny):
    *_, metrics, _ = step(
        tiny,
        lambda network, optimizer: methods.fixmatch(
            network, optimizer, num_classes=3, threshold=0.9
        ),
    )
    sure = np.asarray(jax.nn.softmax(WEAK)).max(-1)
    shares = np.array([2, 1]) / 3  # of the three that pass
    expected = {
        'targets/confidence': sure.mean(),
        'targets/highest_confidence': sure.max(),
        'targets/largest_class': 2 / 3,
        'targets/class_entropy': -(shares * np.log(shares)).sum() / np.log(3),
        'targets/label_share': 1 / 2,
        'targets/disagreement': 2 / 4,
        'labels/accuracy': 1 / 2,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)
    assert 'teacher/distance' not in metrics


def test_the_distance_of_a_teacher(tiny):
    _, new, first, second = step(
        tiny,
        lambda network, optimizer: methods.mean_teacher(
            network,
            optimizer,
            num_classes=3,
            weight=1.0,
            teacher=teachers.ema(0.5),
            student_view='strong',
        ),
    )
    assert first['teacher/distance'] == 0
    own = new.params['student']['logits']
    apart = own - new.memory['teacher'].variables.params['logits']
    norm = np.linalg.norm
    np.testing.assert_allclose(
        second['teacher/distance'], norm(apart) / norm(own), rtol=1e-5
    )
    assert second['teacher/distance'] > 0


def test_sites_that_nobody_labelled_do_not_count():
    probs = jax.nn.one_hot(jnp.array([[0, 1, 1, 1]]), 2)
    found = parts.lesson_metrics(
        Targets(probs, jnp.array([[1.0, 1.0, 0.0, 1.0]])),
        probs,
        probs,
        probs,
        {'mask': jnp.array([[255, 1, 0, 255]])},
    )
    assert found['targets/largest_class'] == pytest.approx(2 / 3)
    assert found['targets/label_share'] == found['labels/accuracy'] == 0.5


def test_what_has_no_classes_has_no_lesson():
    heatmaps = {'landmarks': jnp.zeros((2, 3, 2))}
    assert not parts.lesson_metrics(Targets(heatmaps, 1), heatmaps, heatmaps, None, {})
    assert not parts.distance_metric(None, None, Variables({}))
