import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError

KEY = jax.random.key(0, impl='rbg')


def test_outputs_and_parts():
    network = models.series_cnn(3, series_channels=2, channels=(4, 6), kernel=5)
    series = jax.random.normal(KEY, (3, 21, 2))
    variables = jax.jit(network.init)(KEY, series)

    @jax.jit
    def whole_and_parts(variables, series):
        whole, _ = network.apply(variables, series, train=True)
        parts, _ = network.parts['encode'](variables, series, train=True)
        logits, _ = network.parts['head'](variables, parts['features'], train=True)
        return whole, parts | logits

    whole, parts = whole_and_parts(variables, series)
    assert whole['logits'].shape == (3, 3) and whole['features'].shape == (3, 6)
    for name, value in parts.items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-5, atol=1e-6)


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="norm must be 'group' or 'batch'"):
        models.series_cnn(3, norm='layer')
    network = models.series_cnn(3, channels=(4, 4))
    variables = network.init(KEY, None)
    for shape in [(2, 8), (2, 8, 3), (2, 3, 1)]:
        with pytest.raises(InputError, match=r'series \[B, T >= 4, 1\]'):
            network.apply(variables, jnp.ones(shape), train=False)
