"""Logit adjustment: what is learnt of rare labels is what there is to know."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses
from ssljax.contracts import InputError


def test_numbers():
    logits = np.random.default_rng(0).normal(size=(2, 3, 4)).astype('f')
    prior = [8, 4, 2, 2]
    expected = logits + 0.5 * np.log(np.array(prior) / 16)
    found = jax.jit(lambda z: losses.adjust_logits(z, prior, strength=0.5))(logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    low = losses.adjust_logits(jnp.asarray(logits, jnp.bfloat16), prior)
    assert low.dtype == jnp.float32


def test_afterwards_it_undoes_the_prior():
    """Bayes: of p(c | x) is left p(x | c), which knows no frequencies."""
    given = np.array([[0.5, 0.1], [0.3, 0.3], [0.2, 0.6]])  # p(x | c)
    prior = np.array([0.9, 0.1])
    logits = jnp.asarray(np.log(given * prior), jnp.float32)
    found = jax.nn.softmax(losses.adjust_logits(logits, prior, strength=-1.0))
    np.testing.assert_allclose(found, given / given.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize('prior', [[1, 1], [1, 0, 1], [[1, 1, 1]]])
def test_refuses(prior):
    with pytest.raises(InputError, match='prior is'):
        losses.adjust_logits(jnp.zeros((2, 3)), prior)
