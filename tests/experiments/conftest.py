"""The commands, run in this process or in one of their own."""

import importlib
import os
import runpy
import subprocess
import sys
import warnings

import jax
import numpy as np
import pytest
from absl import app, flags  # noqa: F401 (app defines flags of its own)


@pytest.fixture(scope='session')
def tiny():
    """Flags of a network and a number of steps that take seconds."""
    return (
        '--config.networks.network.channels=(4,)',
        '--config.mesh.devices=1',
        '--config.steps=12',
        '--config.log_every=1',
        '--config.eval_every=4',
        '--config.checkpoint_every=3',
    )


@pytest.fixture(scope='session')
def compiled(tmp_path_factory):
    """A folder of compiled programs, so that each is compiled once in the session."""
    return tmp_path_factory.mktemp('compiled')


@pytest.fixture(scope='session')
def process(root, compiled):
    """Starts ``python -m experiments.<name>`` from the repository's root."""
    cache = {
        'JAX_COMPILATION_CACHE_DIR': str(compiled),
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
        'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '0',
    }

    def start(name, *arguments):
        return subprocess.Popen(
            [sys.executable, '-m', f'experiments.{name}', *map(str, arguments)],
            cwd=root,
            env={**os.environ, **cache},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def command(root, compiled, capsys, monkeypatch):
    """Runs a command in this process: ``(status, stdout, stderr)``.

    All but the start of an interpreter, which takes seconds, is as in a process.
    """
    monkeypatch.chdir(root)
    monkeypatch.setattr(warnings, 'formatwarning', warnings.formatwarning)
    monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(compiled))
    monkeypatch.setenv('XLA_FLAGS', os.environ.get('XLA_FLAGS', ''))
    cached = jax.config.jax_compilation_cache_dir
    jax.config.update('jax_compilation_cache_dir', str(compiled))

    def run(name, *arguments):
        before = set(flags.FLAGS)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        capsys.readouterr()
        # ml_collections loads configurations in Python's old way.
        warnings.filterwarnings('ignore', r'the load_module\(\)')
        try:
            with pytest.raises(SystemExit) as exit:
                runpy.run_module(f'experiments.{name}', run_name='__main__')
        finally:
            for flag in set(flags.FLAGS) - before:
                delattr(flags.FLAGS, flag)
            flags.FLAGS.mark_as_parsed()
        return exit.value.code or 0, *capsys.readouterr()

    yield run
    jax.config.update('jax_compilation_cache_dir', cached)


@pytest.fixture(scope='session')
def imported():
    """Imports a command as a module; its flags would be in the way of the others."""

    def run(name):
        before = set(flags.FLAGS)
        module = importlib.import_module(f'experiments.{name}')
        for flag in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, flag)
        return module

    return run


@pytest.fixture
def refused(command):
    """Runs a command that must refuse in one sentence; returns the sentence."""

    def run(name, *arguments, status=2):
        code, _, err = command(name, *arguments)
        assert code == status, err
        (line,) = [one for one in err.splitlines() if ': compiled in' not in one]
        assert line.startswith('error: ')
        return line

    return run


@pytest.fixture(scope='session')
def trained(process, tiny, tmp_path_factory):
    """The bare command, tiny, in a process of its own: (workdir, stdout)."""
    folder = tmp_path_factory.mktemp('trained') / 'job'
    job = process('train', f'--workdir={folder}', *tiny)
    out, err = job.communicate()
    assert job.returncode == 0, err
    return folder, out


@pytest.fixture
def npz(tmp_path):
    """Saves a data set of 3 classes, its fields replaced: ``npz(label=...)``."""

    def save(**fields):
        random = np.random.default_rng(0)
        image = random.random((90, 8, 8), np.float32)
        data = {'image': image, 'label': np.arange(90) % 3, **fields}
        path = tmp_path / 'data.npz'
        np.savez(path, **{k: v for k, v in data.items() if v is not None})
        return path

    return save
