"""How far trackers are off on motion that is known: Lucas-Kanade and a learned flow.

    python -m experiments.benchmarks.trackers

Clips of drawn faces (``data.sources.moving_faces``), of 48x48 pixels with noise, light
that changes, clutter and a background that drifts. For each seed the flow network
learns from pairs of frames, without a label, and both trackers follow the landmarks of
other people from each frame to the next. The network's flow is compared at every pixel
too, also where the other frame covers it. Beside them stands what no motion would do.

Errors are mean distances in pixels. Minutes a seed on an idle CPU of two cores.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from experiments.machine import describe
from ssljax import models
from ssljax.data.sources.moving_faces import moving_faces
from ssljax.losses.flow import end_point_error
from ssljax.methods.unsupervised_flow import unsupervised_flow
from ssljax.solvers import lucas_kanade
from ssljax.train import writers
from ssljax.views import warp

SEEDS = flags.DEFINE_integer('seeds', 3, 'Repetitions, with other people each.')
STEPS = flags.DEFINE_integer('steps', 600, 'Of training.')
CLIPS = flags.DEFINE_integer('clips', 200, 'To train on, of 4 frames.')
BATCH = flags.DEFINE_integer('batch', 8, 'Pairs of frames a step.')
SIDE = flags.DEFINE_integer('side', 48, 'Height and width of a frame.')
OUT = flags.DEFINE_string('out', 'experiments/results/trackers.json', 'Result file.')

TESTED, FRAMES = 32, 4
RADIUS = 5  # of SBR's 8 at 256 pixels, kept large enough to hold a part of a face


def batches(images: np.ndarray, seed: int):
    """Yields pairs of neighbouring frames [batch, 2, H, W, 1] of clips, for ever."""
    random = np.random.default_rng(seed)
    while True:
        rows = random.integers(0, len(images), BATCH.value)
        first = random.integers(0, FRAMES - 1, BATCH.value)
        pairs = images[rows[:, None], first[:, None] + np.arange(2)]
        yield {'unlabelled': {'weak': {'image': jnp.asarray(pairs)}}}


@functools.cache
def compiled():
    """The method, its step and its answer, compiled once for all seeds."""
    rate = optax.warmup_cosine_decay_schedule(0.0, 2e-3, 50, STEPS.value)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    method = unsupervised_flow(models.flow_cnn(), optimizer, noise=8.0)
    return method, jax.jit(method.step, donate_argnums=0), jax.jit(method.predict)


def learned(images: np.ndarray, seed: int, clips: np.ndarray):
    """Trains the network; returns its flow of clips, and the seconds that it took."""
    method, step, predict = compiled()
    feed = batches(images, seed)
    state = method.init(jax.random.key(seed), next(feed))
    began = time.perf_counter()
    for number in range(STEPS.value):
        state, metrics = step(state, next(feed))
        if number % 100 == 99:
            values = {name: round(float(x), 4) for name, x in metrics.items()}
            print(f'seed {seed}, step {number + 1}: {values}', flush=True)
    seconds = time.perf_counter() - began
    return predict(state, clips)['flow'], seconds


def at_points(flow: jax.Array, points: np.ndarray) -> jax.Array:
    """Reads flows [N, T, H, W, 2] at points [N, T, K, 2]."""

    def one(flow, points):
        return warp.sample(flow, [points[:, 0], points[:, 1]], fill='edge')

    return jax.vmap(jax.vmap(one))(flow, points)


def measured(seed: int) -> dict[str, float]:
    """Errors of one seed, by tracker."""
    options = {'frames': FRAMES, 'size': (SIDE.value, SIDE.value)}
    train = moving_faces(CLIPS.value, seed=1000 + seed, **options)
    images = np.stack([row['image'] for row in train])
    rows = list(moving_faces(TESTED, seed=2000 + seed, flow=True, **options))
    test = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    clips, landmarks = test['image'], test['landmarks']
    before, after = landmarks[:, :-1], landmarks[:, 1:]
    seen = test['visible'][:, :-1] & test['visible'][:, 1:]

    def error(points):
        return float(np.linalg.norm(points - after, axis=-1)[seen].mean())

    flow, seconds = learned(images, seed, clips)
    both_ways = jax.jit(lucas_kanade.both_ways, static_argnames='radius')
    tracked, missed = both_ways(clips[:, :-1], clips[:, 1:], before, radius=RADIUS)
    trusted = np.asarray(tracked.ok & (missed <= 1)) & seen
    apart = np.linalg.norm(tracked.points - after, axis=-1)
    return {
        'still_landmarks': error(before),
        'still_pixels': float(np.linalg.norm(test['flow'], axis=-1).mean()),
        'lucas_kanade_landmarks': error(tracked.points),
        'lucas_kanade_trusted_landmarks': float(apart[trusted].mean()),
        'lucas_kanade_trusted_share': float(trusted.sum() / seen.sum()),
        'flow_cnn_landmarks': error(before + at_points(flow, before)),
        'flow_cnn_pixels': float(end_point_error(flow, test['flow']).mean()),
        'flow_cnn_train_seconds': seconds,
    }


def main(_):
    """Measures, prints and writes."""
    runs = []
    for seed in range(SEEDS.value):
        runs.append(measured(seed))
        print(runs[-1], flush=True)
    found = {
        'what': 'mean distance in pixels from where landmarks and pixels go',
        'data': f'moving_faces, {SIDE.value}x{SIDE.value}, {FRAMES} frames',
        'steps': STEPS.value,
        'batch': BATCH.value,
        'clips': CLIPS.value,
        'mean': {name: float(np.mean([run[name] for run in runs])) for name in runs[0]},
        'seeds': runs,
        **describe(),
    }
    for name, value in found['mean'].items():
        print(f'{name:34} {value:.3f}')
    Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(Path(OUT.value), found)


if __name__ == '__main__':
    app.run(main)
