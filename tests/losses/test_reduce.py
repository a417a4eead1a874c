"""masked_mean: every divisor, and what a weight of 0 hides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.losses import masked_mean

X = np.array([1.0, 2.0, 4.0, 8.0], np.float32)
WEIGHT = np.array([1.0, 0.0, 0.5, 1.0], np.float32)
VALID = np.array([1, 1, 1, 0])


@pytest.mark.parametrize(
    'over, expected',
    [('all', 3.0 / 4), ('kept', 3.0 / 1.5), ('valid', 3.0 / 3), (12, 3.0 / 12)],
)
def test_divisors(over, expected):
    """The sum is 1 + 0.5 * 4 = 3: the last row has weight 1 but is not valid."""
    got = jax.jit(lambda x: masked_mean(x, WEIGHT, over=over, valid=VALID))(X)
    assert got == expected and got.dtype == jnp.float32


def test_divisor_may_be_traced():
    mean = jax.jit(lambda x, n: masked_mean(x, over=n))
    assert mean(X, 5.0) == 3.0
    assert mean(X, 0.0) == 0.0


def test_masked_equals_sliced():
    x = np.random.default_rng(0).normal(size=(5, 7))
    keep = np.arange(5) != 2
    run = jax.jit(jax.value_and_grad(lambda x: masked_mean(x, keep, over='kept')))
    value, grad = run(x)
    expected = np.delete(x, 2, axis=0).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    valid = masked_mean(x, over='valid', valid=keep)
    np.testing.assert_allclose(valid, expected, rtol=1e-5)
    expected = np.where(keep[:, None], np.full((5, 7), 1 / 28), 0.0)
    np.testing.assert_allclose(grad, expected, rtol=1e-6)


@pytest.mark.parametrize('bad', [np.float32('inf'), np.float32('nan')])
@pytest.mark.parametrize('over', ['all', 'kept'])
def test_weight_0_hides_what_is_not_finite(bad, over):
    x = np.where(np.arange(4) == 1, bad, X)
    run = jax.jit(jax.value_and_grad(lambda x: masked_mean(x, WEIGHT, over=over)))
    value, grad = run(x)
    divisor = {'all': 4.0, 'kept': 2.5}[over]
    np.testing.assert_allclose(value, 11 / divisor, rtol=1e-6)
    np.testing.assert_allclose(grad, WEIGHT / divisor, rtol=1e-6)


def test_weights_are_learned_from_0():
    """Learning to reweight (Ren et al. 2018) starts there."""
    x = np.where(np.arange(4) == 3, np.float32('inf'), X)
    grad = jax.jit(jax.grad(lambda w: masked_mean(x, w)))(np.zeros(4, np.float32))
    np.testing.assert_array_equal(grad, [0.25, 0.5, 1.0, 0.0])


@pytest.mark.parametrize('over', ['all', 'kept', 'valid', 3])
def test_nothing_kept_is_0_with_a_finite_gradient(over):
    def mean(x, weight):
        return masked_mean(x, weight, over=over, valid=np.zeros(4))

    run = jax.jit(jax.value_and_grad(mean, argnums=(0, 1)))
    value, grads = run(X, np.zeros(4, np.float32))
    assert value == 0 and np.isfinite(grads).all()


def test_mean_of_no_rows_is_0():
    assert masked_mean(np.zeros((0, 3))) == 0


def test_weights_of_leading_axes_and_a_single_one():
    x = np.arange(24.0).reshape(2, 3, 4)
    rows = np.array([2.0, 0.0])
    assert masked_mean(x, rows) == 2 * x[0].sum() / 24
    assert masked_mean(x, rows, over='kept') == x[0].mean()
    assert masked_mean(x, 0.5) == 0.5 * x.mean()


def test_bfloat16_is_reduced_in_float32():
    x = np.ones(4096, jnp.bfloat16)  # a bfloat16 sum of ones stops at 256
    got = masked_mean(x)
    assert got == 1 and got.dtype == jnp.float32


@pytest.mark.parametrize(
    'kwargs, word',
    [
        ({'weight': np.ones(3)}, 'weight has shape'),
        ({'weight': np.ones((4, 1))}, 'weight has shape'),
        ({'valid': np.ones((1, 4))}, 'valid has shape'),
        ({'over': 'valid'}, 'pass valid='),
        ({'over': 'rows'}, "'rows'"),
    ],
)
def test_what_does_not_fit_is_refused(kwargs, word):
    with pytest.raises(InputError, match=word):
        masked_mean(X, **kwargs)
