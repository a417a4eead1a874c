import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx
from jax.sharding import AxisType, PartitionSpec

from ssljax import models
from ssljax.contracts import InputError


class Plain(nnx.Module):
    """Knows nothing of modes: its layers are told by their attributes."""

    def __init__(self, rngs, depth=1):
        self.layers = nnx.List(nnx.Linear(3, 3, rngs=rngs) for _ in range(depth))
        self.norm = nnx.BatchNorm(3, rngs=rngs)
        self.dropouts = nnx.List(nnx.Dropout(0.5, rngs=rngs) for _ in range(2))

    def encode(self, x):
        for layer in self.layers:
            x = layer(x)
        return {'features': self.norm(x)}

    def __call__(self, x):
        x = self.encode(x)['features']
        return jnp.concatenate([dropout(x) for dropout in self.dropouts], -1)


class Entangled(Plain):
    """Hands one flag to batch norm and dropout, as most published modules do."""

    deterministic = True  # an attribute that is told, on top of the argument

    def __call__(self, x, train: bool):
        x = self.norm(self.layers[0](x), use_running_average=not train)
        dropped = [d(x, deterministic=not train) for d in self.dropouts]
        return jnp.concatenate(dropped, -1)


class Linen(linen.Module):
    """Takes one flag as argument or as field: linen layers know both."""

    as_field: bool = False

    def setup(self):
        self.dense = linen.Dense(3)

    @linen.compact
    def __call__(self, x, train: bool):
        if self.as_field:
            x = linen.BatchNorm(use_running_average=not train)(self.dense(x))
            drop = [linen.Dropout(0.5, deterministic=not train)(x) for _ in range(2)]
        else:
            x = linen.BatchNorm()(self.dense(x), use_running_average=not train)
            drop = [linen.Dropout(0.5)(x, deterministic=not train) for _ in range(2)]
        return jnp.concatenate(drop, -1)

    def encode(self, x):
        return {'features': self.dense(x)}


NETWORKS = {
    'nnx': lambda: models.from_nnx(Plain, parts={'encode': 'encode'}),
    'nnx entangled': lambda: models.from_nnx(Entangled, parts={'encode': 'encode'}),
    'linen': lambda: models.from_linen(Linen(), parts={'encode': 'encode'}),
    'linen fields': lambda: models.from_linen(
        Linen(as_field=True), parts={'encode': 'encode'}
    ),
}
X = 2 + 3 * jax.random.normal(jax.random.key(7), (64, 3))


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


def equal(a, b):
    return jax.tree.all(jax.tree.map(lambda p, q: bool(jnp.all(p == q)), a, b))


def test_train_and_key_are_independent(network):
    variables = network.init(jax.random.key(0), X)
    apply = jax.jit(network.apply, static_argnames='train')

    def run(train, seed):
        key = None if seed is None else jax.random.key(seed)
        outputs, stats = apply(variables, X, train=train, key=key)
        assert outputs['logits'].shape == (64, 6)
        return outputs['logits'], stats

    for train in (False, True):
        still, stats = run(train, None)
        noisy, noisy_stats = run(train, 1)
        # Noise: none without a key, and with one the inverted dropout of that key.
        assert equal(still, run(train, None)[0])
        assert equal(noisy, run(train, 1)[0])
        assert not equal(noisy, run(train, 2)[0])
        dropped = noisy == 0
        assert 0.3 < dropped.mean() < 0.7
        assert not equal(dropped[:, :3], dropped[:, 3:])  # each layer has its own key
        np.testing.assert_allclose(
            noisy, jnp.where(dropped, 0, 2 * still), rtol=1e-5, atol=1e-5
        )
        # Statistics: of the batch if and only if train, with noise or without.
        centred = bool(jnp.abs(still.mean(0)).max() < 1e-4)
        assert centred == train
        assert equal(stats, noisy_stats)
        assert equal(stats, variables.stats) != train
        assert jax.tree.structure(stats) == jax.tree.structure(variables.stats)


def test_every_device_draws_its_own_noise(network):
    variables = network.init(jax.random.key(0), X)
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))

    def run(x):
        outputs, _ = network.apply(variables, x, train=True, key=jax.random.key(1))
        return outputs['logits']

    rows = PartitionSpec('data')
    split = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=rows, out_specs=rows))
    parts = np.asarray(split(X) == 0).reshape(8, 8 * 6)
    assert len(np.unique(parts, axis=0)) == 8


def test_variables_are_plain_trees(network):
    variables = network.init(jax.random.key(0), X)
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    assert all(type(leaf) is type(X) for _, leaf in leaves)
    keys = [entry for path, _ in leaves for entry in path[1:]]
    assert all(type(entry.key) is str for entry in keys)

    def loss(params):
        now = variables._replace(params=params)
        return network.apply(now, X, train=True)[0]['logits'].std()

    optimizer = optax.sgd(0.1)
    grads = jax.grad(loss)(variables.params)
    updates, _ = optimizer.update(grads, optimizer.init(variables.params))
    assert not equal(optax.apply_updates(variables.params, updates), variables.params)


