"""One of two processes with 4 devices each: ``pair.py <port> <index> <folder>``."""

import sys
import threading
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from ssljax.train import checkpoints, processes


def mesh():
    return jax.make_mesh((8,), ('x',), axis_types=(jax.sharding.AxisType.Auto,))


def tree(at):
    """Split, whole and key over all devices; what each process has for itself."""

    def put(x, *spec):
        sharding = jax.NamedSharding(at, jax.P(*spec))
        return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])

    whole = jax.NamedSharding(at, jax.P())
    return {
        'split': put(np.arange(64, dtype=np.float32).reshape(16, 4), 'x'),
        'whole': put(np.arange(5)),
        'key': jax.jit(lambda: jax.random.key(5), out_shardings=whole)(),
        'empty': put(np.zeros((0, 4), np.float32), 'x'),
        'own': jnp.arange(3.0),
    }


def same(one, other):
    """Asserts that the parts of two trees that lie here have the same bits."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.sharding == b.sharding and a.committed == b.committed
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        for x, y in zip(a.addressable_shards, b.addressable_shards, strict=True):
            assert np.asarray(x.data).tobytes() == np.asarray(y.data).tobytes()


def decide(index):
    """What is agreed upon."""
    processes.barrier('start')
    assert processes.first() == (index == 0)
    assert processes.agreed({'index': [index]}) == {'index': [0]}
    large = processes.agreed(np.full(5000, index + 3))
    assert large.shape == (5000,) and (large == 3).all()
    asked = []
    assert processes.decided(lambda: asked.append(index) or 'yes') == 'yes'
    assert asked == [0][index:]
    try:
        processes.decided(lambda: 1 / 0)
        raise AssertionError('decided in spite of an error')
    except ZeroDivisionError as error:
        assert 'division by zero' in str(error)
    assert processes.anywhere(index == 1) and not processes.anywhere(False)


def save(index, folder):
    """Two saves with steps between them, the second prunes the first; and back."""
    state = tree(mesh())
    with checkpoints.Writer() as writer:
        writer.save(folder / '1', state, {'step': 1})
        then = [lambda: checkpoints.prune(folder, [2])]
        writer.save(folder / '2', state, {'step': 2}, then[0])
        moved = jax.jit(lambda x: x @ x.T, donate_argnums=0)(state['split'])
        jax.block_until_ready(moved)
    assert checkpoints.steps(folder) == [2]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        # The second process would take the older one.
        asked = [9, 2] if index == 0 else [1]
        found, info = checkpoints.restore(folder, asked, tree(mesh()))
    said = [str(w.message) for w in caught if 'is skipped' in str(w.message)]
    assert len(said) == (index == 0), said
    assert info == {'step': 2}
    same(found, tree(mesh()))


def fail(index, folder):
    """The first can't finish, and both know."""
    if index == 0:
        checkpoints._checksums = lambda *_: 1 / 0
    try:
        with checkpoints.Writer() as writer:
            writer.save(folder / '3', tree(mesh()), {})
        raise AssertionError('saved in spite of an error')
    except (ZeroDivisionError, RuntimeError) as error:
        assert isinstance(error, RuntimeError) == (index == 1)


def guard(name):
    """Collectives of a second thread could meet those of a step."""
    call = getattr(multihost_utils, name)

    def guarded(*args, **kwargs):
        assert threading.current_thread() is threading.main_thread()
        return call(*args, **kwargs)

    setattr(multihost_utils, name, guarded)


def main(port, index, folder):
    jax.config.update('jax_num_cpu_devices', 4)
    where = f'127.0.0.1:{port}'
    jax.distributed.initialize(where, 2, int(index), initialization_timeout=60)
    for name in ('sync_global_devices', 'broadcast_one_to_all', 'process_allgather'):
        guard(name)
    decide(int(index))
    save(int(index), Path(folder))
    fail(int(index), Path(folder))


if __name__ == '__main__':
    main(*sys.argv[1:])
