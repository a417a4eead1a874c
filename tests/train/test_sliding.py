"""Answers by windows: of sites they are those of the whole, and padding is said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import train
from ssljax.contracts import InputError, Method

RNG = np.random.default_rng(0)


def of_sites(state, inputs, *, key=None):
    """Sees each site by itself; with a key, noise of the window."""
    noise = 0.0 if key is None else jax.random.normal(key)
    return {'logits': jnp.concatenate([state * inputs, -inputs + noise], axis=-1)}


@pytest.mark.parametrize('at_once', [2, 99])
@pytest.mark.parametrize('patch', [(4, 5), (8, 3), (7, 9)])
def test_of_sites_windows_are_the_whole(patch, at_once):
    inputs = jnp.asarray(RNG.normal(size=(2, 8, 11, 1)), jnp.float32)
    wide = train.sliding(of_sites, patch, at_once=at_once)
    found = jax.jit(wide)(2.0, inputs)['logits']
    probs = jax.nn.softmax(of_sites(2.0, inputs)['logits'])
    np.testing.assert_allclose(jax.nn.softmax(found), probs, atol=1e-6)


def test_overlaps_are_means_and_every_site_is_seen():
    """A window that answers with its own mean."""

    def of_windows(state, inputs, *, key=None):
        mean = jnp.broadcast_to(inputs.mean((1, 2), keepdims=True), inputs.shape)
        return {'logits': jnp.log(jnp.concatenate([mean, 1 - mean], axis=-1))}

    inputs = jnp.asarray(RNG.uniform(0.2, 0.8, (1, 2, 6, 1)), jnp.float32)
    wide = train.sliding(of_windows, (2, 4), overlap=0.5)
    found = jax.nn.softmax(wide(None, inputs)['logits'])[0, ..., 0]
    left, right = inputs[0, :, :4].mean(), inputs[0, :, 2:].mean()
    expected = [left, left, (left + right) / 2, (left + right) / 2, right, right]
    np.testing.assert_allclose(found, [expected] * 2, rtol=1e-5)


def test_small_volumes_are_padded_and_it_is_said():
    inputs = jnp.asarray(RNG.normal(size=(1, 3, 4, 6, 1)), jnp.float32)
    wide = train.sliding(of_sites, (4, 4, 4))
    with pytest.warns(UserWarning, match=r'\(3, 4, 6\) are padded with zeros'):
        found = wide(2.0, inputs)['logits']
    probs = jax.nn.softmax(of_sites(2.0, inputs)['logits'])
    np.testing.assert_allclose(jax.nn.softmax(found), probs, atol=1e-6)


def test_a_method_answers_by_windows_and_with_noise():
    method = Method(None, None, of_sites, {}, {'student': of_sites})
    wide = train.by_windows(method, (4, 4))
    assert wide.predict is wide.answers['student']
    inputs = jnp.ones((1, 4, 8, 1))
    one, two = (wide.predict(1.0, inputs, key=jax.random.key(i)) for i in (0, 1))
    assert np.abs(one['logits'] - two['logits']).max() > 0.01


def test_refusals():
    for arguments, found in (
        (((4, 0),), 'patch is'),
        (((4, 4), 1.0), 'overlap is 1.0'),
        (((4, 4), 0.5, 0), 'at_once is 0'),
    ):
        named = dict(zip(('patch', 'overlap', 'at_once'), arguments, strict=False))
        with pytest.raises(InputError, match=found):
            train.sliding(of_sites, named.pop('patch'), **named)
    with pytest.raises(InputError, match='have 2 axes'):
        train.sliding(of_sites, (4, 4, 4))(1.0, jnp.ones((1, 8, 8, 1)))
