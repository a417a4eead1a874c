"""The autoencoder of masks: shapes, its code, and what it refuses."""

import jax
import jax.numpy as jnp
import pytest

from ssljax import models
from ssljax.contracts import InputError

KEY = jax.random.key(0, impl='rbg')


def test_masks_come_back_through_a_code():
    network = models.mask_autoencoder(3, (8, 12), channels=(2, 4), code=5)
    masks = jax.random.randint(KEY, (2, 8, 12, 1), 0, 3).astype(jnp.float32)
    variables = jax.jit(network.init)(KEY, masks)
    outputs, _ = jax.jit(lambda m: network.apply(variables, m, train=False))(masks)
    assert outputs['logits'].shape == (2, 8, 12, 3)
    assert outputs['logits'].dtype == jnp.float32
    assert variables.params['into']['kernel'].shape == (2 * 3 * 4, 5)
    # Nothing goes around the code.
    cut = jax.tree.map(jnp.zeros_like, variables.params['into'])
    blind = variables._replace(params={**variables.params, 'into': cut})
    answers, _ = network.apply(blind, masks, train=False)
    assert jnp.array_equal(answers['logits'][0], answers['logits'][1])


def test_volumes():
    network = models.mask_autoencoder(2, (4, 4, 8), channels=(2,), code=3)
    masks = jnp.ones((1, 4, 4, 8, 1))
    shapes = jax.eval_shape(
        lambda: network.apply(network.init(KEY, masks), masks, train=True)[0]
    )
    assert shapes['logits'].shape == (1, 4, 4, 8, 2)


def test_refusals():
    with pytest.raises(InputError, match='multiples of 4'):
        models.mask_autoencoder(2, (8, 10), channels=(2, 2))
    with pytest.raises(InputError, match='code is 0'):
        models.mask_autoencoder(2, (8, 8), channels=(2,), code=0)
    network = models.mask_autoencoder(2, (8, 8), channels=(2,))
    masks = jnp.ones((1, 4, 8, 1))
    with pytest.raises(InputError, match='built for'):
        jax.eval_shape(
            lambda: network.apply(network.init(KEY, masks), masks, train=False)
        )
