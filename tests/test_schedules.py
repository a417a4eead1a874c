"""Schedules against the official codes, and at their ends."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import schedules
from ssljax.contracts import InputError


def test_ramps_of_ssl4mis(golden):
    case = golden('segmentation_ssl4mis_ramps')
    steps = case['in_t']
    for i, length in enumerate(case['in_length'].tolist()):
        for ramp, name in (
            (schedules.sigmoid_ramp, 'sigmoid'),
            (schedules.linear_ramp, 'linear'),
        ):
            expected = case[f'out_official_{name}'][i]
            np.testing.assert_allclose(ramp(length)(steps), expected, rtol=1e-5)
    np.testing.assert_allclose(
        schedules.cosine_ramp_down(200)(steps),
        case['out_official_cosine_down'],
        rtol=1e-5,
        atol=1e-7,
    )
    weight = schedules.sigmoid_ramp(
        float(case['hp_rampup']), peak=float(case['hp_consistency'])
    )
    np.testing.assert_allclose(
        weight(case['in_iters'] // 150), case['out_official_weight'], rtol=1e-5
    )


def test_ramp_of_tsal(golden):
    case = golden('landmarks_tsal_ramp')
    epoch = int(case['hp_data_len'])
    ramp = schedules.ramp_up_down(
        up=60 * epoch, down=110 * epoch, total=int(case['hp_total_iteration'])
    )
    w = ramp(case['in_iteration'])
    np.testing.assert_allclose(w, case['out_official_w'], rtol=1e-5)
    assert w[0] == 0  # not exp(-5)


@pytest.mark.parametrize(
    'total, warmup', [(100, 0), (100, 10), (2**20, 0), (2**20, 10), (2**20, 5120)]
)
def test_cosine_7_16_of_usb(golden, total, warmup):
    case = golden('usb_cosine_7_16')
    schedule = schedules.cosine_7_16(float(case['hp_lr']), total, warmup)
    np.testing.assert_allclose(
        jax.jit(schedule)(case[f'out_t_N{total}_W{warmup}']),
        case[f'out_lr_N{total}_W{warmup}'],
        rtol=1e-5,
    )


def test_cosine_7_16_in_the_optimizer_of_usb(golden):
    """Coupled decay, matrices only; Nesterov; the rate of the step before it counts."""
    case = golden('usb_cosine_7_16')
    rate = schedules.cosine_7_16(float(case['hp_lr']), 6)
    optimizer = optax.chain(
        optax.add_decayed_weights(
            float(case['hp_wd']), mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)
        ),
        optax.sgd(rate, momentum=0.9, nesterov=True),
    )
    params = {'W': jnp.asarray(case['in_W']), 'b': jnp.asarray(case['in_b'])}
    state = optimizer.init(params)
    for t in range(6):
        np.testing.assert_allclose(rate(t), case['out_sgd_lr'][t], rtol=1e-5)
        grads = {'W': case['in_g_W'][t], 'b': case['in_g_b'][t]}
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params['W'], case['out_sgd_W'][t], rtol=1e-5)
        np.testing.assert_allclose(params['b'], case['out_sgd_b'][t], rtol=1e-5)


def test_value_takes_numbers_and_schedules_and_traces():
    ramp = schedules.linear_ramp(10, peak=2.0)
    for number, expected in ((0.25, 0.25), (ramp, 1.0)):
        got = jax.jit(lambda step, n=number: schedules.value(n, step))(5)
        assert got == expected and got.dtype == jnp.float32 and got.shape == ()


@pytest.mark.parametrize(
    'make',
    [
        lambda: schedules.linear_ramp(0),
        lambda: schedules.sigmoid_ramp(-1),
        lambda: schedules.cosine_ramp_down(0),
        lambda: schedules.ramp_up_down(5, 4, 10),
        lambda: schedules.ramp_up_down(5, 10, 10),
        lambda: schedules.cosine_7_16(0.03, total=10, warmup=10),
        lambda: schedules.cosine_7_16(0.03, total=10, warmup=-1),
    ],
)
def test_impossible_lengths_are_refused(make):
    with pytest.raises(InputError):
        make()
