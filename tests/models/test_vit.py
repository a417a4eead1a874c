"""The ViT, and USB's second WRN, by weights that a rule makes for both sides."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import traverse_util

from ssljax import models
from ssljax.contracts import InputError
from ssljax.models.wrn import _torch_name

TINY = {'image_size': 8, 'patch': 2, 'width': 12, 'depth': 2, 'heads': 3}
VAR = {'depth': 37, 'blocks': 4, 'first_stride': 2}
IMAGES = np.random.RandomState(1).standard_normal((2, 32, 32, 3))


def by_rule(network):
    """Variables of numbers that a seed and the sorted torch names decide."""
    shapes = jax.eval_shape(network.init, jax.random.key(0), None)
    flat = traverse_util.flatten_dict(shapes._asdict())
    draw, arrays = np.random.RandomState(0), {}
    for name, path in sorted((_torch_name(path), path) for path in flat):
        shape = flat[path].shape
        if path[-1] == 'kernel':
            shape = (shape[-1], shape[-2], *shape[:-2])
        x = draw.standard_normal(shape)
        fan = max(1, int(np.prod(shape[1:])))
        arrays[name] = 1 + 0.1 * np.abs(x) if name.endswith('_var') else x / fan**0.5
    wide = jax.tree.map(lambda x: x.update(dtype=jnp.float64), shapes)
    return models.load_usb_weights(wide, arrays)


@pytest.mark.parametrize('name', ['vit', 'wrn_var'])
def test_usb_answers(golden, name):
    case = golden('usb_wrn_var_vit')
    with jax.enable_x64(True):
        if name == 'vit':
            network = models.vit(5, **TINY, dtype='float64')
        else:
            network = models.wide_resnet(5, **{**VAR, 'depth': 13}, dtype='float64')
        images = jnp.asarray(IMAGES[:, :8, :8] if name == 'vit' else IMAGES)
        run = jax.jit(lambda v, x: network.apply(v, x, train=False)[0])
        outputs = run(by_rule(network), images)
        for field in ('logits', 'features'):
            expected = case[f'out_{name}_{field}']
            np.testing.assert_allclose(outputs[field], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    'name, network',
    [
        ('vit_tiny_patch2_32', lambda: models.vit(10, width=192, heads=3)),
        ('vit_small_patch2_32', lambda: models.vit(100)),
        (
            'vit_base_patch16_96',
            lambda: models.vit(10, image_size=96, patch=16, width=768, heads=12),
        ),
        ('wrn_var_37_2', lambda: models.wide_resnet(10, **VAR)),
    ],
)
def test_usb_parameters(golden, name, network):
    shapes = jax.eval_shape(network().init, jax.random.key(0), None)
    found = sum(x.size for x in jax.tree.leaves(shapes.params))
    assert found == golden('usb_wrn_var_vit')[f'out_{name}_parameters']


@pytest.fixture(scope='module')
def small():
    network = models.vit(3, **TINY, dropout=0.1, drop_path=0.5)
    return network, jax.jit(network.init)(jax.random.key(0, impl='rbg'), None)


def test_noise_comes_with_a_key_and_takes_whole_rows(small):
    network, variables = small
    images = jnp.tile(jnp.asarray(IMAGES[:1, :8, :8], jnp.float32), (8, 1, 1, 1))
    run = jax.jit(network.apply, static_argnames='train')
    quiet, stats = run(variables, images, train=True)
    assert stats == {} and quiet['features'].dtype == jnp.float32
    np.testing.assert_allclose(quiet['logits'], quiet['logits'][:1].repeat(8, 0))
    skip = models.vit(3, **TINY, drop_path=0.5)
    noisy, _ = skip.apply(variables, images, train=True, key=jax.random.key(1))
    # Of two branches of the last block, each row skips both, either or none.
    kinds = np.unique(np.round(noisy['logits'], 5), axis=0)
    assert 2 <= len(kinds) <= 4
    both = run(variables, images, train=True, key=jax.random.key(1))[0]
    assert len(np.unique(both['logits'], axis=0)) == 8


def test_computes_in_bfloat16_and_answers_in_float32(small):
    _, variables = small
    half = models.vit(3, **TINY, dtype='bfloat16', remat=True)
    whole = models.vit(3, **TINY)
    images = jnp.asarray(IMAGES[:, :8, :8], jnp.float32)

    def slope(network):
        def loss(params):
            now = variables._replace(params=params)
            outputs, _ = network.apply(now, images, train=True)
            assert outputs['logits'].dtype == outputs['features'].dtype == jnp.float32
            return outputs['features'][:, 0].sum(), outputs['features']

        return jax.jit(jax.grad(loss, has_aux=True))(variables.params)

    (rough, found), (exact, features) = slope(half), slope(whole)
    assert 1e-5 < jnp.abs(found - features).max() < 0.1
    far = optax.tree.norm(jax.tree.map(jnp.subtract, rough, exact))
    assert far < 0.1 * optax.tree.norm(exact)


def test_deeper_layers_move_less(small):
    _, variables = small
    ones = {**jax.tree.map(jnp.ones_like, variables.params), 'projection': jnp.ones(2)}
    moved, _ = models.layerwise(0.5).update(ones, optax.EmptyState())
    found = {
        '.'.join(map(str, path[:2])): float(x.ravel()[0])
        for path, x in traverse_util.flatten_dict(moved).items()
    }
    # Two blocks: embeddings 3 layers below the head, the last norm with block 1.
    assert found['cls_token'] == found['pos_embed'] == 0.125
    assert found['patch_embed.proj'] == 0.125
    assert (found['blocks.0'], found['blocks.1'], found['norm.scale']) == (
        0.25,
        0.5,
        0.5,
    )
    assert found['head.kernel'] == found['projection'] == 1


def test_refusals(small):
    network, variables = small
    with pytest.raises(InputError, match='inputs must be 8x8 for this network'):
        network.apply(variables, jnp.ones((2, 4, 4, 3)), train=False)
    with pytest.raises(InputError, match='patch is 3, which does not divide 8'):
        models.vit(3, **{**TINY, 'patch': 3})
    with pytest.raises(
        InputError, match=r'layer_decay is 0; give a number in \(0, 1\]'
    ):
        models.layerwise(0)
    with pytest.raises(InputError, match='needs the parameters of a vit'):
        models.layerwise(0.5).update({'head': jnp.ones(2)}, optax.EmptyState())
    with pytest.raises(InputError, match='depth must be 13, 21, 29, 37, ... for 4'):
        models.wide_resnet(3, blocks=4, depth=28)
