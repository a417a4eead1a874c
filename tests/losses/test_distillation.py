"""Distillation against mdistiller."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('temperature', [1, 4])
def test_kd_of_mdistiller(golden, temperature):
    """Its T^2 KL is summed over classes and averaged over rows; so is ours."""
    case = golden('kd_kd')
    w_ce, w_kd = float(case['hp_w_ce']), float(case['hp_w_kd'])

    def kl(student, teacher):
        rows = losses.distillation(student, teacher, temperature=temperature)
        return losses.masked_mean(rows)

    def total(student, teacher):
        hard = losses.masked_mean(losses.cross_entropy(student, case['in_y']))
        return w_ce * hard + w_kd * kl(student, teacher)

    @jax.jit
    def run(*logits):
        return (
            jax.value_and_grad(kl, argnums=(0, 1))(*logits),
            jax.value_and_grad(total)(*logits),
        )

    (value, grads), (loss, grad) = run(case['in_z_s'], case['in_z_t'])
    tag = f'T{temperature}'
    close(value, case[f'out_kl_{tag}'])
    close(grads[0], case[f'grad_kl__z_s_{tag}'])
    assert not grads[1].any()  # the teacher's side is stopped
    close(loss, case[f'out_loss_ce_{tag}'] + case[f'out_loss_kd_{tag}'])
    close(grad, case[f'grad_total__z_s_{tag}'])


def test_bfloat16_in_float32_out_and_0_where_both_agree():
    logits = 3 * np.random.default_rng(0).normal(size=(2, 3, 5)).astype(jnp.bfloat16)
    got = jax.jit(lambda z: losses.distillation(z, z, temperature=2.0))(logits)
    assert got.shape == (2, 3) and got.dtype == jnp.float32
    close(got, np.zeros((2, 3)))
