"""What importing the light parts costs beyond jax and optax themselves.

    python -m experiments.benchmarks.import_time

Fresh interpreters in turn, A B A B ..., one importing jax and optax, one the light
parts as well; the time is each interpreter's own, and the difference is taken pair by
pair. The aim is below 0.3 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from absl import app, flags

from experiments.machine import describe
from ssljax.train import writers

PAIRS = flags.DEFINE_integer('pairs', 10, 'Interleaved pairs of interpreters.')
OUT = flags.DEFINE_string('out', 'experiments/results/import_time.json', 'Result file.')

PROBE = """
import time
start = time.perf_counter()
import jax, optax
{more}
print(time.perf_counter() - start)
"""
LIGHT = 'from ssljax import losses, targets, teachers, views'


def seconds(more: str) -> float:
    """Returns the import time of one fresh interpreter."""
    command = [sys.executable, '-c', PROBE.format(more=more)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def main(_):
    """Measures, prints and writes."""
    pairs = [(seconds(''), seconds(LIGHT)) for _ in range(PAIRS.value + 1)][1:]
    extra = [b - a for a, b in pairs]
    found = {
        'what': LIGHT,
        'pairs': len(pairs),
        'jax_and_optax_seconds_median': statistics.median(a for a, _ in pairs),
        'extra_seconds_median': statistics.median(extra),
        'extra_seconds_range': [min(extra), max(extra)],
        **describe(),
    }
    print(
        f'jax and optax {found["jax_and_optax_seconds_median"]:.2f} s; the light parts '
        f'{found["extra_seconds_median"]:.3f} s more (median of {len(pairs)} pairs, '
        f'{min(extra):.3f} to {max(extra):.3f})'
    )
    Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(Path(OUT.value), found)


if __name__ == '__main__':
    app.run(main)
