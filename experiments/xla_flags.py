"""Flags of XLA that make a job faster, set by the launcher before a device is used.

An unknown flag ends the process, so each is set only with the versions of jaxlib on
which it was seen to be accepted and, for the CPU, to help. What the user has set in
``XLA_FLAGS`` stays as it is. ``import ssljax`` never comes here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import MutableMapping

# Dots and reductions by the YNNPACK library: two thirds or half of a WRN-28-2 step of
# FixMatch. Kinds are named in full; '+dot,+reduce' changes nothing.
YNN = (
    '--xla_cpu_experimental_ynn_fusion_type='
    'LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE'
)
# As JAX's guide to GPUs recommends; accepted here, not timed.
GPU_GUIDE = (
    '--xla_gpu_triton_gemm_any=true',
    '--xla_gpu_enable_latency_hiding_scheduler=true',
)
FLAGS = {
    'cpu': {'0.10.2': (YNN,), '0.12.0.1': (YNN,)},
    'gpu': {'0.10.2': GPU_GUIDE, '0.12.0.1': GPU_GUIDE},
}
"""By backend and exact version of jaxlib; any other has none."""


def apply(environ: MutableMapping[str, str] = os.environ) -> None:
    """Adds the flags for this machine to ``XLA_FLAGS``.

    It has no effect on a process whose devices have been used.

    Args:
      environ: where ``XLA_FLAGS`` and ``JAX_PLATFORMS`` are read and the first is set.
    """
    version = importlib.metadata.version('jaxlib')
    added = FLAGS.get(here(environ), {}).get(version, ())
    environ['XLA_FLAGS'] = merged(environ.get('XLA_FLAGS', ''), added)


def merged(own: str, added: tuple[str, ...]) -> str:
    """Returns the user's flags and those of ``added`` that they do not name.

    Args:
      own: the user's ``XLA_FLAGS``: flags, or the path of a file of flags, which stays
        alone.
      added: flags as ``--name=value``.
    """
    words = own.split()
    if words and not words[0].startswith('-'):
        return own
    names = {_name(word) for word in words}
    return ' '.join([*words, *(flag for flag in added if _name(flag) not in names)])


def here(environ: MutableMapping[str, str] = os.environ) -> str:
    """Returns ``backend`` for the jaxlib that is installed."""
    return backend(environ, importlib.metadata.version('jaxlib'))


def backend(environ: MutableMapping[str, str], version: str) -> str:
    """Returns what JAX will run on, 'cpu', 'gpu' or another, without starting it.

    Args:
      environ: where ``JAX_PLATFORMS`` may say it.
      version: of jaxlib. A plugin of another version parses flags of its own: then the
        answer is none that has flags.
    """
    named = environ.get('JAX_PLATFORMS', '').split(',')[0].lower()
    plugins = importlib.metadata.entry_points(group='jax_plugins')
    if named == 'cpu' or not (named or plugins or importlib.util.find_spec('libtpu')):
        return 'cpu'
    cuda = [plugin for plugin in plugins if 'cuda' in plugin.name]
    if named in ('', 'cuda', 'gpu') and len(plugins) == len(cuda) == 1:
        found = cuda[0].dist
        return 'gpu' if found and found.version == version else 'unknown'
    return named or 'unknown'


def _name(flag: str) -> str:
    return flag.lstrip('-').partition('=')[0]
