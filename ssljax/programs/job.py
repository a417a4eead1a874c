"""What a program works with: data, task and the builders of methods and feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from ssljax.contracts import (
    Array,
    Example,
    InputError,
    Method,
    Outputs,
    State,
    Task,
    Variables,
    View,
    inputs_of,
)
from ssljax.data import Arrays, Dataset, checks, choose, on_host, readable
from ssljax.train import evaluator, sharding
from ssljax.train.sharding import Layout
from ssljax.views import plain, prepare


class Job(NamedTuple):
    """A configured experiment, ready for any Program: ``program(run, job) -> results``.

    ``method`` returns Methods for the batches of ``feed_for``: on raw ones, their views
    drawn inside the step, or with ``host_views`` on those that have them.
    """

    config: Any  # the ConfigDict that everything below was built from
    data: Dataset
    task: Task
    method: Callable[..., Method]
    # (name=config.method, *, steps=config.steps, network={}, **arguments) -> Method
    views: Mapping[str, View] = MappingProxyType({})  # by name, those of config.views
    see: Callable[[Example], Example] = plain()  # what is scored or answered
    feeding: Mapping[str, Any] = MappingProxyType({})  # arguments of data.choose
    host_views: bool = False  # drawn by the CPU ahead of the step
    layout: Layout | None = None  # of devices; None is one


def rows_of(stream: str, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the rows that a stream draws from: 'future_labelled' from 'labelled'."""
    return rows[stream.rsplit('_', 1)[-1]]


def feed_for(
    job: Job,
    method: Method,
    key: Array,
    *,
    rows: Mapping[str, np.ndarray] | None = None,
    opened: bool = False,
) -> Callable[[int], Any]:
    """Returns the feed of the streams that a method needs.

    Args:
      job: whose data, batch size and seed are used.
      method: ``needs`` says which streams, fields and ratios.
      key: that its fit starts from, ``run.key(name)``; for views on the host.
      rows: replaces ``job.data.rows``: other labelled sets, shares of a client.
      opened: whether the program looks into the batches, so that they hold the fields
        themselves and no views.

    Raises:
      InputError: as ``data.choose``; if the devices can't share the batch evenly, or
        an opened feed is to have its views on the host.
    """
    rows = {**job.data.rows, **(rows or {})}
    feeding = dict(job.feeding)
    if job.layout is not None and not opened:
        parts = getattr(job.config, 'accumulate', 1)
        sharding.check_batch(job.layout, method.needs, job.config.batch_size, parts)
    if opened:
        if job.host_views:
            raise InputError(
                "feed.views is 'host', but this program looks into its raw batches; "
                "give 'step'."
            )
    # Views on the host would fetch rows that lie on the device back at every step.
    fetched = job.host_views and feeding.get('kind', 'auto') in ('auto', 'resident')
    if opened or fetched:
        feeding['kind'] = 'in_memory' if isinstance(job.data.source, Arrays) else 'auto'
    feed = choose(
        job.data.source,
        {stream: rows_of(stream, rows) for stream in method.needs},
        method.needs,
        batch_size=job.config.batch_size,
        seed=job.config.seed,
        **feeding,
    )
    if not job.host_views:
        return feed
    number = jax.process_index()
    return on_host(feed, prepare(method.needs, job.views, process=number), key)


def joined(feeds: Sequence[Callable[[int], Any]]) -> Callable[[int], Any]:
    """Returns one feed of the batches of several, row after row.

    What they give under 'resident' is the same for all, and taken from the first.
    """

    def feed(step: int) -> dict[str, Any]:
        parts = [dict(own(step)) for own in feeds]
        resident = [part.pop('resident', None) for part in parts][0]
        whole = jax.tree.map(lambda *x: np.concatenate(x), *parts)
        return whole if resident is None else {**whole, 'resident': resident}

    def close() -> None:
        for own in feeds:
            if hasattr(own, 'close'):
                own.close()

    feed.close = close  # type: ignore[attr-defined]
    return feed


def scorer(job: Job, part: str) -> Callable[[Method, State], dict[str, float]]:
    """Returns ``(method, state) -> scores`` on a part of the data.

    ``<part>_<metric>`` is of the weights that the method ships,
    ``<part>_<metric>_student`` and ``_teacher`` of each that it has.

    Rows that can't be decoded are left out of all scores, with a warning.

    Args:
      job: whose data and task are used.
      part: 'validation' or 'test'.

    Raises:
      InputError: if more rows than ``data.BAD_SHARE`` can't be decoded.
    """
    evaluate = evaluator(
        job.task,
        job.data.source,
        readable(job.data.source, job.data.rows[part]),
        batch_size=job.config.eval_batch_size,
        see=job.see,
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


def best_by(task: Task) -> str:
    """Returns ``best`` of ``run.fit``: the task's own score, on validation."""
    name = task.score.removeprefix('-')
    return f'{"-" if task.score != name else ""}validation_{name}'


def answering(
    job: Job, method: Method, decode: Callable[[Outputs], Any] | None = None
) -> Callable[[State, Any], Any]:
    """Returns ``(state, inputs) -> prediction [n, ...]``, by the shipped weights.

    What is predicted is ``decode`` of the outputs, by default the task's.

    Inputs are raw, ``{field: [n, ...]}`` or the array of an only field, and seen as
    ``job.see`` has it. They are answered ``eval_batch_size`` rows at a time, the last
    of them filled up, so that one shape is compiled; the prediction is of numpy arrays.
    It raises InputError for inputs that are missing, empty, or of another shape.
    """
    fields = job.task.inputs
    decode = decode or job.task.decode

    @jax.jit
    def answer(state, example):
        return decode(method.predict(state, inputs_of(job.task, job.see(example))))

    def predict(state: State, inputs: Any) -> Any:
        if not isinstance(inputs, Mapping):
            inputs = {fields[0]: inputs}
        for name in fields:
            checks.known('a field that the network takes', name, inputs)
        inputs = {name: np.asarray(inputs[name]) for name in fields}
        for name, value in inputs.items():
            _check_shape(name, value, job.task.example[name].shape)
            if name == 'image':
                checks.images(name, value)
        count = len(inputs[fields[0]])
        size = min(job.config.eval_batch_size, count)
        parts = []
        for first in range(0, count, size):
            some = jax.tree.map(
                lambda x, at=first: np.resize(x[at : at + size], (size, *x.shape[1:])),
                inputs,
            )
            parts.append(jax.device_get(answer(state, some)))
        return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)

    return predict


def _check_shape(name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuses no rows at all, or rows of another shape; of a task without it, () ."""
    if value.ndim and len(value) and (not shape or value.shape[1:] == shape):
        return
    wanted = ', '.join(map(str, shape)) or '...'
    raise InputError(
        f'{name} has shape {value.shape}; give [n, {wanted}] with n above 0.'
    )


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
