"""Scores of a whole set."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ssljax.contracts import Example, InputError, State, Task, inputs_of
from ssljax.train import sharding
from ssljax.views import plain

AS_FLOATS = plain()


def evaluator(
    task: Task,
    source: Any,
    rows: np.ndarray,
    *,
    batch_size: int = 256,
    see: Callable[[Example], Example] = AS_FLOATS,
) -> Callable[[Callable, State], dict[str, float]]:
    """Returns ``evaluate(answer, state) -> {metric: float}`` over rows of a source.

    ``answer`` is ``(state, inputs) -> Outputs``, such as ``method.predict`` or one of
    ``method.answers``. It is compiled once for each such function, by identity: a
    wrapper (sliding windows, an ensemble of views) is made once, not anew at each call.
    The state is an argument, so new weights do not compile anew. Where it lies on
    several devices they share the rows, and each process reads its own. ::

        evaluate = train.evaluator(task, source, rows)
        evaluate(method.answers['teacher'], state)  # {'accuracy': 0.93}

    Args:
      task: what to decode and which metrics to take.
      source: ``len(source)`` and ``source[i] -> {field: array}``, with the fields of
        ``task.example``.
      rows: [n] int, row numbers of the source; each counts once.
      batch_size: rows answered at a time, more if the devices share them evenly so;
        the last batch is filled up, and what fills it never counts.
      see: how a batch of examples is seen, such as ``views.plain(normalize(...))``; by
        itself it makes floats of images in bytes, as the training views do.

    Raises:
      InputError: if there are no rows or a field is missing or a row has no label.
    """
    rows = np.asarray(rows)
    if not len(rows):
        raise InputError('rows is empty; give an evaluator at least one row.')
    if batch_size < 1:
        raise InputError(f'batch_size is {batch_size}; give at least 1.')
    missing = set(task.example) - set(source[int(rows[0])])
    if missing:
        raise InputError(
            f'The source has the fields {sorted(source[int(rows[0])])}; the task also '
            f'needs {sorted(missing)}.'
        )

    def collated(chosen):
        examples = [source[int(row)] for row in chosen]
        batch = {name: np.stack([x[name] for x in examples]) for name in task.example}
        labels = batch.get('label')
        if labels is not None and labels.ndim == 1 and labels.min() < 0:
            row = chosen[np.argmin(labels)]
            raise InputError(f'Row {row} has no label; evaluate on rows that have one.')
        return batch

    def score(answer, state, batch):
        batch = see(batch)
        prediction = task.decode(answer(state, inputs_of(task, batch)))
        return {name: m.rows(prediction, batch) for name, m in task.metrics.items()}

    @functools.cache
    def scored_on(layout):
        """Every process is told about all rows."""
        out = None if layout is None else sharding.whole(layout)
        return jax.jit(score, static_argnums=0, out_shardings=out)

    def evaluate(answer: Callable, state: State) -> dict[str, float]:
        layout = sharding.layout_of(state)
        scored = scored_on(layout)
        shares = 1 if layout is None else sharding.row_shares(layout)
        size = -(-min(batch_size, len(rows)) // shares) * shares
        own = sharding.own_rows(size)
        parts = []
        for first in range(0, len(rows), size):
            batch = collated(np.resize(rows[first : first + size], size)[own])
            if layout is None:
                parts.append(scored(answer, state, batch))
                continue
            batch = sharding.place(layout, batch)
            with jax.set_mesh(layout.mesh):
                parts.append(scored(answer, state, batch))
        whole = jax.tree.map(
            lambda *part: np.concatenate(part)[: len(rows)], *jax.device_get(parts)
        )
        scores: dict[str, float] = {}
        for name, metric in task.metrics.items():
            scores.update(metric.result(whole[name]))
        return {name: float(score) for name, score in scores.items()}

    return evaluate
