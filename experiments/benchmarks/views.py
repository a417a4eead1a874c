"""Views against Pillow: weak and strong pairs a second, and their share of a step.

    python -m experiments.benchmarks.views

Both make the pairs of FixMatch from images in bytes: weak, a crop after reflecting
padding and a flip; strong, another such, two operations of RandAugment's 14, each with
its own draw for every image, and a hole. Pillow does it in one process, an image at a
time, as loaders do; ssljax jitted, a batch at a time, on all cores. They run in turn,
A B A B ..., so that a machine whose speed drifts slows both alike; ratios are of pairs.

Also: RandAugment row by row (views/rows.py) against vmap that selects, resampling by
takes (views/warp.py) against map_coordinates, and how much of a FixMatch step of
WRN-28-2 the views are.

Floor: the draws and one look-up a value; Pillow's own C loops are near 1 ns a value,
what remains is Python between them.
"""

from __future__ import annotations

import os
import statistics
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from experiments.benchmarks.pillow_views import by_pillow
from experiments.benchmarks.turns import in_turn, quotient
from experiments.machine import describe
from ssljax import methods, models, views
from ssljax.train import writers

PAIRS = flags.DEFINE_integer('pairs', 15, 'Interleaved pairs of timings.')
STEPS = flags.DEFINE_integer('steps', 5, 'Timings of the step of WRN-28-2; 0: none.')
OUT = flags.DEFINE_string(
    'out', 'experiments/results/views_throughput.json', 'Result file.'
)
SIZES = {32: 448, 224: 32}  # pixels a side: images a batch
B, RATIO = 16, 7  # the step's rows; shares do not depend on them


