"""Several processes: what one decides, and a checkpoint of all of them."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import multihost_utils

from ssljax.train import checkpoints, processes

SCRIPT = Path(__file__).with_name('pair.py')


def test_one_process_needs_no_device(monkeypatch):
    for name in ('sync_global_devices', 'broadcast_one_to_all', 'process_allgather'):
        monkeypatch.delattr(multihost_utils, name)
    processes.barrier('here')
    value = {'a': 1}
    assert processes.first() and processes.agreed(value) is value
    assert processes.decided(lambda: value) is value
    assert processes.anywhere(True) and not processes.anywhere(False)
    with pytest.raises(ZeroDivisionError):
        processes.decided(lambda: 1 / 0)


def test_two_processes(tmp_path, bits):
    """4 devices each write one checkpoint, and read it; then one process reads it."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, str(SCRIPT), port]
    both = [
        subprocess.Popen(
            [*command, str(index), str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in (0, 1)
    ]
    try:
        said = [process.communicate(timeout=240)[1] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], '\n'.join(said)

    spec = importlib.util.spec_from_file_location('pair', SCRIPT)
    pair = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pair)
    expected = pair.tree(pair.mesh())
    on_all, info = checkpoints.load(tmp_path / '2', expected)
    assert info == {'step': 2}
    pair.same(on_all, expected)
    alone = {
        name: jnp.zeros_like(np.asarray(x))
        for name, x in expected.items()
        if name != 'key'
    }
    alone['key'] = jax.random.key(0)
    on_one, _ = checkpoints.load(tmp_path / '2', alone)
    assert bits(on_one) == bits(expected)
