"""Scores of landmarks, by hand and against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import tasks
from ssljax.contracts import InputError

LINE = tasks.length_of((0, 1), 3)


def scored(metric, prediction, example):
    rows = jax.device_get(jax.jit(metric.rows)(prediction, example))
    return metric.result(rows)


@pytest.fixture
def two():
    """Two frames of three landmarks, 10 and 20 pixels between the first two.

    Errors: 1, 2 and a hidden one; 2, 4 and 6.
    """
    truth = np.float32([[[0, 0], [10, 0], [5, 5]], [[0, 0], [0, 20], [9, 9]]])
    errors = np.float32([[1, 2, 99], [2, 4, 6]])
    visible = np.array([[True, True, False], [True, True, True]])
    found = truth + errors[..., None] * np.float32([0.6, -0.8])
    return {'landmarks': found}, {'landmarks': truth, 'visible': visible}


def test_nme_auc_and_failures_by_hand(two):
    found = scored(tasks.nme(LINE, thresholds=(0.16, 0.4)), *two)
    first, second = 0.15, 0.2  # (1 + 2) / 2 / 10 and (2 + 4 + 6) / 3 / 20
    assert found.keys() == {
        *('nme', 'auc_0.16', 'failure_0.16', 'auc_0.4', 'failure_0.4')
    }
    np.testing.assert_allclose(found['nme'], (first + second) / 2, rtol=1e-6)
    np.testing.assert_allclose(found['auc_0.16'], (0.01 / 0.16) / 2, rtol=1e-5)
    np.testing.assert_allclose(found['auc_0.4'], (0.25 + 0.2) / 0.4 / 2, rtol=1e-6)
    assert found['failure_0.16'] == 0.5 and found['failure_0.4'] == 0


def test_pck_by_hand(two):
    found = scored(tasks.pck(LINE, thresholds=(0.1, 0.21)), *two)
    # 0.1, 0.2 and 0.1, 0.2, 0.3: a landmark at the threshold is right.
    np.testing.assert_allclose(found['pck_0.21'], 4 / 5)
    assert scored(tasks.pck(LINE, thresholds=(0.105,)), *two) == {'pck_0.105': 2 / 5}


def test_frames_that_do_not_count(two):
    """Not annotated, nothing visible, or no length: no frame, and no division by 0."""
    prediction, example = two
    clip = jax.tree.map(lambda x: np.concatenate([x, x])[None], (prediction, example))
    clip[1]['annotated'] = np.array([[True, False, True, True]])
    clip[1]['visible'][0, 2] = [False, True, True]  # one end of the length is hidden
    clip[1]['visible'][0, 3] = False
    found = scored(tasks.nme(LINE), *clip)
    np.testing.assert_allclose(found['nme'], 0.15, rtol=1e-6)
    scores = np.float32([[[0.2, 0.4, 9], [9, 9, 9], [9, 0.6, 0.8], [9, 9, 9]]])
    prediction = {**clip[0], 'score': scores}
    found = scored(tasks.peaks(), prediction, clip[1])
    np.testing.assert_allclose(found['peak'], 0.5)
    clip[1]['annotated'][:] = False
    measures = tasks.nme(LINE), tasks.pck(LINE), tasks.oks_ap([0.1] * 3, LINE)
    for metric in *measures, tasks.peaks():
        found = scored(metric, prediction, clip[1])
        assert all(np.isnan(x) for x in found.values())


def test_auc_is_the_area_under_the_curve(two):
    errors = np.random.default_rng(0).gamma(4, 0.02, 200)
    at = np.linspace(0, 0.08, 20001)
    curve = tasks.cumulative_errors(errors, at)
    rows = {
        'distance': errors[:, None],
        'counted': np.ones((200, 1), bool),
        'length': np.ones(200),
    }
    np.testing.assert_allclose(tasks.frame_errors(rows), errors)
    found = tasks.nme(LINE, thresholds=(0.08,)).result(rows)
    area = np.trapezoid(curve, at) / 0.08
    np.testing.assert_allclose(found['auc_0.08'], area, atol=1e-5)
    np.testing.assert_allclose(found['failure_0.08'], 1 - curve[-1])
    np.testing.assert_array_equal(
        tasks.cumulative_errors([1, 2], [0, 1, 3]), [0, 0.5, 1]
    )


def test_lengths():
    random = np.random.default_rng(0)
    landmarks = random.normal(size=(4, 68, 2)).astype(np.float32)
    visible = np.ones((4, 68), bool)
    visible[1, 36] = visible[2, 40] = False
    visible[3] = False
    example = {'landmarks': jnp.asarray(landmarks), 'visible': visible}

    ocular = np.linalg.norm(landmarks[:, 36] - landmarks[:, 45], axis=-1)
    found = tasks.length_of('inter_ocular', 68)(example)
    np.testing.assert_allclose(found, ocular * [1, 0, 1, 0], rtol=1e-6)

    eyes = [landmarks[:, a : a + 6].mean(1) for a in (36, 42)]
    pupil = np.linalg.norm(eyes[0] - eyes[1], axis=-1)
    found = tasks.length_of('inter_pupil', 68)(example)
    np.testing.assert_allclose(found, pupil * [1, 0, 0, 0], rtol=1e-5)

    shown = [x[v] for x, v in zip(landmarks[:3], visible[:3], strict=True)]
    box = [np.prod(np.ptp(x, axis=0)) for x in shown]
    found = tasks.length_of('box', 68)(example)
    np.testing.assert_allclose(found, [*np.sqrt(box), 0], rtol=1e-5)

    size = tasks.length_of('size', 68)({'size': np.float32([3, 4])})
    np.testing.assert_array_equal(size, [3, 4])


def test_ap_by_hand():
    """Three people of area 1: one found exactly, one at OKS 0.72, one lost.

    The lost one is surest, so that precision is 0, 1/2, 2/3 from the best answer on.
    """
    sigmas = [0.5, 0.5]
    away = np.sqrt(-2 * np.log([1.0, 0.72, 1e-9]))
    truth = np.zeros((3, 2, 2), np.float32)
    prediction = {
        'landmarks': (truth + away[:, None, None] * [1.0, 0.0]).astype(np.float32),
        'score': np.float32([[0.5, 0.5], [0.6, 0.2], [0.9, 0.9]]),
    }
    example = {
        'landmarks': truth,
        'visible': np.ones((3, 2), bool),
        'size': np.ones(3, np.float32),
    }
    metric = tasks.oks_ap(sigmas, tasks.length_of('size', 2))
    found = scored(metric, prediction, example)
    # Recall 2/3 at precision 2/3 is the envelope of 67 of the 101 recalls; above 0.72
    # one person is found: recall 1/3 at precision 1/2, 34 recalls.
    both, one = 67 * (2 / 3) / 101, 34 * (1 / 2) / 101
    np.testing.assert_allclose(found['ap_50'], both, rtol=1e-6)
    np.testing.assert_allclose(found['ap_75'], one, rtol=1e-6)
    oks = jax.jit(metric.rows)(prediction, example)['oks']
    np.testing.assert_allclose(oks, [1, 0.72, 0], atol=1e-6)
    np.testing.assert_allclose(found['ap'], (5 * both + 5 * one) / 10, rtol=1e-6)


def test_hidden_landmarks_play_no_part_in_ap(two):
    prediction, example = two
    prediction['score'] = np.ones((2, 3), np.float32)
    metric = tasks.oks_ap([0.3, 0.3, 0.3], LINE)
    oks = metric.rows(prediction, example)['oks']
    spread = 2 * 10**2 * 0.6**2
    np.testing.assert_allclose(
        oks[0], np.mean(np.exp(-np.square([1, 2]) / spread)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ('normaliser', 'found'),
    [
        ('eyes', "normaliser is 'eyes'; give 'box'"),
        ('inter_ocular', 'known for 68 landmarks, not for 5'),
        ((0, 5), 'the landmarks are 0 to 4'),
        ((1, 2, 3), 'a pair of landmarks'),
    ],
)
def test_refuses_lengths_that_there_are_not(normaliser, found):
    with pytest.raises(InputError, match=found):
        tasks.length_of(normaliser, 5)