def test_seeds_are_a_batch_axis(network):
    keys = jax.random.split(jax.random.key(0), 2)
    many = jax.vmap(network.init, (0, None))(keys, X)

    @jax.jit
    def run(variables, key):
        return network.apply(variables, X, train=True, key=key)

    outputs, stats = jax.vmap(run)(many, keys)
    for i, key in enumerate(keys):
        one = network.init(key, X)
        alone = run(one, key)
        picked = jax.tree.map(lambda a, i=i: a[i], (many, outputs, stats))
        for a, b in zip(picked, (one, *alone), strict=True):
            jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, atol=1e-5), a, b)


def test_parts_share_the_variables(network):
    variables = network.init(jax.random.key(0), X)
    outputs, stats = network.parts['encode'](variables, X, train=True)
    assert outputs['features'].shape == (64, 3)
    assert jax.tree.structure(stats) == jax.tree.structure(variables.stats)


def test_nnx_variables_find_their_way_back():
    def make(rngs):
        return Plain(rngs, depth=11)  # as strings, '10' sorts before '2'

    network, module = models.from_nnx(make), make(nnx.Rngs(jax.random.key(5)))
    module.eval()
    variables = network.init(jax.random.key(5), X)
    outputs, _ = network.apply(variables, X, train=False)
    np.testing.assert_allclose(outputs['logits'], module(X), rtol=1e-6)


def test_network_without_statistics():
    network = models.from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    variables = network.init(jax.random.key(0), X)
    outputs, stats = network.apply(variables, X, train=True)
    assert variables.stats == stats == {}
    params = variables.params
    np.testing.assert_allclose(
        outputs['logits'], X @ params['kernel'] + params['bias'][None], rtol=1e-6
    )


class Counting(nnx.Module):
    """Moves a variable at every call."""

    def __init__(self, rngs):
        self.linear = nnx.Linear(3, 2, rngs=rngs)
        self.calls = nnx.Variable(jnp.zeros((), jnp.int32))

    def __call__(self, x):
        self.calls[...] += 1
        return self.linear(x)


def test_statistics_move_in_training_only():
    network = models.from_nnx(Counting)
    variables = network.init(jax.random.key(0), X)
    assert network.apply(variables, X, train=False)[1] == {'calls': 0}
    assert network.apply(variables, X, train=True)[1] == {'calls': 1}
    assert variables.stats == {'calls': 0}


class Noisy(nnx.Module):
    """Draws noise without looking at any switch."""

    def __init__(self, rngs):
        self.linear = nnx.Linear(3, 3, rngs=rngs)
        self.rngs = rngs

    def __call__(self, x):
        return self.linear(x) + self.rngs.normal(x.shape)

    def pair(self, x):
        return x, x


class LinenNoisy(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(3)(x) + jax.random.normal(self.make_rng('noise'), x.shape)

    def pair(self, x):
        return x, x


@pytest.mark.parametrize(
    'network',
    [
        models.from_nnx(Noisy, parts={'pair': 'pair'}),
        models.from_linen(LinenNoisy(), parts={'pair': 'pair'}),
    ],
    ids=['nnx', 'linen'],
)
def test_refuses_what_breaks_the_contract(network):
    variables = network.init(jax.random.key(0), X)
    assert network.apply(variables, X, train=False, key=jax.random.key(1))
    with pytest.raises(InputError, match='although key is None'):
        network.apply(variables, X, train=True)
    with pytest.raises(InputError, match='pair must answer with a dict .* found tuple'):
        network.parts['pair'](variables, X, train=False)


def test_refuses_what_is_no_model():
    with pytest.raises(InputError, match='without any nnx.Param'):
        models.from_nnx(lambda rngs: nnx.Dropout(0.5, rngs=rngs))
    with pytest.raises(InputError, match='must return an nnx.Module'):
        models.from_nnx(lambda rngs: jnp.zeros(3))
    with pytest.raises(InputError, match='has no parameters'):
        models.from_linen(linen.Dropout(0.5)).init(jax.random.key(0), X)
    with pytest.raises(InputError, match="parts\\['head'\\] must name a method"):
        models.from_nnx(Plain, parts={'head': 'head'})
    with pytest.raises(InputError, match="parts\\['head'\\] must name a method"):
        models.from_linen(Linen(), parts={'head': 'head'})


def test_says_what_to_install(monkeypatch):
    for name in [n for n in sys.modules if n.startswith('ssljax.models')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'flax', None)
    with pytest.raises(ImportError, match=r"pip install 'ssljax\[train\]'"):
        __import__('ssljax.models')