def pair(side: int):
    """``(key, images) -> (weak, strong)`` of a batch, by ssljax."""
    weak = views.compose(views.crop_pad(side // 8), views.flip_horizontal())
    strong = views.compose(weak, views.randaugment(2))

    def run(key, images):
        keys = jax.random.split(key, (2, len(images)))
        return (
            views.as_float(jax.vmap(weak)(keys[0], {'image': images})['image']),
            jax.vmap(strong)(keys[1], {'image': images})['image'],
        )

    return jax.jit(run)


def compared(first, second, pairs: int) -> dict:
    """Medians of two calls' seconds, and of the ratio first / second, pair by pair."""
    runs = {
        'first': lambda: jax.block_until_ready(first()),
        'second': lambda: jax.block_until_ready(second()),
    }
    seconds = in_turn(runs, pairs)
    ratio, quartiles = quotient(seconds['first'], seconds['second'])
    return {
        'seconds': [statistics.median(took) for took in seconds.values()],
        'ratio': ratio,
        'ratio_quartiles': quartiles,
    }


def throughput(side: int, rows: int) -> dict:
    """Pairs a second of both."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(rows, side, side, 3)) * 40 + 120
    images = np.clip(noise, 0, 255).astype(np.uint8)
    key, device, run = jax.random.key(0), jnp.asarray(images), pair(side)
    found = compared(lambda: by_pillow(images), lambda: run(key, device), PAIRS.value)
    return {
        'rows': rows,
        'pairs_per_second': {
            'pillow': rows / found['seconds'][0],
            'ssljax': rows / found['seconds'][1],
        },
        'ratio': found['ratio'],
        'ratio_quartiles': found['ratio_quartiles'],
    }


def branches(rows: int = 128) -> dict:
    """RandAugment by selection against row by row: microseconds an image of 32x32."""
    images = jax.random.bits(jax.random.key(0), (rows, 32, 32, 3), jnp.uint8)
    keys = jax.random.split(jax.random.key(1), rows)
    policy = views.randaugment(2)
    both = jax.jit(lambda keys, x: jax.vmap(policy.fun)(keys, {'image': x}))
    loop = jax.jit(lambda keys, x: jax.vmap(policy)(keys, {'image': x}))
    found = compared(
        lambda: both(keys, images), lambda: loop(keys, images), PAIRS.value
    )
    first, second = (x / rows * 1e6 for x in found['seconds'])
    return {'selected': first, 'row by row': second, 'ratio': found['ratio']}


def resampling() -> dict:
    """One affine resample by takes, and by map_coordinates a channel."""
    images = jax.random.uniform(jax.random.key(0), (256, 32, 32, 3))
    matrix = jnp.array([[0.9, 0.2, 1.0], [-0.2, 0.9, 2.0], [0.0, 0.0, 1.0]])
    y, x = jnp.meshgrid(jnp.arange(32.0), jnp.arange(32.0), indexing='ij')

    def mapped(image):
        inverse = jnp.linalg.inv(matrix)
        at = [inverse[i, 0] * x + inverse[i, 1] * y + inverse[i, 2] for i in (1, 0)]
        one = partial(jax.scipy.ndimage.map_coordinates, coordinates=at, order=1)
        return jax.vmap(one, in_axes=-1, out_axes=-1)(image)

    def taken(image):
        return views.resample(image, matrix)

    first, second = (jax.jit(lambda f=f: jax.vmap(f)(images)) for f in (mapped, taken))
    found = compared(first, second, PAIRS.value)
    return {'ratio': found['ratio'], 'ratio_quartiles': found['ratio_quartiles']}


def share_of_a_step(times: int) -> dict:
    """Seconds of the views and of the rest of a FixMatch step of WRN-28-2."""
    network = models.wide_resnet(10)
    method = methods.fixmatch(
        network, optax.sgd(0.03, momentum=0.9), num_classes=10, ratio=RATIO
    )
    weak = views.compose(views.crop_pad(4), views.flip_horizontal())
    see = {'weak': weak, 'strong': views.compose(weak, views.randaugment(2))}
    prepare = jax.jit(views.prepare(method.needs, see))
    raw = {
        name: {
            'image': jax.random.bits(jax.random.key(0), (rows, 32, 32, 3), jnp.uint8),
            'index': jnp.arange(rows, dtype=jnp.int32),
        }
        for name, rows in (('labelled', B), ('unlabelled', B * RATIO))
    }
    raw['labelled']['label'] = jnp.arange(B, dtype=jnp.int32) % 10
    batch = prepare(jax.random.key(0), raw)
    state = method.init(jax.random.key(1), batch)
    step = jax.jit(method.step)
    found = compared(
        lambda: prepare(jax.random.key(0), raw), lambda: step(state, batch), times
    )
    first, second = found['seconds']
    return {
        'rows': [B, B * RATIO],
        'seconds': {'views': first, 'step': second},
        'share': first / (first + second),
    }


def main(_):
    """Measures, prints and writes."""
    found = {'pairs': PAIRS.value, 'sizes': {}}
    print(f'{"":9} {"Pillow":>8} {"ssljax":>8} {"ratio":>7}   pairs a second')
    for side, rows in SIZES.items():
        one = found['sizes'][side] = throughput(side, rows)
        pace, (low, high) = one['pairs_per_second'], one['ratio_quartiles']
        print(
            f'{side:4}x{side:<4} {pace["pillow"]:8.0f} {pace["ssljax"]:8.0f} '
            f'{one["ratio"]:7.2f}   quartiles {low:.2f} to {high:.2f}'
        )
    cost = found['randaugment_microseconds'] = branches()
    print(
        f'RandAugment: {cost["row by row"]:.1f} us an image row by row, '
        f'{cost["selected"]:.0f} by selection'
    )
    found['resample'] = resampling()
    print(f'resample: map_coordinates / takes {found["resample"]["ratio"]:.2f}')
    if STEPS.value:
        found['step'] = share_of_a_step(STEPS.value)
        print(f'views: {100 * found["step"]["share"]:.2f} % of a step of WRN-28-2')
    found['load'] = os.getloadavg()[0]  # beside two cores: what else was running
    found.update(describe())
    Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(Path(OUT.value), found)


if __name__ == '__main__':
    app.run(main)
