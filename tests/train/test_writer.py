"""Checkpoints that are written while the steps go on."""

import functools
import subprocess
import sys
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.train import checkpoints
from ssljax.train.checkpoints import Writer


def mesh(shape=(8,), names=('x',)):
    kinds = (jax.sharding.AxisType.Auto,) * len(names)
    devices = jax.devices()[: np.prod(shape)]
    return jax.make_mesh(shape, names, axis_types=kinds, devices=devices)


@pytest.fixture
def gate(monkeypatch):
    """Holds every save before its checksums, until ``gate.set()``."""
    event, checksum = threading.Event(), checkpoints._checksum

    def held(path):
        assert event.wait(60)
        return checksum(path)

    monkeypatch.setattr(checkpoints, '_checksum', held)
    yield event
    event.set()


@pytest.fixture
def full(monkeypatch):
    """A disk without space, from ``full(True)`` to ``full(False)``."""
    checksum = checkpoints._checksum

    def fails(path):
        raise OSError('no space left')

    def switch(on):
        monkeypatch.setattr(checkpoints, '_checksum', fails if on else checksum)

    return switch


def test_saving_does_not_wait(tmp_path, gate):
    tree, order = {'x': jnp.arange(3.0)}, []
    info = {'step': 1}
    with Writer() as writer:
        writer.save(tmp_path / '1', tree, info, lambda: order.append('then'))
        info['step'] = 9  # belongs to the caller again
        assert not (tmp_path / '1/checkpoint.json').exists()
        with pytest.warns(UserWarning, match='1 is skipped: checkpoint.json is miss'):
            assert checkpoints.restore(tmp_path, [1], tree) is None
        order.append('open')
        gate.set()
        writer.wait()
        assert order == ['open', 'then']
        assert checkpoints.load(tmp_path / '1', tree)[1] == {'step': 1}
        writer.wait()  # nothing is left to wait for


def test_one_save_at_a_time(tmp_path, gate):
    order = []
    with Writer() as writer:
        writer.save(tmp_path / '1', {'x': jnp.ones(1)}, {}, lambda: order.append(1))
        threading.Timer(0.2, lambda: (order.append('open'), gate.set())).start()
        writer.save(tmp_path / '2', {'x': jnp.ones(1)}, {}, lambda: order.append(2))
        assert order == ['open', 1] or order == ['open', 1, 2]
        assert checkpoints.load(tmp_path / '1', {'x': jnp.ones(1)})
    assert order == ['open', 1, 2]


def test_pruning_comes_after(tmp_path):
    with Writer() as writer:
        for step in (1, 2, 3):
            writer.save(
                tmp_path / str(step),
                {'x': jnp.full(2, step)},
                {},
                lambda step=step: checkpoints.prune(tmp_path, [step]),
            )
    assert checkpoints.steps(tmp_path) == [3]
    assert checkpoints.load(tmp_path / '3', {'x': jnp.zeros(2, int)})[0]['x'][0] == 3


def test_the_values_are_those_of_the_call(tmp_path, bits):
    """Though the arrays are given away, and what was theirs is written over."""
    numbers = np.arange(1 << 19, dtype=np.float32)
    split = jax.NamedSharding(mesh(), jax.P('x'))
    tree = {'alone': jax.device_put(numbers), 'split': jax.device_put(numbers, split)}
    tree |= {'key': jax.random.key(3), 'host': numbers.copy()}
    expected = bits(tree)

    @functools.partial(jax.jit, donate_argnums=0)
    def overwrite(tree):
        key = jax.random.wrap_key_data(1 + jax.random.key_data(tree['key']))
        return {'alone': -tree['alone'], 'split': -tree['split'], 'key': key}

    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)
    with Writer() as writer:
        writer.save(tmp_path / '1', tree, {})
        tree.pop('host')[:] = 7
        for _ in range(3):
            tree = overwrite(tree)
        jax.block_until_ready(tree)
    assert bits(checkpoints.load(tmp_path / '1', like)[0]) == expected


@pytest.mark.parametrize('where', ['save', 'wait', 'exit'])
def test_an_error_comes_out_at_the_next_call(tmp_path, full, where):
    tree = {'x': jnp.ones(1)}
    full(True)
    with pytest.raises(OSError, match='no space left'), Writer() as writer:
        writer.save(tmp_path / '1', tree, {})
        if where == 'save':
            writer.save(tmp_path / '2', tree, {})
        if where == 'wait':
            writer.wait()
        assert where == 'exit'
    assert not (tmp_path / '2').exists()
    full(False)
    with pytest.warns(UserWarning, match='1 is skipped'):
        assert checkpoints.restore(tmp_path, [1], tree) is None


