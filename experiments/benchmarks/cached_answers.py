"""What a frozen teacher costs in the step, and what its kept answers save.

    python -m experiments.benchmarks.cached_answers

One student is distilled by a teacher of four times its width that runs in every step
('teacher'), by its answers on the same rows that came with the batch ('answers'), and
by the five surest of a hundred classes of each ('top_answers'). Timed in turn, A B C,
so that a machine whose speed drifts slows all alike; compared are ratios, round by
round.

Floor of memory: what the compiled step holds beside its arguments. A teacher in the
gradient would keep every activation of its pass, which the last line shows of the same
network, differentiated; a frozen one gives each back as soon as the next is there.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
from absl import app, flags

from experiments.benchmarks.turns import Steps, in_turn, quotient
from experiments.machine import describe
from ssljax import losses, methods, models
from ssljax.targets.top_answers import top_answers
from ssljax.train import writers

ROUNDS = flags.DEFINE_integer('rounds', 20, 'Interleaved timings of each.')
INNER = flags.DEFINE_integer('inner', 5, 'Steps in one timing.')
OUT = flags.DEFINE_string(
    'out', 'experiments/results/cached_answers.json', 'Result file.'
)
ROWS, SIDE, CLASSES, TOP = 64, 32, 100, 5


def cases(keys: jax.Array) -> tuple[dict[str, Any], Any, Any]:
    """Returns (method, batch, given) by where answers come from; teacher, weights."""
    image = jax.random.uniform(keys[0], (ROWS, SIDE, SIDE, 3))
    student = models.small_cnn(CLASSES, image_channels=3, channels=(8, 16))
    teacher = models.small_cnn(CLASSES, image_channels=3, channels=(32, 64))
    weights = teacher.init(keys[1], image)
    logits = teacher.apply(weights, image, train=False)[0]['logits']
    values, classes = top_answers(logits, TOP)
    columns: dict[str, Any] = {
        'teacher': {},
        'answers': {'teacher_logits': logits},
        'top_answers': {'teacher_logits': values, 'teacher_classes': classes},
    }
    found = {}
    for name, extra in columns.items():
        online = name == 'teacher'
        method = methods.distil(
            student,
            teacher if online else None,
            optax.adam(1e-3),
            num_classes=CLASSES,
            temperature=4.0,
            target_from=name,
        )
        stream = {'index': jnp.arange(ROWS), 'weak': {'image': image}, **extra}
        given = {'teacher': weights} if online else {}
        found[name] = method, {'unlabelled': stream}, given
    return found, teacher, weights


def memory(compiled: Any) -> dict[str, float]:
    """What a compiled program takes, in MiB."""
    found = compiled.memory_analysis()
    return {
        'temporary': found.temp_size_in_bytes / 2**20,
        'arguments': found.argument_size_in_bytes / 2**20,
    }


def in_the_gradient(teacher: Any, weights: Any, image: jax.Array) -> dict[str, float]:
    """Memory of the teacher's own pass, and of one that is differentiated."""

    def loss(params):
        variables = weights._replace(params=params)
        outputs, _ = teacher.apply(variables, image, train=False)
        return losses.entropy(outputs['logits']).mean()

    compiled = {
        'forward': jax.jit(loss).lower(weights.params).compile(),
        'differentiated': jax.jit(jax.grad(loss)).lower(weights.params).compile(),
    }
    return {name: memory(one)['temporary'] for name, one in compiled.items()}


def measure(rounds: int, inner: int) -> dict[str, Any]:
    """Returns times, ratios and memory of all."""
    found, teacher, weights = cases(jax.random.split(jax.random.key(0)))
    runs: dict[str, Any] = {}
    held = {}
    for name, (method, batch, given) in found.items():
        state = method.init(jax.random.key(1), batch, given)
        step = jax.jit(method.step, donate_argnums=0).lower(state, batch).compile()
        held[name] = memory(step) | {'flops': step.cost_analysis()['flops']}
        runs[name] = Steps(step, state, batch, inner)

    seconds = in_turn(runs, rounds)
    ratios = {}
    for name in ('answers', 'top_answers'):
        median, (low, high) = quotient(seconds['teacher'], seconds[name])
        ratios[name] = [low, median, high]
    image = found['teacher'][1]['unlabelled']['weak']['image']
    return {
        'what': f'{ROWS} images of {SIDE}x{SIDE}x3, {CLASSES} classes, small_cnn '
        '(8, 16) of (32, 64), float32',
        'rounds': rounds,
        'steps_a_timing': inner,
        'milliseconds_median': {
            n: 1e3 * statistics.median(x) / inner for n, x in seconds.items()
        },
        'faster_than_teacher_quartiles': ratios,
        'mebibytes': held,
        'teacher_mebibytes': in_the_gradient(teacher, weights, image),
        'loss_after_all_steps': {
            name: float(run.metrics['loss']) for name, run in runs.items()
        },
        **describe(),
    }


def main(_):
    """Measures, prints and writes."""
    found = measure(ROUNDS.value, INNER.value)
    print(f'{"":12} {"ms/step":>8} {"times":>6} {"MiB held":>9}')
    for name, took in found['milliseconds_median'].items():
        times = found['faster_than_teacher_quartiles'].get(name, [1, 1, 1])[1]
        held = found['mebibytes'][name]['temporary']
        print(f'{name:12} {took:8.1f} {times:6.2f} {held:9.2f}')
    for name, held in found['teacher_mebibytes'].items():
        print(f'teacher alone, {name}: {held:.2f} MiB')
    out = Path(OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(out, found)


if __name__ == '__main__':
    app.run(main)
