"""One method, one fit: the program of every bare Method, and the call of a notebook."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ssljax import methods, tasks
from ssljax.contracts import Method, State, Task, View
from ssljax.data import Arrays, Dataset, checks, join
from ssljax.data.sources import Source
from ssljax.programs.job import Job, answering, best_by, feed_for, scorer
from ssljax.programs.run import Run
from ssljax.train import sharding
from ssljax.train.sharding import Layout
from ssljax.views import identity, plain, prepare, usual


class Trained(NamedTuple):
    """What ``single`` trained."""

    method: Method  # on raw batches
    state: State
    results: dict[str, Any]  # scores, wall_seconds, images_per_second, ...
    predict: Callable[[Any], Any]
    # {field: [n, ...]}, or the array of an only field -> prediction [n, ...], numpy


def program(run: Run, job: Job) -> dict[str, Any]:
    """Trains ``job.config.method`` and scores it once on the untouched test part.

    Returns:
      Scores of the last checkpoint: ``test_accuracy`` (shipped weights),
      ``test_accuracy_student``, ``test_accuracy_teacher``, ``validation_accuracy`` ...,
      and what the fit recorded (``selected``, ``wall_seconds``, ...).
    """
    return _fitted(run, job, job.method())[1]


def restored(run: Run, job: Job) -> tuple[Method, State]:
    """Reads back what the program has trained: the method and its last state."""
    method = job.method()
    return method, run.restore('main', method, feed_for(job, method, run.key('main')))


def single(
    workdir: str | os.PathLike[str],
    method: Method,
    *,
    labelled: Mapping[str, np.ndarray] | Source,
    unlabelled: Mapping[str, np.ndarray] | Source,
    validation: Mapping[str, np.ndarray] | Source | None = None,
    test: Mapping[str, np.ndarray] | Source | None = None,
    steps: int,
    batch_size: int = 64,
    views: Mapping[str, View] | None = None,
    task: Task | None = None,
    seed: int = 0,
    eval_batch_size: int = 250,
    feeding: Mapping[str, Any] = MappingProxyType({}),
    layout: Layout | None = None,
    **cadence: Any,
) -> Trained:
    """Trains a method on one's own data, in a notebook or a script, without flags.

    The same call in the same workdir goes on where it stopped, and returns at once what
    is finished. ::

        method = methods.fixmatch(network, optax.adam(1e-3), num_classes=3)
        trained = programs.single(
            'runs/mine', method, labelled={'image': x, 'label': y},
            unlabelled={'image': u}, steps=2000,
        )
        trained.predict(images)  # [n, 3] probabilities

    Args:
      workdir: folder of the checkpoints and the metrics.
      method: as its builder returns it.
      labelled: ``{'image': [n, H, W, channels], 'label': [n] int}``, images uint8 or
        floats in [0, 1]; or a Source, which is decoded while it trains.
      unlabelled: the same fields, but that no label is read. What is labelled is also
        learnt from without its label.
      validation: labelled rows, scored while it trains.
      test: labelled rows, scored once, at the end.
      steps: updates to make.
      batch_size: labelled rows a step; the method's ratios say how many others.
      views: by name, those of ``method.needs``, and 'plain' for what is scored; None
        takes ``views.usual``.
      task: what is scored; None is plain classification.
      seed: of the weights, the order of the rows and the views.
      eval_batch_size: rows answered at a time.
      feeding: arguments of ``data.choose``: kind, workers, quarantine ...
      layout: of devices, ``train.sharding.layout``; None is all there are, which share
        the rows of a batch.
      **cadence: arguments of ``Run``: log_every, eval_every, progress ...

    Raises:
      InputError: if something given can't be used; it says what, and what to do.
    """
    given: dict[str, Mapping[str, np.ndarray] | Source | None] = {
        'labelled': labelled,
        'unlabelled': unlabelled,
        'validation': validation,
        'test': test,
    }
    source, rows = join(
        {
            name: Arrays(part) if isinstance(part, Mapping) else part
            for name, part in given.items()
            if part is not None
        }
    )
    rows['unlabelled'] = np.concatenate([rows['labelled'], rows['unlabelled']])
    label = source.columns['label']
    checks.labels('label of labelled', label[rows['labelled']])
    num_classes = len(source.classes or ()) or int(label.max()) + 1
    example = source[int(rows['labelled'][0])]
    if views is None:
        views = usual(example)
    ready = methods.prepared(method, prepare(method.needs, views))
    layout = layout or sharding.layout()
    job = Job(
        config=SimpleNamespace(
            steps=steps,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            seed=seed,
        ),
        data=Dataset('own', source, rows, num_classes, {}),
        task=task or tasks.classification_of(example, num_classes),
        method=lambda: ready,
        views=views,
        see=plain(views.get('plain', identity)),
        feeding=feeding,
        layout=layout,
    )
    run = Run(workdir, seed=seed, layout=layout, **cadence)
    state, results = _fitted(run, job, ready)
    predict = functools.partial(answering(job, ready), state)
    return Trained(ready, state, results, predict)


def _fitted(run: Run, job: Job, method: Method) -> tuple[State, dict[str, Any]]:
    rows = job.data.rows
    state = run.fit(
        'main',
        method,
        feed_for(job, method, run.key('main')),
        job.config.steps,
        evaluate=scorer(job, 'validation') if len(rows.get('validation', ())) else None,
        best=best_by(job.task),
    )
    found = run.record('main')
    if len(rows.get('test', ())):
        # Made inside: a finished run need not look at the rows again.
        found |= run.once('test', lambda: scorer(job, 'test')(method, state))
    return state, found
