"""What a program works with: data, task and the builders of methods and feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ssljax.contracts import InputError, Method, State, Task, Variables, View
from ssljax.data import Dataset, in_memory
from ssljax.train import evaluator


class Job(NamedTuple):
    """A configured experiment, ready for any Program: ``program(run, job) -> results``.

    ``method`` returns Methods on raw batches, their views drawn inside the step.
    """

    config: Any  # the ConfigDict that everything below was built from
    data: Dataset
    task: Task
    method: Callable[..., Method]
    # (name=config.method, *, steps=config.steps, network={}, **arguments) -> Method
    views: Mapping[str, View] = MappingProxyType({})  # by name, those of config.views


def rows_of(stream: str, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the rows that a stream draws from: 'future_labelled' from 'labelled'."""
    return rows[stream.rsplit('_', 1)[-1]]


def feed_for(
    job: Job, method: Method, *, rows: Mapping[str, np.ndarray] | None = None
) -> Callable[[int], Any]:
    """Returns the feed of the streams that a method needs.

    Args:
      job: whose data, batch size and seed are used.
      method: ``needs`` says which streams, fields and ratios.
      rows: replaces ``job.data.rows``: other labelled sets, shares of a client.
    """
    rows = {**job.data.rows, **(rows or {})}
    return in_memory(
        job.data.source,
        {stream: rows_of(stream, rows) for stream in method.needs},
        method.needs,
        batch_size=job.config.batch_size,
        seed=job.config.seed,
    )


def scorer(job: Job, part: str) -> Callable[[Method, State], dict[str, float]]:
    """Returns ``(method, state) -> scores`` on a part of the data.

    ``<part>_<metric>`` is of the weights that the method ships,
    ``<part>_<metric>_student`` and ``_teacher`` of each that it has.

    Args:
      job: whose data and task are used.
      part: 'validation' or 'test'.
    """
    evaluate = evaluator(
        job.task,
        job.data.source,
        job.data.rows[part],
        batch_size=job.config.eval_batch_size,
    )

    def scores(method: Method, state: State) -> dict[str, float]:
        found = {}
        for who, answer in method.answers.items():
            for name, score in evaluate(answer, state).items():
                found[f'{part}_{name}_{who}'] = score
                if who == method.ship:
                    found[f'{part}_{name}'] = score
        return found

    return scores


def variables_of(state: State, who: str) -> Variables:
    """Returns the weights that a fit ended with, for another fit to start from.

    Args:
      state: as ``run.fit`` returned it.
      who: 'student', 'teacher', ...: a network that was trained, or an average of one.

    Raises:
      InputError: if the state has no weights of that name.
    """
    if who in state.params:
        return Variables(state.params[who], state.stats.get(who, {}))
    if who in state.memory:
        return state.memory[who].variables
    raise InputError(
        f'who is {who!r}; the state has {sorted({*state.params, *state.memory})}.'
    )
