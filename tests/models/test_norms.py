"""Batch statistics by name, in each network and on several devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.sharding import AxisType, PartitionSpec

from ssljax import models, shards
from ssljax.contracts import InputError
from ssljax.models import norms

KEY = jax.random.key(0, impl='rbg')
# Rows that differ in size, so that a device's own statistics are seen to be others.
X = jax.random.normal(KEY, (16, 4, 3)) * jnp.linspace(0.5, 3, 16)[:, None, None] + 1
ROWS, ALL = PartitionSpec('data'), PartitionSpec()


class Normed(nnx.Module):
    """A batch norm of ours, or a user's own, between two layers."""

    def __init__(self, make, rngs):
        self.linear = nnx.Linear(3, 3, rngs=rngs)
        self.norm = make(rngs)
        self.last = nnx.Linear(3, 2, rngs=rngs)

    def __call__(self, x):
        return self.last(jnp.tanh(self.norm(self.linear(x))).mean(1))


class LinenNormed(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = linen.BatchNorm(momentum=0.9)(linen.Dense(3)(x))
        return linen.Dense(2)(jnp.tanh(x).mean(1))


def ours(**options):
    make = lambda rngs: norms.BatchNorm(3, momentum=0.9, **options)  # noqa: E731
    return models.from_nnx(functools.partial(Normed, make))


def theirs():
    make = lambda rngs: nnx.BatchNorm(3, momentum=0.9, rngs=rngs)  # noqa: E731
    return models.from_nnx(functools.partial(Normed, make))


def linens():
    return models.from_linen(LinenNormed())


def learn(network, variables, x):
    """Value, gradient and new statistics of a loss over the rows of all devices."""

    def loss(params, x):
        now = variables._replace(params=params)
        outputs, stats = network.apply(now, x, train=True)
        return shards.mean(jnp.square(outputs['logits'] - 1).mean()), stats

    (value, stats), grads = jax.value_and_grad(loss, has_aux=True)(variables.params, x)
    return value, grads, stats


def on_devices(run):
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    return jax.jit(jax.shard_map(run, mesh=mesh, in_specs=ROWS, out_specs=ALL))


def assert_close(a, b, tolerance=2e-6):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_is_flax_batch_norm_or_torch():
    own, flax = ours(), theirs()
    variables = flax.init(KEY, X)
    value, grads, stats = learn(flax, variables, X)
    found = learn(own, variables, X)
    jax.tree.map(assert_close, found, (value, grads, stats))
    # A unit more of variance where it is unbiased; all else is the same.
    *_, torch = learn(ours(unbiased=True), variables, X)
    biased = (stats['norm']['var'] - 0.9) / 0.1
    assert_close((torch['norm']['var'] - 0.9) / 0.1, biased * 64 / 63, 1e-5)


@pytest.mark.parametrize('unbiased', [False, True])
def test_global_statistics_are_those_of_one_device(unbiased):
    network = ours(unbiased=unbiased)
    variables = network.init(KEY, X)
    many = on_devices(lambda x: learn(network, variables, x))(X)
    jax.tree.map(assert_close, many, learn(network, variables, X))


@pytest.mark.parametrize(
    'make',
    [
        lambda: ours(statistics='device'),
        lambda: ours(statistics='device', unbiased=True),
        theirs,
        linens,
    ],
    ids=['ours', 'ours unbiased', 'nnx', 'linen'],
)
def test_device_statistics_are_of_each_part_by_itself(make):
    network = make()
    variables = network.init(KEY, X)
    many = on_devices(lambda x: learn(network, variables, x))(X)
    alone = [learn(network, variables, part) for part in jnp.split(X, 8)]
    mean = jax.tree.map(lambda *parts: sum(parts) / 8, *alone)
    jax.tree.map(assert_close, many, mean)
    # And they are not those of all rows together.
    value, *_ = learn(network, variables, X)
    assert abs(many[0] - value) > 1e-3


def test_under_jit_there_is_one_batch():
    network = ours(statistics='device')
    variables = network.init(KEY, X)
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    split = jax.device_put(X, jax.sharding.NamedSharding(mesh, ROWS))
    many = jax.jit(functools.partial(learn, network, variables))(split)
    jax.tree.map(assert_close, many, learn(network, variables, X))


@pytest.mark.parametrize('name', ['group', 'batch'])
def test_statistics_of_bfloat16_are_float32(name):
    x = (X + 100).astype(jnp.bfloat16)  # in which steps are of 0.5

    def normed(dtype):
        make = norms.norm_of(name, statistics='global', dtype=dtype)
        layer = make(3, rngs=nnx.Rngs(0))
        return layer(x.astype(dtype)), nnx.state(layer, nnx.BatchStat)

    (half, moved), (full, expected) = normed(jnp.bfloat16), normed(jnp.float32)
    assert half.dtype == jnp.bfloat16
    jax.tree.map(assert_close, moved, expected)
    assert_close(half.astype(jnp.float32), full, 2**-8)


BUILDERS = {
    'wide_resnet': functools.partial(models.wide_resnet, 3, depth=10, width=1),
    'small_cnn': functools.partial(models.small_cnn, 3, channels=(4,), norm='batch'),
    'series_cnn': functools.partial(models.series_cnn, 3, channels=(4,), norm='batch'),
}
SHAPES = {
    'wide_resnet': (8, 4, 4, 3),
    'small_cnn': (8, 4, 4, 1),
    'series_cnn': (8, 9, 1),
}


@pytest.mark.parametrize('name', BUILDERS)
def test_networks_take_statistics_by_name(name):
    x = jax.random.normal(KEY, SHAPES[name])
    one, each = (BUILDERS[name](statistics=s) for s in ('global', 'device'))
    variables = jax.jit(one.init)(KEY, x)

    def answer(network, x):
        return network.apply(variables, x, train=True)[0]['logits']

    def split(network):
        mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
        run = functools.partial(answer, network)
        return jax.jit(jax.shard_map(run, mesh=mesh, in_specs=ROWS, out_specs=ROWS))(x)

    whole = jax.jit(functools.partial(answer, one))
    assert_close(split(one), whole(x), 2e-5)
    parts = jnp.concatenate([whole(part) for part in jnp.split(x, 2)])
    assert_close(split(each), parts, 2e-5)
    assert abs(split(each) - whole(x)).max() > 1e-3
    with pytest.raises(InputError, match="'global' or 'device', found 'local'"):
        BUILDERS[name](statistics='local')
