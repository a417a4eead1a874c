"""How soon 250 labels give 90 and 94 % on CIFAR-10: a speed record, on one accelerator.

    python -m experiments.unpack --set=cifar10_jpeg --output=scratch/cifar10_jpeg.npz
    python -m experiments.benchmarks.record --seeds=0,1,2 --limit=540 \
        --candidate=optimizer.lr=0.03 --candidate='optimizer.lr=0.06 ema=0.9995'
    python -m experiments.benchmarks.record --small  # a minute or two on a CPU

FixMatch, bfloat16, views inside the step, data on the device, as the configuration has
it; FreeMatch by ``--config=experiments/configs/cifar10/fixmatch_250.py:freematch``, and
any field by ``--config.field=value``. ``--limit`` ends a call after so many seconds,
with status 75; the same command goes on from there until the result is written.

The rules:

- The clock runs while steps are made, their batches drawn and sent among them. What it
  takes to compile, to evaluate and to save is told, but not counted.
- Every ``--every`` steps the averaged weights answer the test images. The clock is read
  when they first reach a target, and a run ends with the highest. As in other speed
  records, the test part stops the clock; it decides nothing else.
- Which candidate is timed is decided by a tenth of the training images, kept apart with
  their labels, and by a seed of its own. The timed runs learn from all training images
  and the labels that their seed draws.
"""

from __future__ import annotations

import math
import shlex
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import build, launch, workdir
from experiments.machine import describe
from ssljax.contracts import InputError, Method
from ssljax.programs import Run
from ssljax.programs.fit import initial
from ssljax.programs.job import feed_for
from ssljax.train import checkpoints, evaluator, sharding, writers

DEFAULT = Path(__file__).parents[1] / 'configs' / 'cifar10' / 'fixmatch_250.py'
SMALL = {
    'data': 'scratch/cifar10.npz',  # lossless; python -m experiments.unpack
    'networks.network': {'name': 'small_cnn', 'channels': (8, 16)},
    'batch_size': 8,
}
CHOOSES = 1000
"""The seed of the choice, of none of the timed runs."""

_CONFIG = config_flags.DEFINE_config_file('config', None, 'What is trained.')
_SMALL = flags.DEFINE_bool('small', False, 'A tiny network, few steps, fewer images.')
_STEPS = flags.DEFINE_integer('steps', None, 'At most; default 2^15, small 40.')
_EVERY = flags.DEFINE_integer(
    'every', None, 'Steps between two evaluations; default 256, small 10.'
)
_SEEDS = flags.DEFINE_list('seeds', ['0', '1', '2'], 'Of the timed runs.')
_TARGETS = flags.DEFINE_list(
    'targets', None, 'Test accuracies; default 0.90,0.94, small 0.11,0.90.'
)
_CANDIDATE = flags.DEFINE_multi_string(
    'candidate', [''], "'field=value ...' to choose among by validation."
)
_CHOOSE = flags.DEFINE_integer(
    'choose_steps', None, 'Of each candidate; default a quarter of steps.'
)
_LIMIT = flags.DEFINE_float('limit', math.inf, 'Seconds after which a call ends.')
_WORKDIR = flags.DEFINE_string('workdir', None, 'Default runs/record, or -small.')
_OUT = flags.DEFINE_string(
    'out', None, 'Default experiments/results/record.json; small: in the workdir.'
)


class OutOfTime(Exception):
    """The call is to end; what it reached is saved."""


