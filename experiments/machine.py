"""What a result file says of the machine and the versions that made it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path


def describe() -> dict:
    """Returns versions, processor, cores and devices; no host names, no paths."""
    import jax

    return {
        'versions': versions(),
        'machine': {
            'processor': processor(),
            'cores': len(os.sched_getaffinity(0))
            if hasattr(os, 'sched_getaffinity')
            else os.cpu_count(),
            'devices': [f'{d.platform}:{d.device_kind}' for d in jax.devices()],
        },
    }


def versions() -> dict[str, str]:
    """Returns the versions of Python and of what a number may depend on."""
    names = ('ssljax', 'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'numpy')
    found = {name: importlib.metadata.version(name) for name in names}
    return {'python': platform.python_version(), **found}


def processor() -> str:
    """Returns the processor's model, or its architecture where none is told."""
    info = Path('/proc/cpuinfo')
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()
