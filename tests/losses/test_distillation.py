"""Distillation against mdistiller and PromptKD; the rest against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses
from ssljax.contracts import InputError


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


DRAW = np.random.default_rng(0)
STUDENT, TEACHER = 2 * DRAW.normal(size=(2, 6, 5)).astype(np.float32)
LABEL = np.array([0, 4, 2, 2, 1, 3])


def softmax(z, temperature=1.0):
    e = np.exp(np.asarray(z, np.float64) / temperature)
    return e / e.sum(-1, keepdims=True)


def kl(q, p):
    return (q * np.log(q / p)).sum(-1)


def same_as(loss, reference, slope):
    """A loss [B] of logits, and the gradient of its sum, against numpy."""

    @jax.jit
    def run(z):
        value, back = jax.vjp(loss, z)
        return value, back(jnp.ones(len(z)))[0]

    value, gradient = run(STUDENT)
    close(value, reference(STUDENT))
    expected = slope(lambda z: reference(z).sum(), STUDENT)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize('tau', [1, 2])
def test_promptkd_divides_by_logits(golden, tau):
    """Its KL is over rows times classes: ``masked_mean`` over C."""
    case = golden('kd_promptkd')

    def loss(features):
        lengths = jnp.linalg.norm(features, axis=-1, keepdims=True)
        logits = case['hp_scale_s'] * (features / lengths) @ case['in_W_T'].T
        rows = losses.distillation(
            logits, case[f'mid_z_t_tau{tau}'], temperature=float(tau)
        )
        return case['hp_w'] * losses.masked_mean(rows) / logits.shape[-1]

    value, gradient = jax.jit(jax.value_and_grad(loss))(case['in_f_s'])
    close(value, case[f'out_loss_tau{tau}'])
    expected = case[f'grad_loss__f_s_tau{tau}']
    scale = np.abs(expected).max()  # entries of very unlike size
    np.testing.assert_allclose(gradient / scale, expected / scale, atol=1e-5)


def test_symmetric_kl_is_half_of_each_way(slope):
    def loss(z):
        return losses.symmetric_kl(z, TEACHER, temperature=2.0)

    def reference(z):
        p, q = softmax(z, 2), softmax(TEACHER, 2)
        return 2 * (kl(q, p) + kl(p, q))

    same_as(loss, reference, slope)


def test_symmetric_kl_where_both_exclude_a_class():
    void = np.array([[1.0, -np.inf, 0.0]], np.float32)
    run = jax.jit(jax.value_and_grad(lambda z: losses.symmetric_kl(z, void).sum()))
    value, gradient = run(jnp.array([[0.0, -jnp.inf, 0.0]]))
    p, q = softmax([0.0, 0.0]), softmax([1.0, 0.0])
    close(value, (kl(p, q) + kl(q, p)) / 2)
    assert np.isfinite(gradient).all() and gradient[0, 1] == 0


def test_decoupled_by_its_definition(slope):
    own = np.eye(5)[LABEL]

    def parts(z):
        p = softmax(z, 4)
        target = (own * p).sum(-1)
        others = np.where(own > 0, 0, p) / (1 - target)[:, None] + own  # kl of 1 is 0
        return np.stack([target, 1 - target], -1), others

    def reference(z):
        (two_s, others_s), (two_t, others_t) = parts(z), parts(TEACHER)
        return 16 * (1.5 * kl(two_t, two_s) + 6 * kl(others_t, others_s))

    def loss(z):
        return losses.decoupled_distillation(
            z, TEACHER, LABEL, target_weight=1.5, other_weight=6.0
        )

    same_as(loss, reference, slope)


def test_decoupled_is_distillation_at_the_weight_that_it_frees(slope):
    """Equation 6 of the paper: beta = 1 - q_y of the teacher, at the temperature."""
    beta = 1 - softmax(TEACHER, 3.0)[np.arange(6), LABEL]

    def both(z):
        decoupled = losses.decoupled_distillation(
            z, TEACHER, LABEL, temperature=3.0, other_weight=jnp.asarray(beta, 'f')
        )
        plain = losses.distillation(z, TEACHER, temperature=3.0)
        return decoupled, plain

    values = jax.jit(both)(STUDENT)
    slopes = jax.jit(jax.jacrev(lambda z: jnp.stack(both(z)).sum(1)))(STUDENT)
    for pair in values, slopes:
        close(*pair)


@pytest.mark.parametrize('mean', ['arithmetic', 'geometric'])
def test_several_teachers_are_one(mean):
    weights = np.array([1.0, 3.0], np.float32)
    teachers = [TEACHER, 2 - TEACHER**2 / 4]

    def mixed(z, *teachers):
        one = losses.teacher_mixture(teachers, weights, temperature=2.0, mean=mean)
        return losses.distillation(z, one, temperature=2.0).sum()

    gradients = jax.jit(jax.grad(mixed, argnums=(0, 1, 2)))(STUDENT, *teachers)
    assert not gradients[1].any() and not gradients[2].any()
    shares = 0.25 * softmax(teachers[0], 2) + 0.75 * softmax(teachers[1], 2)
    if mean == 'geometric':
        shares = softmax(0.25 * teachers[0] + 0.75 * teachers[1], 2)
    close(gradients[0], 2 * (softmax(STUDENT, 2) - shares))
    # Shares of each row, and of teachers that do not differ.
    rows = np.stack([np.linspace(0, 1, 6), np.linspace(1, 0, 6)]).astype('f')
    found = losses.teacher_mixture(teachers, rows, mean=mean)
    close(softmax(found[0]), softmax(teachers[1][0]))
    close(softmax(found[5]), softmax(teachers[0][5]))
    twice = losses.teacher_mixture([TEACHER, TEACHER], temperature=3.0, mean=mean)
    close(softmax(twice), softmax(TEACHER))


@pytest.mark.parametrize(
    'loss',
    [
        losses.distillation,
        losses.symmetric_kl,
        lambda z, t: losses.decoupled_distillation(z, t, LABEL),
    ],
)
def test_the_teacher_is_stopped_and_has_the_same_classes(loss):
    gradient = jax.jit(jax.grad(lambda t: loss(STUDENT, t).sum()))(TEACHER)
    assert not gradient.any()
    with pytest.raises(
        InputError, match=r'logits .*\(6, 5\).* teacher_logits \(6, 4\)'
    ):
        loss(STUDENT, TEACHER[:, :4])


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match=r'label has shape \(3,\)'):
        losses.decoupled_distillation(STUDENT, TEACHER, LABEL[:3])
    with pytest.raises(InputError, match=r'shapes \[\(6, 4\), \(6, 5\)\]'):
        losses.teacher_mixture([TEACHER, TEACHER[:, :4]])
    with pytest.raises(InputError, match=r'weights have shape \(3,\)'):
        losses.teacher_mixture([TEACHER, STUDENT], [1.0, 1.0, 1.0])
    with pytest.raises(InputError, match="mean is 'median'"):
        losses.teacher_mixture([TEACHER], mean='median')
