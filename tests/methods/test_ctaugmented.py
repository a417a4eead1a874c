"""CTAugment inside a method: its bins are state, moved by probes of labelled images."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import AxisType, PartitionSpec

from ssljax import methods, models, views

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
RAW = {
    'labelled': {
        'image': IMAGE[:4],
        'label': np.array([0, 1, 0, 1], np.int32),
        'index': np.arange(4, dtype=np.int32),
    },
    'unlabelled': {'image': IMAGE, 'index': np.arange(6, dtype=np.int32)},
}


class Linear(nnx.Module):
    def __init__(self, rngs):
        self.head = nnx.Linear(192, 2, rngs=rngs)

    def __call__(self, x):
        assert x.dtype == jnp.float32
        return self.head(x.reshape(len(x), 192))


@pytest.fixture(scope='module')
def method():
    bare = methods.fixmatch(
        models.from_nnx(Linear), optax.sgd(0.1), num_classes=2, ratio=1.5
    )

    def step(state, batch):
        new, metrics = bare.step(state, batch)
        names = ('weak', 'strong')
        return new, {**metrics, 'seen': {n: batch['unlabelled'][n] for n in names}}

    shown = bare._replace(step=step)
    return methods.ctaugmented(shown, views.shift(1), after=views.normalize(0.5, 0.5))


@pytest.fixture(scope='module')
def steps(method):
    """The states and metrics of three steps."""
    state, found = method.init(jax.random.key(0), RAW), []
    step = jax.jit(method.step)
    for _ in range(3):
        state, metrics = step(state, RAW)
        found.append((state, metrics))
    return found


def test_the_bins_are_state_and_move_by_what_was_probed(method, steps):
    before = views.ctaugment().init()
    np.testing.assert_array_equal(
        method.init(jax.random.key(0), RAW).memory['ctaugment'], before
    )
    (first, metrics), (second, _), _ = steps
    moved = np.array(first.memory['ctaugment'] != before)
    assert 1 <= moved.sum() <= 4 * 2  # two operations a labelled image
    # Each by its closeness: rates of 1 fall towards 1 - error.
    low = np.array(first.memory['ctaugment'])[moved]
    assert (low < 1).all() and (low >= 0.99**8).all()
    assert 0 < metrics['probe_error'] < 1
    assert (second.memory['ctaugment'] != first.memory['ctaugment']).any()
    assert 'teacher' in first.memory or 'rule' in first.memory  # the method's own stays


def test_two_devices_move_the_bins_as_one(method, steps):
    mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
    everywhere, by_row = PartitionSpec(), PartitionSpec('data')
    state = method.init(jax.random.key(0), RAW)
    metrics = {**dict.fromkeys(steps[0][1], everywhere), 'seen': by_row}
    step = jax.shard_map(
        method.step,
        mesh=mesh,
        in_specs=(everywhere, by_row),
        out_specs=(everywhere, metrics),
    )
    found = jax.jit(step)(state, RAW)

    def assert_close(x, y):
        if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)

    jax.tree.map(assert_close, found, steps[0])


def test_strong_views_come_from_the_bins_and_weak_ones_do_not(method):
    state = method.init(jax.random.key(0), RAW)
    none = state.memory['ctaugment'].at[:, 1:].set(0.0)  # only the least magnitudes
    changed = state._replace(memory={**state.memory, 'ctaugment': none})
    step = jax.jit(method.step)
    one, two = (step(x, RAW)[1]['seen'] for x in (state, changed))
    np.testing.assert_array_equal(one['weak']['image'], two['weak']['image'])
    assert np.abs(one['strong']['image'] - two['strong']['image']).max() > 0.1
    for view in one.values():  # what comes last came last
        assert view['image'].min() < -0.5 and view['image'].max() > 0.5


def test_no_retrace(method):
    state, traces = method.init(jax.random.key(0), RAW), []

    def counted(state, batch):
        traces.append(1)
        return method.step(state, batch)

    step = jax.jit(counted, donate_argnums=0)
    for _ in range(3):
        state, metrics = step(state, RAW)
    assert len(traces) == 1 and np.isfinite(metrics['loss'])
