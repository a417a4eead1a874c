"""One job: a configuration, trained in its workdir up to a summary."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_collections import ConfigDict

from experiments import launch, machine, own, workdir
from ssljax.contracts import InputError, Task
from ssljax.methods import catalogue
from ssljax.train import diagnosis, writers

if TYPE_CHECKING:
    from ssljax.programs import Run

SHARED = ('single', 'stages')
"""Programs that several processes may run."""


def train(
    config: ConfigDict,
    folder: Path,
    *,
    overwrite: bool = False,
    shared: dict[Any, Any] | None = None,
) -> dict[str, Any]:
    """Runs a configuration's program in a folder and returns its summary.

    A finished folder returns the summary that it holds.

    Args:
      config: of the job.
      folder: its workdir.
      overwrite: deletes a workdir that holds another configuration.
      shared: see ``build.job``: jobs one after another that differ in their seed alone
        then compile once.
    """
    row = own.find(config.method)
    program = row.program.removeprefix('ssljax.programs.').split(':')[0]
    if launch.several() and program not in SHARED:
        raise InputError(
            f'{config.method} runs by the program {program!r}, which looks at whole '
            f'batches or pools; several processes can run {" and ".join(SHARED)} only.'
        )
    launch.decided(lambda: workdir.claim(folder, config, overwrite=overwrite))
    done = folder / 'summary.json'
    if launch.decided(done.exists):
        summary = workdir.read_json(done)
        show(folder, summary, 'finished before')
        return summary

    # Imported late: what is refused or finished should not wait for flax and orbax.
    from experiments import build

    watch = workdir.stopwatch(folder) if launch.first() else nullcontext(lambda: 0.0)
    with watch as seconds:
        layout = build.layout(config)
        job = build.job(config, folder, shared=shared)._replace(layout=layout)
        launch.decided(lambda: workdir.pin(folder, build.identity(job)))
        run = run_of(config, folder, layout=layout)
        results = catalogue.resolve(row.program)(run, job)
        summary = {
            **describe(config, job),
            **results.pop('scores', {}),
            **results,
            'wall_seconds': seconds(),
            'findings': findings(config, job.task, folder),
        }
    launch.decided(lambda: writers.write_json(done, summary))
    show(folder, summary, 'finished')
    return summary


def run_of(config: ConfigDict, folder: Path, **options: Any) -> Run:
    """Returns the run of a configuration; options replace what it says."""
    from ssljax.programs import Run

    fields = {
        'seed': config.seed,
        'log_every': config.log_every,
        'eval_every': config.eval_every,
        'checkpoint_every': config.checkpoint_every,
        'tensorboard': config.tensorboard,
        'dispatch': config.dispatch,
    }
    return Run(folder, **{**fields, **options})


def describe(config: ConfigDict, job) -> dict:
    """Returns what a summary says beside its results."""
    import jax

    split = job.data.split
    return {
        'method': config.method,
        'data': job.data.name,
        'labels': split['labels'],
        'validation_labels': split['validation_labels'],
        'seed': config.seed,
        'steps': config.steps,
        'split': {**split, 'file': split['file'] and config.split},
        f'test_{job.task.score.removeprefix("-")}_teacher': None,
        'devices': [f'{d.platform}:{d.device_kind}' for d in jax.devices()],
        'versions': machine.versions(),
    }


def findings(config: ConfigDict, task: Task, folder: Path) -> list[dict[str, Any]]:
    """Returns what looks wrong with the fits of a job, for its summary."""
    from ssljax.programs.job import best_by

    found = diagnosis.of_folder(folder, settings=config.args, best=best_by(task))
    return [{'fit': fit, **one._asdict()} for fit in found for one in found[fit]]


SHOWN = ('accuracy', 'error', 'nme', 'mae')
"""Scores that are printed; the summary has all."""


def show(folder: Path, summary: dict, how: str) -> None:
    """Prints a summary in two lines, the shipped weights first."""
    if not launch.first():
        return
    scores = {
        name: value
        for name, value in sorted(summary.items())
        if isinstance(value, float) and any(kind in name for kind in SHOWN)
    }
    text = ', '.join(f'{name} {value:.4f}' for name, value in scores.items())
    print(
        f'{summary["method"]} on {summary["data"]}, {summary["labels"]} labels, seed '
        f'{summary["seed"]}: {how} in {folder}\n  {text}',
        flush=True,
    )
