import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from ssljax import methods
from ssljax.contracts import InputError, State
from ssljax.methods.learner import gradient_step

SGD = optax.sgd(0.1, momentum=0.9)
ROWS, ALL = PartitionSpec('data'), PartitionSpec()


def batch_of(tiny, rows=16):
    rng = np.random.default_rng(0)
    image = lambda n: jnp.asarray(rng.normal(size=(n, 2, 2, 1)), jnp.float32)  # noqa: E731
    views = {'weak': image(2 * rows), 'strong': image(2 * rows)}
    return tiny.batch(image(rows), rng.integers(0, 3, rows), views)


def fixmatch(tiny, parts, **network):
    return methods.fixmatch(
        tiny.mlp(**network),
        methods.accumulated(SGD, parts),
        num_classes=3,
        threshold=0.5,  # some rows pass, some do not
        joint=False,
    )


def run(tiny, method, batch, steps=2):
    state, step = method.init(jax.random.key(0), batch), jax.jit(method.step)
    for _ in range(steps):
        state, metrics = step(state, batch)
    return state._replace(key=None), metrics


def assert_close(a, b, tolerance=1e-6):
    for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('backend', ['cpu', 'gpu'])
def test_parts_are_the_whole(tiny, backend, monkeypatch):
    batch = batch_of(tiny)
    whole = run(tiny, fixmatch(tiny, 1), batch)
    assert 0 < whole[1]['utilisation'] < 1
    monkeypatch.setattr(jax, 'default_backend', lambda: backend)
    method = fixmatch(tiny, 4)
    state, metrics = run(tiny, method, batch)
    assert_close(state, whole[0])
    # The mean over parts of an extreme or an entropy is not that of the whole.
    curved = {'highest_confidence', 'largest_class', 'class_entropy', 'label_share'}
    flat = [name for name in metrics if name.removeprefix('targets/') not in curved]
    assert_close(*({name: one[name] for name in flat} for one in (metrics, whole[1])))
    # Unrolled where a convolution in a loop is slow, a loop elsewhere.
    state = method.init(jax.random.key(0), batch)
    text = jax.jit(method.step).lower(state, batch).as_text()
    loops = len(re.findall('stablehlo.while', text))
    monkeypatch.undo()
    plain = jax.jit(fixmatch(tiny, 1).step).lower(state, batch).as_text()
    more = loops - len(re.findall('stablehlo.while', plain))
    assert (more > 0) == (backend == 'gpu')


def test_what_passes_from_part_to_part():
    def objective(params, state, batch, key):
        x = batch['stream']['x']
        stats = {'student': state.stats['student'] * 0.5 + x.mean()}
        memory = {'seen': jnp.concatenate([state.memory['seen'][len(x) :], x])}
        metrics = {'first': x[0], 'x': x, 'noise': jax.random.uniform(key, x.shape)}
        return params['student'] * x.mean(), methods.Aux(metrics, stats, memory)

    x = jnp.arange(6.0)
    state = State(
        step=jnp.zeros((), jnp.int32),
        key=jax.random.key(0),
        params={'student': jnp.ones(())},
        stats={'student': jnp.zeros(())},
        opt={'student': optax.sgd(1.0).init(jnp.ones(()))},
        memory={'seen': jnp.zeros(6), 'other': jnp.ones(())},
        frozen={},
    )
    move = gradient_step(objective, methods.accumulated(optax.sgd(1.0), 3))
    new, metrics = jax.jit(move)(state, {'stream': {'x': x}}, jax.random.key(1))
    # Parts are rows (0, 3), (1, 4), (2, 5).
    np.testing.assert_array_equal(new.memory['seen'], [0, 3, 1, 4, 2, 5])
    assert new.memory['other'] == 1
    assert new.stats['student'] == (1.5 * 0.5 + 2.5) * 0.5 + 3.5
    np.testing.assert_allclose(new.params['student'], 1 - 2.5)
    assert metrics['loss'] == 2.5 and metrics['first'] == 1.0
    np.testing.assert_array_equal(metrics['x'], x)  # rows in the order of the batch
    assert len(np.unique(metrics['noise'])) == 6


def test_rows_stay_where_they_are(tiny):
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    method = fixmatch(tiny, 2, statistics=True)
    batch = batch_of(tiny)
    split = jax.device_put(batch, NamedSharding(mesh, ROWS))
    state = method.init(jax.random.key(0), batch)
    expected = jax.jit(method.step)(state, batch)
    specs = {'mesh': mesh, 'in_specs': (ALL, ROWS), 'out_specs': ALL}
    for step in method.step, jax.shard_map(method.step, **specs):
        compiled = jax.jit(step).lower(state, split).compile()
        found, metrics = compiled(state, split)
        assert_close((found.params, metrics), (expected[0].params, expected[1]), 1e-5)
        text = compiled.as_text()
        assert not re.search('all-gather|all-to-all|collective-permute', text)
    # Device by device, gradients are added up once and not at every part.
    text = jax.jit(step).lower(state, split).as_text()
    sums = re.findall(r'all_reduce.*?\}\) : \(tensor<(.*?)>\)', text, re.DOTALL)
    assert sums.count('4x6xf32') == 1 and sums.count('6x3xf32') == 1


def test_refusals(tiny):
    assert methods.accumulated(SGD, 1) is SGD
    for parts in (0, 1.5):
        with pytest.raises(InputError, match=f'parts is {parts}'):
            methods.accumulated(SGD, parts)
    batch = batch_of(tiny, 6)
    method = fixmatch(tiny, 4)
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    with pytest.raises(InputError, match="6 rows in its stream 'labelled'.* 4 parts"):
        jax.eval_shape(method.step, state, batch)
    groups = {'student': methods.accumulated(SGD, 2), 'teacher': SGD}
    with pytest.raises(InputError, match=r'in \[1, 2\] parts'):
        methods.two_update(tiny.mlp(), groups, num_classes=3)
    own = methods.adversarial(
        tiny.mlp(), tiny.mlp(classes=1), methods.accumulated(SGD, 2), num_classes=3
    )
    state = jax.eval_shape(own.init, jax.random.key(0), batch)
    with pytest.raises(InputError, match='takes the gradients of a whole batch'):
        jax.eval_shape(own.step, state, batch)
