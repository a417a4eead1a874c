"""Warm-ups of the decay: official sequences, before and after the student's step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import teachers
from ssljax.contracts import InputError

WARM_UPS = {
    'usb': (0.9, lambda t: 0.9),
    'ssl4mis': (teachers.count_warmup(0.9), lambda t: min(0.9, 1 - 1 / (t + 1))),
    'kauldron': (teachers.tenth_warmup(0.9), lambda t: min(0.9, (1 + t) / (10 + t))),
    'softteacher': (
        teachers.delayed_warmup(0.9, warm_up=2),
        lambda t: min(0.9, 1 - 3 / (t + 3)),
    ),
}


def test_count_warmup_of_ssl4mis(golden):
    case = golden('segmentation_ssl4mis_ema_warmup')
    teacher = teachers.ema(teachers.count_warmup(float(case['hp_alpha'])))
    update = jax.jit(teacher.update)
    state = teacher.init(jnp.full(5, 7.0))
    for step, student in enumerate(case['in_student'].astype(np.float32)):
        state = update(state, student, step=step)
        got = teacher.variables(state)
        if step == 0:
            np.testing.assert_array_equal(got, student)  # the 7 is forgotten
        expected = case['out_official_teacher'][step]
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_decays_of_ssl4mis_and_softteacher(golden):
    case = golden('segmentation_ssl4mis_ramps')
    np.testing.assert_allclose(
        teachers.count_warmup(0.99)(case['in_iters']),
        case['out_official_ema_alpha'],
        rtol=1e-5,
    )
    case = golden('detection_softteacher_jitter_bgweight')
    for warm_up in (0, 100):
        schedule = teachers.delayed_warmup(float(case['hp_ema']), warm_up)
        expected = case[f'out_official_ema_momentum_w{warm_up}']
        # 1 - 101/101 and the like lose digits: compare absolutely near 0.
        np.testing.assert_allclose(
            schedule(case['in_steps']), expected, rtol=1e-5, atol=1e-7
        )
    assert teachers.delayed_warmup(0.999)(0) == 0  # 100 steps by default


@pytest.mark.parametrize('order', ['before', 'after'])
@pytest.mark.parametrize('name', WARM_UPS)
def test_four_warm_ups_in_both_orders(name, order):
    """The caller chooses the order; step is the number of updates already made."""
    decay, formula = WARM_UPS[name]
    students = np.random.default_rng(0).normal(size=(14, 3)).astype(np.float32)
    teacher = teachers.ema(decay)
    update = jax.jit(teacher.update)
    state = teacher.init(jnp.asarray(students[0]))
    expected = students[0].astype(float)
    for step in range(13):
        seen = students[step + (order == 'after')]
        state = update(state, seen, step=step)
        d = formula(step)
        expected = d * expected + (1 - d) * seen
    np.testing.assert_allclose(teacher.variables(state), expected, rtol=1e-5, atol=1e-6)


def test_count_warmup_alone_is_the_mean():
    students = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    teacher = teachers.ema(teachers.count_warmup(1.0))
    update = jax.jit(teacher.update)
    state = teacher.init(jnp.zeros(3))
    for step, student in enumerate(students):
        state = update(state, student, step=step)
    np.testing.assert_allclose(
        teacher.variables(state), students.mean(0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    'make',
    [
        lambda: teachers.count_warmup(1.1),
        lambda: teachers.tenth_warmup(-0.1),
        lambda: teachers.delayed_warmup(999),
        lambda: teachers.delayed_warmup(0.9, warm_up=-1),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(InputError):
        make()
