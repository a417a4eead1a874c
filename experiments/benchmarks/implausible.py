"""How far POST's prior pulls implausible poses back, by poses that it never saw.

    python -m experiments.benchmarks.implausible

For each seed the prior learns from the joints of drawn people (the source domain of
experiments/configs/figures). The bones of other people are turned by von Mises noise,
the less the larger kappa, and then go down the prior's slope. Before and after, the
distance to the nearest of a second set of poses, which the prior never saw either, says
how implausible they are; clean poses have 'clean' of it.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from experiments.machine import describe
from ssljax import models
from ssljax.contracts import Variables
from ssljax.data.sources.stick_figures import stick_figures
from ssljax.methods.pose_prior import pose_prior
from ssljax.models.pose_prior import KAPPAS, distances, noisy, orientations
from ssljax.train import writers

SEEDS = flags.DEFINE_integer('seeds', 3, 'Repetitions, with other people each.')
STEPS = flags.DEFINE_integer('steps', 1000, 'Of training.')
DESCENT = flags.DEFINE_integer('descent', 100, 'Steps down the slope.')
OUT = flags.DEFINE_string('out', 'experiments/results/implausible.json', 'Result file.')
KNOWN, OTHER, MOVED = 300, 300, 200  # poses to learn, to measure by, to make wrong


def poses(seed: int) -> np.ndarray:
    """Joints [n, 16, 2] of people; the same seed draws the same."""
    source = stick_figures(KNOWN + OTHER + MOVED, (16, 16), seed=seed)
    return np.stack([source[i]['landmarks'] for i in range(len(source))])


def train(clean: np.ndarray, seed: int):
    """Returns the directions' distance as a function [P, N, 2] -> [P]."""
    network = models.pose_prior(hidden=(64, 64, 64))
    rate = optax.warmup_cosine_decay_schedule(0.0, 4e-3, 50, STEPS.value)
    curriculum = {'middle_from': STEPS.value // 4, 'clean_from': STEPS.value // 2}
    method = pose_prior(network, optax.adam(rate), poses=clean, **curriculum)
    rows = np.random.default_rng(seed).integers(0, len(clean), (STEPS.value, 64))

    def batch(rows):
        joints = jnp.asarray(clean)[rows]
        seen = jnp.ones(joints.shape[:2], bool)
        return {'labelled': {'landmarks': joints, 'visible': seen}}

    def turn(state, rows):
        return method.step(state, batch(rows))[0], None

    state = method.init(jax.random.key(seed), batch(rows[0]))
    state, _ = jax.jit(lambda s, r: jax.lax.scan(turn, s, r))(state, jnp.asarray(rows))
    variables = Variables(state.params['student'], state.stats['student'])
    return lambda seen: network.apply(variables, seen, train=False)[0]['distance']


def measure(seed: int) -> dict[str, dict[str, float]]:
    """Returns distances by kappa, and of clean poses."""
    joints = poses(seed)
    known, other, moved = np.split(joints, [KNOWN, KNOWN + OTHER])
    answer = train(known, seed)
    there = orientations(other)

    @jax.jit
    def far(seen):
        return {'true': distances(seen, there).mean(), 'prior': answer(seen).mean()}

    @jax.jit
    def descend(seen):
        def turn(_, seen):
            seen -= 0.1 * jax.grad(lambda x: answer(x).sum())(seen)
            return seen / jnp.linalg.norm(seen, axis=-1, keepdims=True)

        return jax.lax.fori_loop(0, DESCENT.value, turn, seen)

    clean = orientations(moved)
    found = {'clean': jax.tree.map(float, far(clean))}
    for i, kappa in enumerate(KAPPAS):
        wrong = noisy(jax.random.key(100 * seed + i), clean, (kappa,))
        both = {'before': far(wrong), 'after': far(descend(wrong))}
        found[f'kappa {kappa}'] = {
            f'{name}_{when}': float(x)
            for when, pair in both.items()
            for name, x in pair.items()
        }
    return found


def main(_):
    """Measures, prints and writes."""
    seeds = [measure(seed) for seed in range(SEEDS.value)]
    mean = jax.tree.map(lambda *x: float(np.mean(x)), *seeds)
    result = {
        'what': 'mean distance of poses to the nearest clean ones, before and after',
        'steps': STEPS.value,
        'descent': DESCENT.value,
        'mean': mean,
        'seeds': seeds,
        **describe(),
    }
    for name, row in mean.items():
        print(f'{name:10}', ', '.join(f'{key} {x:.3f}' for key, x in row.items()))
    out = Path(OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(out, result)


if __name__ == '__main__':
    app.run(main)
