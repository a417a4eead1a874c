import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError


def test_is_what_it_says():
    network = models.mlp(3, hidden=(5, 4))
    x = jax.random.normal(jax.random.key(1), (2, 7))
    variables = network.init(jax.random.key(0), x)
    first, second, last = (variables.params[f'Dense_{i}'] for i in range(3))
    outputs, stats = jax.jit(network.apply, static_argnames='train')(
        variables, x, train=True
    )
    h = x
    for layer in (first, second):
        h = np.maximum(h @ layer['kernel'] + layer['bias'][None], 0)
    logits = h @ last['kernel'] + last['bias'][None]
    np.testing.assert_allclose(outputs['features'], h, atol=1e-5)
    np.testing.assert_allclose(outputs['logits'], logits, atol=1e-5)
    assert logits.shape == (2, 3) and stats == {}


def test_without_hidden_layers_it_is_linear():
    network = models.mlp(2, hidden=())
    variables = network.init(jax.random.key(0), jnp.ones((1, 3)))
    assert jax.tree.map(jnp.shape, variables.params) == {
        'Dense_0': {'kernel': (3, 2), 'bias': (2,)}
    }


@pytest.mark.parametrize('widths', [(0, (4,)), (1, (4, 0))])
def test_refuses_empty_layers(widths):
    outputs, hidden = widths
    with pytest.raises(InputError, match='have 0; give widths'):
        models.mlp(outputs, hidden=hidden)
