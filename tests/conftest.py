"""Strict JAX on 8 virtual CPU devices, and where the test data are."""

import importlib.metadata
import os
from pathlib import Path

# Subprocesses inherit these. Set JAX_PLATFORMS to run the suite elsewhere.
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
# Compiling is most of the suite's time; quicker code is a third of it. An unknown flag
# ends the process, and 0.12 has no emitters to turn off.
os.environ.setdefault(
    'XLA_FLAGS',
    '--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false'
    if importlib.metadata.version('jaxlib') == '0.10.2'
    else '--xla_backend_optimization_level=0',
)

import jax
import numpy as np
import pytest
from absl import flags

ROOT = Path(__file__).resolve().parents[1]

jax.config.update('jax_num_cpu_devices', 8)
# A [B] and a [B, C] that meet by accident broadcast to nonsense.
jax.config.update('jax_numpy_rank_promotion', 'raise')
# grain's workers read absl flags, which nobody parses under pytest.
flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope='session')
def root():
    """The repository root."""
    return ROOT


@pytest.fixture(scope='session')
def shared():
    """The folder of data and golden vectors that may lie beside the repository."""
    path = ROOT.parent / 'shared'
    if not path.is_dir():
        pytest.skip('needs the folder ../shared beside the repository')
    return path


@pytest.fixture(scope='session')
def golden():
    """Reads a case: ``golden('usb_fixmatch')`` -> dict of arrays.

    From tests/golden, or one that is too large for it from ../shared, if that is there.
    """

    def load(name):
        path = ROOT / 'tests' / 'golden' / f'{name}.npz'
        if not path.exists():
            folder, _, case = name.partition('_')
            path = ROOT.parent / 'shared' / 'golden' / folder / f'{case}.npz'
        if not path.exists():
            pytest.skip(f'needs the golden case {name} in ../shared')
        with np.load(path) as case:
            return dict(case)

    return load
