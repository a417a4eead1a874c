"""What concerns all rows is the same, whether they lie on one device or on eight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from ssljax import losses, shards, targets
from ssljax.contracts import Evidence
from ssljax.views.rows import row_by_row

N, C = 16, 3
ALL, ROWS = P(), P(('hosts', 'chips'))
X = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)


def mesh_of(*names, shape=(2, 4)):
    return jax.make_mesh(shape, names, axis_types=(AxisType.Auto,) * len(names))


def spread_over(fn, into):
    """``fn`` on 8 devices, each with its own part of every argument."""
    mesh = mesh_of('hosts', 'chips')
    spread = jax.shard_map(fn, mesh=mesh, in_specs=ROWS, out_specs=into)
    return jax.jit(spread)


def assert_close(a, b):
    compare = lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)  # noqa: E731
    jax.tree.map(compare, a, b)


@pytest.mark.parametrize(
    'fn, into',
    [
        (lambda x: shards.total(x.sum(0)), ALL),
        (lambda x: shards.mean({'a': x.mean(0), 'b': jnp.ones(2)}), ALL),
        (lambda x: shards.most(x.max(0)), ALL),
        (shards.gather, ALL),
        (lambda x: jnp.full((), len(x) * shards.count(x)), ALL),
        (lambda x: shards.row_numbers(len(x), like=x), ROWS),
    ],
    ids=['total', 'mean', 'most', 'gather', 'count', 'row_numbers'],
)
def test_all_rows_are_reached(fn, into):
    assert_close(spread_over(fn, into)(X), fn(X))


def test_only_the_axes_that_differ_are_summed_over():
    def both(x):
        whole = shards.total(x.sum())
        return whole, shards.total(whole), jnp.full((), shards.count(x))

    one_axis = jax.shard_map(
        both, mesh=mesh_of('hosts', 'chips'), in_specs=P('chips'), out_specs=ALL
    )
    whole, again, count = one_axis(X)
    assert_close((whole, again, count), (X.sum(), X.sum(), 4))


def test_noise_on_rows_is_each_device_s_own():
    def words(x):
        return jax.random.key_data(shards.own_key(jax.random.key(0), like=x))[None]

    drawn = spread_over(words, ROWS)(X)
    assert len(np.unique(drawn, axis=0)) == 8
    np.testing.assert_array_equal(words(X)[0], jax.random.key_data(jax.random.key(0)))


def choosing(key, example):
    """A view with a branch that holds an array."""
    weight = np.arange(5, dtype=np.float32)
    x = example['x']
    return {'x': jax.lax.cond(x[0] > 0, lambda: x * weight, lambda: x)}


def test_views_of_rows_make_no_row_travel():
    mesh = mesh_of('data', 'model')
    view = jax.vmap(row_by_row(choosing))
    keys = jax.random.split(jax.random.key(0), N)

    def compiled(fn, rows=N):
        batch = jax.device_put({'x': X[:rows]}, NamedSharding(mesh, P('data')))
        with jax.set_mesh(mesh):
            run = jax.jit(fn).lower(keys[:rows], batch).compile()
        assert_close(run(keys[:rows], batch), view(keys[:rows], {'x': X[:rows]}))
        return run.as_text()

    assert 'all-gather' in compiled(view)
    apart = compiled(lambda keys, batch: shards.by_rows(view, keys, batch))
    assert not any(f' {sent}' in apart for sent in ('all-', 'collective-', 'reduce-sc'))


LOSSES = {
    'mean': losses.masked_mean,
    'weighted': lambda x: losses.masked_mean(x, _positive(x), over=7.0),
    'kept': lambda x: losses.masked_mean(x, _positive(x), over='kept'),
    'all_kept': lambda x: losses.masked_mean(x, over='kept'),
    'valid': lambda x: losses.masked_mean(x, over='valid', valid=_positive(x)),
    'none_kept': lambda x: losses.masked_mean(x, 0 * x, over='kept'),
    'nt_xent': lambda x: losses.nt_xent(x[:, :2], x[:, 2:4]),
    'fairness': lambda x: losses.fairness(
        x, _positive(x)[:, 0], jnp.linspace(0.1, 0.3, 5), jnp.linspace(0.3, 0.1, 5)
    ),
}


def _positive(x):
    return (x > 0).astype(jnp.float32)


@pytest.mark.parametrize('name', LOSSES)
def test_losses_and_their_gradients(name):
    value_and_grad = jax.value_and_grad(LOSSES[name])
    assert_close(spread_over(value_and_grad, (ALL, ROWS))(X), value_and_grad(X))


INDEX = np.array([0, 1, 2, 3, 1, 5, -1, 2, 8, 9, 0, 11, 12, 13, 14, 2], np.int32)
RULES = {
    'align': targets.align('labelled', 0.5),
    'align_by_queue': targets.align_by_queue('labelled', 3),
    'confident_share': targets.confident_share(0.6),
    'curriculum': targets.curriculum(0.7, N, warmup=False),
    'dash': targets.dash(2, 1, measure=1),
    'gaussian': targets.gaussian(0.5, measured_on=targets.align('uniform', 0.5)),
    'relative': targets.relative(0.95),
    'self_adaptive': targets.self_adaptive(0.5),
    'tsa': targets.tsa('linear', 4),
}


@pytest.mark.parametrize('name', RULES)
def test_rules_and_what_they_remember(name):
    rule, rng = RULES[name], np.random.default_rng(1)
    logits = rng.normal(size=(2, N, 3, C)).astype(np.float32)
    probs, known = jax.nn.softmax(3 * logits)  # [N, steps, C]
    labels = rng.integers(0, C, (N, 3))
    init = rule.init(targets.from_prediction(probs[:, 0]))

    def run(probs, known, labels, index):
        state, found = init, []
        for step in range(3):
            evidence = Evidence(
                step=jnp.full((), step),
                index=index,
                probs_labelled=known[:, step],
                labels=labels[:, step],
            )
            taught = targets.from_prediction(probs[:, step])
            taught, state = rule.update(taught, state, evidence)
            found.append(taught)
        return found, state

    batch = probs, known, labels, INDEX
    found, state = jax.jit(run)(*batch)
    assert_close(spread_over(run, (ROWS, ALL))(*batch), (found, state))
    untouched = [targets.from_prediction(probs[:, step]) for step in range(3)]
    differ = jax.tree.map(lambda a, b: np.abs(a - b).max() > 1e-3, found, untouched)
    assert any(jax.tree.leaves(differ))
