"""Losses on a class axis: official numbers, equalities, extreme probabilities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, schedules, targets
from ssljax.contracts import InputError

ON_DISTRIBUTIONS = [
    losses.cross_entropy,
    losses.kl_divergence,
    losses.mean_squared_error,
    losses.symmetric_cross_entropy,
]
ZEROS = np.zeros((4, 3), np.float32)


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def logits_and_target(shape):
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=shape)
    target = np.exp(2 * rng.normal(size=shape))
    target /= target.sum(-1, keepdims=True)
    return logits.astype(np.float32), target.astype(np.float32)


def test_pi_model_of_usb(golden):
    """mean_squared_error, its ramp, and no gradient into the target's branch."""
    case = golden('usb_pi_model')
    ramp = schedules.linear_ramp(
        float(case['hp_warm_frac'] * case['hp_N']), peak=float(case['hp_lambda_u'])
    )

    def total(labelled, weak, strong, step):
        supervised = losses.cross_entropy(labelled, case['in_y_lb'])
        target = targets.from_logits(weak).value
        unsupervised = losses.masked_mean(losses.mean_squared_error(strong, target))
        loss = losses.masked_mean(supervised) + ramp(step) * unsupervised
        return loss, unsupervised

    logits = [case[f'in_logits_{view}'] for view in ('lb', 'w', 's')]
    run = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True))
    (loss, unsupervised), grads = run(*logits, int(case['hp_it']))
    close(loss, case['out_total_loss'])
    close(unsupervised, case['out_unsup_loss'])
    for grad, view in zip(grads, ('lb', 'w', 's'), strict=True):
        close(grad, case[f'grad_total__logits_{view}'])
    assert not grads[1].any()
    weights = ramp(np.arange(0, 1001, 10))
    close(case['out_sup_loss'] + weights * unsupervised, case['out_total_by_it_step10'])


def test_losses_of_test_time_adaptation(golden):
    case = golden('tta_tta_losses')
    x, x2 = (case[name].astype(np.float32) for name in ('in_x', 'in_x2'))

    @jax.jit
    def run(x, x2):
        found = {}
        for name, loss in (
            ('entropy', lambda x, q: losses.entropy(x)),
            ('sce', losses.symmetric_cross_entropy),
            ('cotta_cifar', losses.cross_entropy),  # CoTTA's is the soft one
        ):

            def mean(x, x2, loss=loss):
                rows = loss(x, jax.nn.softmax(x2))
                return jnp.mean(rows), rows

            grads, rows = jax.grad(mean, argnums=(0, 1), has_aux=True)(x, x2)
            found[name], found[f'{name}_mean_dx'] = rows, grads[0]
            if name == 'sce':  # nothing is stopped inside
                found['sce_mean_dx2'] = grads[1]
        return found

    for name, got in run(x, x2).items():
        close(got, case[f'out_official_{name}'])


@pytest.mark.parametrize('shape', [(), (3,), (2, 4, 3)])
def test_hard_equals_soft_on_any_leading_axes(shape):
    logits, _ = logits_and_target((*shape, 5))
    ids = np.random.default_rng(1).integers(0, 5, shape)
    one_hot = np.eye(5, dtype=np.float32)[ids]
    cross_entropy = jax.jit(losses.cross_entropy)
    hard = cross_entropy(logits, ids)
    assert hard.shape == shape
    close(hard, np.log(np.exp(logits).sum(-1)) - (logits * one_hot).sum(-1))
    close(hard, cross_entropy(logits, one_hot))


def test_a_single_example_with_a_python_id():
    close(losses.cross_entropy(np.log([1.0, 3.0]), 1), -np.log(0.75))


@pytest.mark.parametrize('loss', ON_DISTRIBUTIONS)
def test_pixels_are_rows(loss):
    logits, target = logits_and_target((2, 3, 4, 5))
    loss = jax.jit(loss)
    got = loss(logits, target)
    assert got.shape == (2, 3, 4)
    rows = loss(logits.reshape(24, 5), target.reshape(24, 5))
    np.testing.assert_allclose(got.reshape(24), rows, rtol=1e-6)


