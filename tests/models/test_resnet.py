import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError


def shapes(images=(2, 224, 224, 3), classes=1000, **options):
    """What a network answers and how many parameters it has, without an array."""
    network = models.resnet(classes, **options)
    images = jax.ShapeDtypeStruct(images, jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), images)
    count = sum(x.size for x in jax.tree.leaves(variables.params))
    return network, variables, images, count


@pytest.mark.parametrize(
    'depth, width, parameters, features',
    [
        (18, 1, 11_689_512, 512),  # as torchvision counts them
        (50, 1, 25_557_032, 2048),
        (101, 1, 44_549_160, 2048),
        (50, 2, 98_004_072, 4096),
    ],
)
def test_counts_and_shapes_are_the_papers(depth, width, parameters, features):
    network, variables, images, count = shapes(depth=depth, width=width)
    assert count == parameters

    def taps(variables, images):
        return network.parts['taps'](variables, images, train=True)

    outputs, _ = jax.eval_shape(taps, variables, images)
    assert outputs['logits'].shape == (2, 1000)
    assert outputs['features'].shape == (2, features)
    sides = [outputs[f'stage{i}'].shape[1] for i in range(1, 5)]
    assert sides == [56, 28, 14, 7]


def test_multiplications_are_the_papers():
    """4.09e9 for ResNet-50, of one image of 224; XLA counts none on the padding."""
    network, variables, images, _ = shapes((1, 224, 224, 3))

    def answer(variables, images):
        return network.apply(variables, images, train=False)[0]['logits']

    flops = jax.jit(answer).lower(variables, images).cost_analysis()['flops']
    assert 0.95 * 4.09e9 < flops / 2 < 4.09e9


@pytest.fixture(scope='module')
def small():
    network = models.resnet(5, depth=18)
    images = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    key = jax.random.key(0, impl='rbg')
    return network, jax.jit(network.init)(key, images), images


def test_a_unit_starts_as_its_shortcut(small):
    network, variables, images = small
    run = jax.jit(lambda v, x: network.parts['taps'](v, x, train=True)[0])
    before = run(variables, images)
    moved = jax.tree.map(lambda x: x, variables)
    unit = moved.params['stage4']['1']['convs']
    unit['0']['kernel'] = 2 * unit['0']['kernel']
    after = run(moved, images)
    # It adds nothing yet, and its input is not below 0.
    np.testing.assert_array_equal(before['features'], after['features'])
    np.testing.assert_allclose(
        before['features'], before['stage4'].mean((1, 2)), rtol=1e-5
    )
    assert (before['features'] > 0).any()


def test_refuses_what_there_is_not():
    with pytest.raises(InputError, match='depth is 20 and width 1; give one of 18'):
        models.resnet(5, depth=20)
    with pytest.raises(InputError, match='depth is 50 and width 0'):
        models.resnet(5, width=0)
    network, variables, _, _ = shapes(depth=18)
    small = jax.ShapeDtypeStruct((2, 16, 16, 3), jnp.float32)
    with pytest.raises(InputError, match='at least 32x32'):
        jax.eval_shape(lambda v, x: network.apply(v, x, train=True), variables, small)
