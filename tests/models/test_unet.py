"""U-Net, V-Net, DeepLab: shapes, parts, scales, noise, and convolutions of volumes."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError
from ssljax.models import fields

KEY = jax.random.key(0, impl='rbg')  # compiles five times faster than threefry
run = functools.partial(jax.jit)
RNG = np.random.default_rng(0)

NETWORKS = {
    'unet': models.unet(3, channels=(4, 8, 8), norm='group'),
    'unet of volumes': models.unet(
        2, axes=3, channels=(4, 8), kernel=(1, 3, 3), scales=1, norm='group'
    ),
    'scales': models.unet(2, channels=(4, 8, 8), scales=2),
    'vnet': models.vnet(2, channels=(4, 8), depths=(1, 2)),
    'deeplab_small': models.deeplab_small(2, image_channels=1, width=4, blocks=1),
}
SHAPES = {
    'deeplab_small': (2, 16, 24, 1),
    'unet of volumes': (2, 4, 8, 6, 1),
    'vnet': (2, 4, 8, 6, 1),
}


@pytest.mark.parametrize('name', NETWORKS)
def test_answers(name):
    network = NETWORKS[name]
    shape = SHAPES.get(name, (2, 8, 12, 1))
    images = jnp.asarray(RNG.normal(size=shape), jnp.float32)
    variables = run(network.init)(KEY, images)

    def loss(params):
        outputs, stats = network.apply(
            variables._replace(params=params), images, train=True
        )
        total = sum(jnp.sum((x - 1) ** 2) for x in jax.tree.leaves(outputs))
        return total, (outputs, stats)

    slopes, (outputs, stats) = run(jax.grad(loss, has_aux=True))(variables.params)
    classes = 3 if name == 'unet' else 2
    assert outputs['logits'].shape == (*shape[:-1], classes)
    if name != 'deeplab_small':
        assert outputs['feature_map'].shape == (*shape[:-1], 4)
    if name == 'scales':
        finest, coarser = outputs['scales']
        np.testing.assert_array_equal(finest, outputs['logits'])
        assert coarser.shape == finest.shape
        np.testing.assert_array_equal(coarser[:, ::2, ::2], coarser[:, 1::2, 1::2])
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(outputs))
    assert jax.tree.structure(stats) == jax.tree.structure(variables.stats)
    still = [
        jax.tree_util.keystr(path)
        for path, slope in jax.tree_util.tree_leaves_with_path(slopes)
        if not np.abs(slope).max() > 0
    ]
    assert not still, 'parameters that nothing moves'


@pytest.mark.parametrize('name', ['unet', 'vnet', 'deeplab_small'])
def test_parts_are_the_whole_and_may_be_disturbed(name):
    network = NETWORKS[name]
    images = jnp.asarray(RNG.normal(size=SHAPES.get(name, (2, 8, 12, 1))), jnp.float32)

    @run
    def both(key):
        variables = network.init(KEY, images)
        whole, _ = network.apply(variables, images, train=False)
        features, _ = network.parts['encode'](variables, images, train=False)
        again, _ = network.parts['decode'](variables, features, train=False)
        less = jax.tree.map(lambda x: x.at[..., 0].set(0.0), features)
        other, _ = network.parts['decode'](variables, less, train=False)
        noisy, _ = network.apply(variables, images, train=False, key=key)
        return [x['logits'] for x in (whole, again, other, noisy)]

    whole, again, other, noisy = both(jax.random.key(1, impl='rbg'))
    np.testing.assert_allclose(again, whole, atol=1e-6)
    assert np.abs(other - whole).max() > 1e-3 and np.abs(noisy - whole).max() > 1e-3


@pytest.mark.parametrize(('kernel', 'dilation'), [((3, 3, 3), 1), ((3, 1, 3), 2)])
def test_joined_depth_taps_are_the_convolution(kernel, dilation):
    x = jnp.asarray(RNG.normal(size=(2, 5, 6, 4, 3)), jnp.float32)
    weights = jnp.asarray(RNG.normal(size=(*kernel, 3, 2)), jnp.float32)

    def total(x, weights, joined):
        y = fields.convolve(x, weights, dilation=dilation, joined=joined)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)), y

    both = [
        run(jax.grad(total, (0, 1), has_aux=True), static_argnums=2)(x, weights, joined)
        for joined in (True, False)
    ]
    jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-4), *both)


def test_blocks_are_the_strided_convolutions():
    x = jnp.asarray(RNG.normal(size=(2, 4, 6, 3)), jnp.float32)
    weights = jnp.asarray(RNG.normal(size=(2, 2, 3, 5)), jnp.float32)
    dims = ('NHWC', 'HWIO', 'NHWC')
    down = jax.lax.conv_general_dilated(
        x, weights, (2, 2), 'VALID', dimension_numbers=dims
    )
    np.testing.assert_allclose(
        fields.blocks(x) @ weights.reshape(12, 5), down, atol=1e-5
    )
    volume = jnp.asarray(RNG.normal(size=(2, 4, 6, 2, 3)), jnp.float32)
    for y in (x, volume):
        np.testing.assert_array_equal(fields.unblocked(fields.blocks(y)), y)
    by_windows = volume.reshape(2, 2, 2, 3, 2, 1, 2, 3).max((2, 4, 6))
    np.testing.assert_array_equal(fields.pooled(volume), by_windows)


def test_vnet_is_as_large_as_in_the_tables():
    """9.45 million parameters in those of UA-MT and after."""
    params = jax.eval_shape(models.vnet(2).init, KEY, None).params
    count = sum(x.size for x in jax.tree.leaves(params))
    np.testing.assert_allclose(count, 9.45e6, rtol=1e-3)


def test_bfloat16_leaves_answers_and_parameters_wide():
    network = models.vnet(2, channels=(4, 8), depths=(1, 1), dtype='bfloat16')
    variables = jax.eval_shape(network.init, KEY, None)
    outputs, _ = jax.eval_shape(
        functools.partial(network.apply, train=True),
        variables,
        jnp.zeros((1, 4, 4, 4, 1)),
    )
    leaves = jax.tree.leaves((variables, outputs))
    assert all(x.dtype == jnp.float32 for x in leaves)


def test_refusals():
    for wrong, found in {
        ('axes', 4): 'axes is 4',
        ('kernel', 2): 'kernel is 2; give odd',
        ('channels', (4,)): 'two levels',
        ('scales', 5): 'scales is 5; give 1 to 4',
        ('dropout', (0.1, 0.2)): 'give 5 numbers',
    }.items():
        with pytest.raises(InputError, match=found):
            models.unet(2, **dict([wrong]))
    with pytest.raises(InputError, match='give as many'):
        models.vnet(2, depths=(1, 2))
    network = NETWORKS['unet']
    variables = jax.eval_shape(network.init, KEY, None)
    for shape, found in {
        (2, 8, 10, 1): 'inputs are 8x10; this network needs .* multiples of 4',
        (2, 4, 8, 8, 1): r'inputs must be \[B, H, W, 1\]',
    }.items():
        with pytest.raises(InputError, match=found):
            jax.eval_shape(
                functools.partial(network.apply, train=True),
                variables,
                jnp.zeros(shape),
            )


@pytest.mark.parametrize(
    'make',
    [
        functools.partial(models.unet, 2, axes=3, channels=(4, 8), dropout=0.3),
        functools.partial(models.vnet, 2, channels=(4, 8), depths=(1, 2)),
    ],
    ids=['unet', 'vnet'],
)
def test_remat_keeps_less_and_changes_nothing(make):
    images = jnp.asarray(RNG.normal(size=(2, 4, 8, 8, 1)), jnp.float32)
    variables = run(make().init)(KEY, images)

    def loss(params, network, images):
        now = variables._replace(params=params)
        outputs, stats = network.apply(now, images, train=True, key=KEY)
        return jnp.square(outputs['logits']).mean(), stats

    def kept(network):
        """Numbers that the way forward leaves for the way back."""

        def back(params, images):
            return jax.vjp(lambda p: loss(p, network, images)[0], params)[1]

        large = jax.ShapeDtypeStruct((2, 16, 32, 32, 1), jnp.float32)
        left = jax.eval_shape(back, variables.params, large)
        return sum(x.size for x in jax.tree.leaves(left))

    def learn(network):
        slope = jax.value_and_grad(loss, has_aux=True)
        return run(lambda p: slope(p, network, images))(variables.params)

    plain, again = make(), make(remat=True)
    chex.assert_trees_all_close(learn(plain), learn(again), rtol=1e-4, atol=1e-6)
    assert kept(again) < 0.7 * kept(plain)