def main() -> int:
    """Chooses, times and writes; returns 75 if the same command is to go on."""
    launch.keep_compiled()
    ends = time.monotonic() + _LIMIT.value
    small = _SMALL.value
    config = _CONFIG.value.copy_and_resolve_references()
    given = flags.FLAGS['config'].override_values
    if small:
        config.update_from_flattened_dict(
            {name: x for name, x in SMALL.items() if name not in given}
        )
    config.feed.kind = 'resident'
    config.reading = ConfigDict({**config.reading, 'validation': 0})
    config.steps = _STEPS.value or (40 if small else 2**15)
    every = _EVERY.value or (10 if small else 256)
    texts = _TARGETS.value or (['0.11', '0.90'] if small else ['0.90', '0.94'])
    targets = sorted(float(text) for text in texts)
    folder = Path(_WORKDIR.value or f'runs/record{"-small" * small}')
    out = Path(
        _OUT.value
        or (folder / 'record.json' if small else 'experiments/results/record.json')
    )
    try:
        choice, tried = choose(config, _CANDIDATE.value, folder, every, ends)
        apply(config, choice)
        timed = [
            train(
                config, int(seed), 'test', targets, folder / f'seed{seed}', every, ends
            )
            for seed in _SEEDS.value
        ]
    except OutOfTime as error:
        print(f'{error}: the time is up; the same command goes on.', flush=True)
        return 75
    content = {
        'what': f'seconds of stepping to a test accuracy, {config.method}, averaged '
        'weights, timed when first reached, looked at every so many steps',
        'data': config.data,
        'images': timed[0]['images'],
        'labels': timed[0]['labels'],
        'steps': config.steps,
        'every': every,
        'choice': choice,
        'tried': tried,
        'reached': {text: reached(timed, float(text)) for text in texts},
        'runs': timed,
        'config': workdir.flat(config),
        **describe(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(out, content)
    print(f'\n{table(content["reached"])}\nin {out}')
    return 0


def choose(
    config: ConfigDict, candidates: Sequence[str], folder: Path, every: int, ends: float
) -> tuple[str, dict[str, float]]:
    """Returns the candidate of the best validation accuracy, and all of them."""
    if len(candidates) == 1:
        return candidates[0], {}
    tried = {}
    for number, text in enumerate(candidates):
        one = config.copy_and_resolve_references()
        apply(one, text)
        one.steps = _CHOOSE.value or max(every, config.steps // 4)
        del one.reading.validation  # by default, a tenth is kept to choose by
        where = folder / f'candidate{number}'
        found = train(one, CHOOSES, 'validation', [], where, every, ends)
        tried[text] = found['accuracy']
    return max(tried, key=lambda text: tried[text]), tried


def apply(config: ConfigDict, text: str) -> None:
    """Sets the fields of 'field=value ...', numbers all."""
    for pair in shlex.split(text):
        name, _, value = pair.partition('=')
        try:
            config.update_from_flattened_dict({name: float(value)})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f'candidate is {text!r}, and {pair!r} sets no number of the '
                "configuration; give such as 'optimizer.lr=0.06'."
            ) from error


def train(
    config: ConfigDict,
    seed: int,
    part: str,
    targets: Sequence[float],
    folder: Path,
    every: int,
    ends: float,
) -> dict[str, Any]:
    """Trains until the highest target or the last step, and says when it was where.

    Args:
      config: what is trained; with the seed's own split and keys.
      seed: of the run.
      part: that is scored.
      targets: accuracies, ascending.
      folder: where it is saved at each evaluation, and goes on.
      every: steps between two evaluations.
      ends: ``time.monotonic()`` after which the next evaluation is the call's last.

    Raises:
      OutOfTime: if that was not the end of the run.
    """
    config = config.copy_and_resolve_references()
    config.seed = seed
    workdir.claim(folder, config, overwrite=False)
    done = folder / 'run.json'
    if done.exists():
        return workdir.read_json(done)
    if time.monotonic() > ends:
        raise OutOfTime(f'{folder} is next')
    job, layout = build.job(config), sharding.layout(jax.devices()[:1])
    method = job.method()
    if 'teacher' not in method.answers:
        raise InputError('ema is 0, but averaged weights are timed; give a decay.')
    accuracy = evaluator(
        job.task,
        job.data.source,
        job.data.rows[part],
        batch_size=config.eval_batch_size,
        see=job.see,
    )
    key = Run(folder, seed=seed).key('main')
    feed = feed_for(job, method, key)
    resident = sharding.place(layout, {'resident': feed(0)['resident']})

    def batch(step):
        rows = {name: x for name, x in feed(step).items() if name != 'resident'}
        return {**sharding.place(layout, rows), **resident}

    state = initial(method, key, batch(0), {}, layout)
    info: dict[str, Any] = {'step': 0, 'seconds': 0.0, 'evaluating': 0.0}
    info |= {'compiling': [], 'curve': []}
    saved = folder / 'checkpoints'
    found = checkpoints.restore(saved, reversed(checkpoints.steps(saved)), state)
    state, info = found or (state, info)
    began = time.perf_counter()
    step_of = compiled(method, layout, state, batch(0))
    info['compiling'].append(time.perf_counter() - began)

    def unfinished():
        best = max((score for *_, score in info['curve']), default=0.0)
        return info['step'] < config.steps and not (targets and best >= targets[-1])

    while unfinished():
        last = min(info['step'] + every, config.steps)
        began = time.perf_counter()
        for step in range(info['step'], last):
            state, metrics = step_of(state, batch(step))
        jax.block_until_ready(state)
        info['seconds'] += time.perf_counter() - began
        if not math.isfinite(metrics['loss']):
            raise InputError(f'The loss is not finite at step {last}; lower the rate.')
        began = time.perf_counter()
        score = accuracy(method.answers['teacher'], state)['accuracy']
        info['evaluating'] += time.perf_counter() - began
        info['step'] = last
        info['curve'].append([last, info['seconds'], score])
        checkpoints.save(saved / str(last), state, info)
        checkpoints.prune(saved, [last])
        print(
            f'{folder} {last}/{config.steps}: {part} {score:.4f} after '
            f'{info["seconds"]:.1f} s',
            flush=True,
        )
        if unfinished() and time.monotonic() > ends:  # so each call comes further
            raise OutOfTime(f'{folder} at step {last} of {config.steps}')
    rows = sum(round(config.batch_size * x.ratio) for x in method.needs.values())
    result = {
        'seed': seed,
        'reached': {
            str(target): next((at for at in info['curve'] if at[2] >= target), None)
            for target in targets
        },
        'accuracy': info['curve'][-1][2],
        'step': info['step'],
        'seconds': info['seconds'],
        'images_per_second': rows * info['step'] / info['seconds'],
        'seconds_evaluating': info['evaluating'],
        'seconds_compiling': info['compiling'],  # once a call, from the cache or not
        'images': len(job.data.rows['unlabelled']),
        'labels': len(job.data.rows['labelled']),
        'curve': info['curve'],  # [step, seconds, accuracy]
    }
    writers.write_json(done, result)
    return result


def compiled(method: Method, layout: sharding.Layout, state: Any, batch: Any) -> Any:
    """The step, compiled ahead of time, which writes the new state over the old."""
    out = (sharding.shardings(layout, state), None)
    step = jax.jit(method.step, donate_argnums=0, out_shardings=out)
    with jax.set_mesh(layout.mesh):
        return step.lower(state, batch).compile()


def reached(runs: Sequence[dict[str, Any]], target: float) -> dict[str, Any]:
    """Median and spread of the seconds to a target, of the runs that reached it."""
    found = [run['reached'][str(target)] for run in runs]
    seconds = [at[1] for at in found if at]
    return {
        'runs': f'{len(seconds)} of {len(runs)}',
        'seconds': seconds,
        'median': statistics.median(seconds) if seconds else None,
        'steps': [at[0] for at in found if at],
    }


def table(found: dict[str, dict[str, Any]]) -> str:
    """One line a target."""
    lines = [f'{"accuracy":>9} {"runs":>8} {"median s":>9}  each']
    for target, one in found.items():
        median = '' if one['median'] is None else f'{one["median"]:.1f}'
        each = ', '.join(f'{seconds:.1f}' for seconds in one['seconds'])
        lines.append(f'{target:>9} {one["runs"]:>8} {median:>9}  {each}')
    return '\n'.join(lines)


if __name__ == '__main__':
    launch.run(main, config=str(DEFAULT))
