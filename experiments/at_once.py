"""Several seeds of one configuration at once, where its program and method allow it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from experiments import build, jobs, own, workdir
from ssljax.programs import seeds
from ssljax.programs.job import feed_for, scorer

SINGLE = 'ssljax.programs.single:program'


def fit(
    pairs: Sequence[tuple[ConfigDict, Path]], group: Path, shared: dict[Any, Any]
) -> None:
    """Fits jobs that differ in their seeds alone; ``jobs.train`` then ends each.

    Does nothing where they can't be: for a program of several fits, the partition
    'shard_map', events for TensorBoard, and a method that is not built of the same for
    all seeds.

    Args:
      pairs: configuration and workdir, one a seed.
      group: where they are fitted; it resumes there, and is gone when they are done.
      shared: as in ``build.job``.
    """
    config, _ = pairs[0]
    special = config.tensorboard or config.get('partition', 'auto') != 'auto'
    if special or own.find(config.method).program != SINGLE:
        return
    made = [build.job(*pair, shared=shared) for pair in pairs]
    method, data = made[0].method(), build.identity(made[0])
    if any(
        job.method() is not method or build.identity(job) != data for job in made[1:]
    ):
        return
    for one, folder in ((config, group), *pairs):
        workdir.claim(folder, one, overwrite=False)
        workdir.pin(folder, data)

    runs = [jobs.run_of(*pair) for pair in pairs]
    feeds = [
        feed_for(job, method, run.key('main'))
        for job, run in zip(made, runs, strict=True)
    ]
    scored = len(made[0].data.rows.get('validation', ()))
    together = jobs.run_of(config, group)
    seeds.fit(
        together,
        runs,
        method,
        feeds,
        config.steps,
        evaluate=[scorer(job, 'validation') for job in made] if scored else None,
    )
    share = together.record('main')['wall_seconds'] / len(runs)
    for _, folder in pairs:
        workdir.spent(folder, share)
    shutil.rmtree(group)
