"""What doubt costs: one pass through an autoencoder of masks, or eight by dropout.

    python -m experiments.benchmarks.passes

A step of anatomy-aware uncertainty (Adiga et al. 2022), of UA-MT with eight passes (Yu
et al. 2019), and of Mean Teacher, which has no doubt, on slices as in the experiments
on the left atrium, and on volumes. In turn; compared are ratios, round by round.

Floor, in passes of the network over a row, a backward one counted as two: Mean Teacher
on a labelled and an unlabelled row 6 + 1; anatomy 6 + 2 and the autoencoder's, which
asks the teacher for both rows as its authors do; UA-MT 6 + 9.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from absl import app, flags

from experiments.benchmarks.turns import Steps, in_turn, quotient
from experiments.machine import describe
from ssljax import methods, models, tasks
from ssljax.train import writers

ROUNDS = flags.DEFINE_integer('rounds', 20, 'Interleaved timings of each.')
INNER = flags.DEFINE_integer('inner', 3, 'Steps in one timing.')
OUT = flags.DEFINE_string('out', 'experiments/results/passes.json', 'Result file.')
CASES = {'slices': ((48, 48), (8, 16, 32, 64), 8), 'volumes': ((24,) * 3, (8, 16), 2)}
"""Sites, channels of the U-Net, rows of either stream."""


def steps(
    shape: tuple[int, ...], channels: tuple[int, ...], rows: int, inner: int
) -> dict[str, Steps]:
    """Returns compiled steps by name of the method, ``inner`` a call."""
    keys = jax.random.split(jax.random.key(0), 4)
    task = tasks.segmentation(2, (*shape, 1))
    network = models.unet(2, axes=len(shape), channels=channels, dropout=0.5)
    autoencoder = models.mask_autoencoder(2, shape=shape, channels=(8, 16, 32))
    images = jax.random.uniform(keys[0], (2, rows, *shape, 1))
    mask = jnp.asarray(images[0, ..., 0] > 0.5, jnp.int32)
    index = jnp.arange(rows, dtype=jnp.int32)
    batch = {
        'labelled': {'index': index, 'weak': {'image': images[0], 'mask': mask}},
        'unlabelled': {'index': index}
        | {view: {'image': images[1]} for view in ('weak', 'strong')},
    }
    optimizer = optax.adam(1e-3)
    given = {'autoencoder': autoencoder.init(keys[1], mask)}
    found = {
        'mean teacher': methods.mean_teacher(
            network, optimizer, task=task, student_view='strong', weight=0.1
        ),
        'anatomy': methods.anatomy(
            network, optimizer, autoencoder=autoencoder, task=task
        ),
        'eight passes': methods.uamt(
            network, optimizer, task=task, passes=8, threshold=0.9
        ),
    }
    runs = {}
    for name, method in found.items():
        state = method.init(keys[2], batch, given if name == 'anatomy' else {})
        step = jax.jit(method.step, donate_argnums=0).lower(state, batch).compile()
        runs[name] = Steps(step, state, batch, inner)
    return runs


def measure(case: str, rounds: int, inner: int) -> dict:
    """Returns times and FLOPs by name, and the ratio to the step of one pass."""
    runs = steps(*CASES[case], inner)
    seconds = in_turn(runs, rounds)
    found = {}
    for name, run in runs.items():
        median, quartiles = quotient(seconds[name], seconds['anatomy'])
        found[name] = {
            'milliseconds_median': 1e3 * statistics.median(seconds[name]) / inner,
            'of_anatomy': median,
            'quartiles': quartiles,
            'flops': run.step.cost_analysis()['flops'],
        }
    shape, channels, rows = CASES[case]
    what = f'{"x".join(map(str, shape))}, unet {channels}, B and U {rows}, float32'
    return {'what': what, 'methods': found}


def main(_):
    """Measures, prints and writes."""
    found = {case: measure(case, ROUNDS.value, INNER.value) for case in CASES}
    for case in found.values():
        print(case['what'])
        for name, one in case['methods'].items():
            low, high = one['quartiles']
            print(
                f'{name:13} {one["milliseconds_median"]:8.1f} ms a step, '
                f'{one["of_anatomy"]:5.2f} of anatomy ({low:.2f} to {high:.2f}), '
                f'{one["flops"] / 1e9:.2f} GFLOP'
            )
    out = Path(OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(
        out,
        {**found, 'rounds': ROUNDS.value, 'steps_a_timing': INNER.value} | describe(),
    )


if __name__ == '__main__':
    app.run(main)