def test_a_writer_goes_on_after_an_error(tmp_path, full):
    tree = {'x': jnp.ones(1)}
    with Writer() as writer:
        full(True)
        writer.save(tmp_path / '1', tree, {})
        with pytest.raises(OSError, match='no space left'):
            writer.wait()
        full(False)
        writer.save(tmp_path / '1', tree, {'n': 1})
    assert checkpoints.load(tmp_path / '1', tree)[1] == {'n': 1}


def test_another_error_ends_the_block_but_not_the_save(tmp_path, gate, full):
    tree = {'x': jnp.ones(1)}
    with pytest.raises(KeyError) as caught, Writer() as writer:
        writer.save(tmp_path / '1', tree, {})
        gate.set()
        raise KeyError('loop')
    assert not hasattr(caught.value, '__notes__')
    assert checkpoints.load(tmp_path / '1', tree)
    full(True)
    with pytest.raises(KeyError) as caught, Writer() as writer:
        writer.save(tmp_path / '2', tree, {})
        raise KeyError('loop')
    (note,) = caught.value.__notes__
    assert 'Nor could the last checkpoint be saved' in note and 'no space' in note


ENDLESS = """
import itertools, pathlib, sys
import jax.numpy as jnp
from ssljax.train import checkpoints

folder = pathlib.Path(sys.argv[1])
with checkpoints.Writer() as writer:
    for step in itertools.count(1):
        tree = {'x': jnp.full(1 << 18, step, jnp.float32)}
        then = lambda at=step: checkpoints.prune(folder, [at - 1, at, at + 1])
        writer.save(folder / str(step), tree, {'step': step}, then)
"""


@pytest.mark.filterwarnings('ignore:.* is skipped')
def test_killed_while_saving(tmp_path):
    """What is on the disk is this checkpoint, or the one before, and whole."""
    command = [sys.executable, '-c', ENDLESS, str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 120
        while max(checkpoints.steps(tmp_path), default=0) < 4:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        process.kill()
        process.communicate()
    finally:
        process.kill()
    steps = checkpoints.steps(tmp_path)
    tree = {'x': jnp.zeros(1 << 18)}
    found, info = checkpoints.restore(tmp_path, reversed(steps), tree)
    assert info['step'] in steps[-2:]
    assert jnp.all(found['x'] == info['step'])


@pytest.mark.parametrize('on', ['nowhere', 'one', 'some', 'others', 'all'])
def test_written_on_some_devices_and_read_on_others(saved, bits, on):
    folder, tree = saved
    places = {
        'one': jax.sharding.SingleDeviceSharding(jax.devices()[3]),
        'some': jax.NamedSharding(mesh((2, 2), ('x', 'y')), jax.P(('y', 'x'))),
        'others': jax.NamedSharding(mesh((4, 2), ('x', 'y')), jax.P(None, 'x')),
        'all': jax.NamedSharding(mesh(), jax.P('x')),
    }

    def like(leaf):
        sharding = places.get(on)
        if sharding is not None and leaf.ndim < 2 and on != 'one':
            sharding = jax.NamedSharding(sharding.mesh, jax.P())
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    wanted = jax.tree.map(like, tree)
    found, _ = checkpoints.load(folder, wanted)
    assert bits(found) == bits(tree)
    for one, struct in zip(
        jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True
    ):
        assert one.committed == (on != 'nowhere')
        if on != 'nowhere':
            assert one.sharding == struct.sharding


@pytest.fixture(scope='module', params=['one', 'all'])
def saved(request, tmp_path_factory):
    """A State-like tree on one device, or split over all: (folder, tree)."""
    folder = tmp_path_factory.mktemp('saved') / '1'
    tree = {
        'w': jnp.arange(128.0).reshape(16, 8),
        'b': jnp.arange(4, dtype=jnp.bfloat16),
        'step': jnp.int32(7),
        'key': jax.random.key(2),
        'empty': jnp.zeros((0, 8)),
    }
    if request.param == 'all':
        split = jax.NamedSharding(mesh(), jax.P('x'))
        whole = jax.NamedSharding(mesh(), jax.P())
        tree = jax.device_put(tree, {n: split if n == 'w' else whole for n in tree})
    checkpoints.save(folder, tree, {})
    return folder, tree
