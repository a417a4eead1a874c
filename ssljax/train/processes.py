"""Several processes, one decision: the first decides, and tells the others.

With one process, all of this is free and touches no device. With several, every process
must make the same calls in the same order, from its main thread: they are collectives,
which get lost in each other's when two threads make them at once.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

T = TypeVar('T')


def first() -> bool:
    """Whether this process is the one that decides, and writes what is written once."""
    return jax.process_index() == 0


def barrier(name: str) -> None:
    """Waits until every process has come here; ``name`` must be the same in all."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def agreed(value: T) -> T:
    """Returns the first process's value, in every process.

    Args:
      value: small, and of a kind that can be pickled; the other processes' is ignored.
    """
    if jax.process_count() == 1:
        return value
    sent = np.frombuffer(pickle.dumps(value), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(sent))))
    # Filled up to one of few lengths, each of which is compiled.
    room = np.zeros(-(-size // 4096) * 4096, np.uint8)
    if first():
        room[:size] = sent
    received = multihost_utils.broadcast_one_to_all(room)[:size]
    return value if first() else pickle.loads(received.tobytes())


def decided(fn: Callable[[], T]) -> T:
    """Calls ``fn`` in the first process, and returns or raises its result in every."""
    if jax.process_count() == 1:
        return fn()
    result, error = None, None
    if first():
        try:
            result = fn()
        except Exception as raised:
            error = raised
    result, error = agreed((result, error))
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def anywhere(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.bool_(flag))))
