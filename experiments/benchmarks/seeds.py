"""Several seeds at once, by vmap, against one after another: time, and equal results.

    python -m experiments.benchmarks.seeds

FixMatch on images of the digits' size with a small CNN, its views inside the step. On a
CPU the batched kernels are slow and ``compare`` trains seed after seed; on an
accelerator one small network leaves most of the device idle. Timings are taken in
turn, A B A B ...; the states of both ways are compared at the end.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from experiments.benchmarks import turns
from experiments.machine import describe
from ssljax import methods, models, teachers, views
from ssljax.data import Arrays, in_memory
from ssljax.train import writers

SEEDS = flags.DEFINE_integer('seeds', 8, 'How many.')
PAIRS = flags.DEFINE_integer('pairs', 12, 'Interleaved pairs of timings.')
STEPS = flags.DEFINE_integer('steps', 4, 'Steps of every seed in one timing.')
OUT = flags.DEFINE_string('out', 'experiments/results/seeds.json', 'Result file.')
VIEWS = {
    'weak': views.shift(1),
    'strong': views.compose(views.affine(degrees=20.0), views.cutout()),
}


def built():
    """The method and a feed of noise, as digits lie in memory."""
    network = models.small_cnn(10, channels=(32, 64), norm='batch')
    bare = methods.fixmatch(
        network,
        optax.sgd(0.03, momentum=0.9),
        num_classes=10,
        ratio=4,
        joint=False,
        teacher=teachers.ema(0.99),
    )
    method = methods.prepared(bare, views.prepare(bare.needs, VIEWS))
    random = np.random.default_rng(0)
    image = random.random((512, 8, 8, 1), np.float32)
    source = Arrays({'image': image, 'label': random.integers(0, 10, 512)})
    rows = {'labelled': np.arange(64), 'unlabelled': np.arange(512)}
    return method, in_memory(source, rows, method.needs, batch_size=32, seed=0)


def main(_):
    """Measures, compares, prints and writes."""
    method, feed = built()
    batches = [jax.device_put(feed(step)) for step in range(STEPS.value)]
    keys = jax.random.split(jax.random.key(0), SEEDS.value)
    one = jax.jit(method.step, donate_argnums=0)
    every = jax.jit(jax.vmap(method.step, in_axes=(0, None)), donate_argnums=0)
    start = jax.jit(method.init)
    apart = [start(key, batches[0]) for key in keys]
    together = jax.tree.map(lambda *x: jnp.stack(x), *apart)

    def in_turn():
        for i, state in enumerate(apart):
            for batch in batches:
                state, _ = one(state, batch)
            apart[i] = state
        jax.block_until_ready(apart)

    def at_once():
        nonlocal together
        for batch in batches:
            together, _ = every(together, batch)
        jax.block_until_ready(together)

    in_turn(), at_once()  # compiles; the comparison is of these first steps
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *apart)
    apart_most = max(
        float(jnp.abs(a - b).max())
        for a, b in zip(
            jax.tree.leaves((stacked.params, stacked.memory)),
            jax.tree.leaves((together.params, together.memory)),
            strict=True,
        )
    )
    seconds = turns.in_turn({'at once': at_once, 'in turn': in_turn}, PAIRS.value)
    median, (low, high) = turns.quotient(seconds['at once'], seconds['in turn'])
    found = {
        'what': f'FixMatch, small_cnn (32, 64), 8x8x1, {SEEDS.value} seeds, '
        f'{STEPS.value} steps a timing, float32',
        'pairs': PAIRS.value,
        'at_once_over_in_turn': median,
        'quartiles': [low, high],
        'seconds_median': {
            name: statistics.median(took) for name, took in seconds.items()
        },
        'largest_difference': apart_most,
        **describe(),
    }
    print(
        f'{SEEDS.value} seeds at once take {found["at_once_over_in_turn"]:.2f} of the '
        f'time of one after another (quartiles {low:.2f} to {high:.2f}); their weights '
        f'differ by at most {apart_most:.1e}'
    )
    writers.write_json(Path(OUT.value), found)
    if not apart_most <= 1e-5:
        raise SystemExit('error: seeds at once differ from those one after another.')


if __name__ == '__main__':
    app.run(main)
