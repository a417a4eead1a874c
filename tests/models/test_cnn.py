import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError

KEY = jax.random.key(0, impl='rbg')  # compiles five times faster than threefry


@pytest.mark.parametrize(('norm', 'size'), [('group', 8), ('batch', 32)])
def test_outputs_and_parts(norm, size):
    network = models.small_cnn(10, image_channels=2, channels=(4, 6), norm=norm)
    images = jax.random.normal(jax.random.key(1), (3, size, size, 2))
    variables = jax.jit(network.init)(KEY, images)
    assert bool(variables.stats) == (norm == 'batch')

    @jax.jit
    def whole_and_parts(variables, images):
        whole, stats = network.apply(variables, images, train=True)
        parts, _ = network.parts['encode'](variables, images, train=True)
        features = parts['features']
        logits, _ = network.parts['head'](variables, features, train=True)
        return whole, parts | logits, stats

    whole, parts, stats = whole_and_parts(variables, images)
    assert whole['logits'].shape == (3, 10)
    assert whole['features'].shape == (3, 6)
    assert jax.tree.structure(stats) == jax.tree.structure(variables.stats)
    for name, value in parts.items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-5, atol=1e-6)


def test_group_norm_sees_one_image_at_a_time():
    network = models.small_cnn(3, channels=(4,))
    images = jax.random.normal(jax.random.key(1), (4, 8, 8, 1))
    variables = network.init(KEY, images)
    apply = jax.jit(network.apply, static_argnames='train')
    many, _ = apply(variables, images, train=True)
    one, _ = apply(variables, images[:1], train=True)
    np.testing.assert_allclose(many['logits'][:1], one['logits'], atol=1e-6)


def test_dropout_needs_a_key_and_spares_the_features():
    network = models.small_cnn(3, channels=(4,), dropout=0.5)
    images = jnp.ones((2, 8, 8, 1))
    variables = network.init(KEY, images)
    still, _ = network.apply(variables, images, train=True)
    noisy, _ = network.apply(variables, images, train=True, key=KEY)
    assert (still['features'] == noisy['features']).all()
    assert (still['logits'] != noisy['logits']).any()


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="norm must be 'group' or 'batch'"):
        models.small_cnn(3, norm='layer')
    network = models.small_cnn(3, channels=(4, 4))
    variables = network.init(KEY, None)
    for shape in [(2, 8, 8), (2, 8, 8, 3), (2, 3, 8, 1)]:
        with pytest.raises(InputError, match='inputs must be'):
            network.apply(variables, jnp.ones(shape), train=False)


def test_taps_are_what_the_stages_answer():
    network = models.small_cnn(3, channels=(4, 6))
    images = jax.random.normal(jax.random.key(1), (2, 8, 8, 1))
    variables = network.init(KEY, images)
    whole, _ = network.apply(variables, images, train=False)
    taps, _ = network.parts['taps'](variables, images, train=False)
    for name, value in whole.items():
        np.testing.assert_array_equal(taps.pop(name), value)
    shapes = {name: x.shape for name, x in taps.items()}
    assert shapes == {'stage1': (2, 8, 8, 4), 'stage2': (2, 4, 4, 6)}
    pooled = taps['stage2'].reshape(2, 2, 2, 2, 2, 6).max((2, 4)).mean((1, 2))
    np.testing.assert_allclose(pooled, whole['features'], rtol=1e-5)