@pytest.mark.parametrize('loss', ON_DISTRIBUTIONS)
def test_bfloat16_in_float32_out(loss):
    low = [x.astype(jnp.bfloat16) for x in logits_and_target((6, 5))]
    loss = jax.jit(loss)
    got = loss(*low)
    assert got.dtype == jnp.float32
    # Converted first, computed afterwards: only the input's own digits are missing.
    exact = loss(*[x.astype(np.float32) for x in low])
    np.testing.assert_allclose(got, exact, rtol=1e-6)


def test_excluded_classes_add_nothing():
    """A logit of -inf with target 0, in value and in the gradients of both."""
    logits = np.array([[1.0, -np.inf, 2.0], [0.0, 0.0, 0.0]], np.float32)
    target = np.array([[0.3, 0.0, 0.7], [0.0, 1.0, 0.0]], np.float32)
    probs = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    both = {
        loss: jax.jit(jax.vmap(jax.value_and_grad(loss, argnums=(0, 1))))(
            logits, target
        )
        for loss in (losses.cross_entropy, losses.kl_divergence)
    }
    for value, grads in both.values():
        assert np.isfinite(value).all() and np.isfinite(grads).all()
    value, (_, to_target) = both[losses.cross_entropy]
    close(value, [-(np.log(probs) @ [0.3, 0.7]), np.log(3)])
    # A target of 0 is no constant where the class is possible.
    close(to_target[1], np.full(3, np.log(3)))
    value, grad = jax.jit(jax.vmap(jax.value_and_grad(losses.entropy)))(logits)
    close(value, [-(probs @ np.log(probs)), np.log(3)])
    assert np.isfinite(grad).all()


def test_divergence_is_cross_entropy_less_entropy():
    logits, target = logits_and_target((8, 5))
    kl = jax.jit(losses.kl_divergence)
    got = kl(logits, target)
    entropy = -(target * np.log(target)).sum(-1)
    close(got, jax.jit(losses.cross_entropy)(logits, target) - entropy)
    assert (got > 0).all()
    own = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    close(kl(logits, own), np.zeros(8))


def test_symmetric_cross_entropy_is_finite_for_hard_targets():
    logits, target = logits_and_target((4, 5))
    hard = np.eye(5, dtype=np.float32)[target.argmax(-1)]
    run = jax.jit(jax.vmap(jax.value_and_grad(losses.symmetric_cross_entropy)))
    value, grad = run(logits, hard)
    assert np.isfinite(value).all() and np.isfinite(grad).all()


@pytest.mark.parametrize(
    'loss, logits, target, word',
    [
        (losses.cross_entropy, ZEROS, np.zeros(3, int), 'target has'),
        (losses.cross_entropy, ZEROS, np.zeros((4, 1), np.float32), 'target has'),
        (losses.cross_entropy, ZEROS.astype(int), np.zeros(4, int), 'logits has'),
        (losses.cross_entropy, ZEROS, ZEROS.astype(bool), 'dtype bool'),
        (losses.kl_divergence, ZEROS, np.zeros(4, int), 'distribution'),
        (losses.mean_squared_error, ZEROS, ZEROS[0], 'distribution'),
    ],
)
def test_what_does_not_fit_is_refused(loss, logits, target, word):
    with pytest.raises(InputError, match=word):
        loss(logits, target)


def test_agreement_of_two_networks(golden):
    """Jensen-Shannon, of the official co-training loss and its gradients."""
    case = golden('extra_ssl_deep_co_training')
    pair = [case[f'mid_{name}_xu'].astype(np.float32) for name in 'fg']

    def loss(f, g):
        return losses.masked_mean(losses.jensen_shannon(f, g))

    value, grads = jax.value_and_grad(loss, argnums=(0, 1))(*pair)
    close(value, case['paper_cot'])
    for grad, name in zip(grads, 'fg', strict=True):
        close(grad, case[f'grad_cot__{name}_xu_old'])
    far = jnp.array([[40.0, -jnp.inf, 0.0], [0.0, 5.0, 5.0]])
    near = jnp.array([[0.0, -jnp.inf, 40.0], [0.0, 5.0, 5.0]])
    close(losses.jensen_shannon(far, near), [np.log(2), 0])
    slope = jax.grad(lambda x: losses.jensen_shannon(x, near).sum())(far)
    assert np.isfinite(slope).all()
    with pytest.raises(InputError, match='give the same'):
        losses.jensen_shannon(far, near[:1])
