"""Stages: one fit starts from what an earlier one has learnt, as in SimCLRv2."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ssljax.contracts import InputError, Method, State, Variables
from ssljax.data import checks
from ssljax.programs.choice import answering, choose
from ssljax.programs.job import Job, best_by, feed_for, scorer, variables_of
from ssljax.programs.kept_answers import answered
from ssljax.programs.run import Run
from ssljax.programs.sweeps import sweep


def stages(run: Run, job: Job) -> dict[str, Any]:
    """Trains the stages that ``config.order`` names, one after another.

    ``config.stages.<name>`` has ``method`` (a name in the catalogue), ``steps``, and
    where wanted

    - ``args`` of the method, ``network``: fields of ``config.networks.network`` to
      replace, ``rates``: fields of ``config.optimizer`` to replace,
    - ``start_from``: the earlier stage whose shipped weights the student starts from,
      ``drop``: the top-level parameters that it does not take over (its head),
    - ``teacher_from``: the earlier stage whose shipped weights are given as teacher,
    - ``given``: the same for what has other names, ``{'tracker': 'flow'}``,
    - ``rows``: where a stream draws from instead, ``{'unlabelled': ('labelled',
      'mine')}``: parts of the data, of ``config.parts`` (row numbers by name, and the
      ``hash`` of the source), and sweeps,
    - ``answers_from``: the earlier stage whose answers on the images as they are lie
      over the source, for methods with ``target_from='answers'``, or with ``top``, how
      many classes are kept of each, ``'top_answers'``,
    - ``choose``: after the fit, the values to try on validation of numbers that the
      answers are made by, ``{'mixture': {'share': (0.0, 0.5, 1.0)}}`` (see ``choice``).

    A stage that has ``sweep`` in the place of ``method`` trains nothing: it is one of
    ``sweeps.SWEEPS``, of what the stage ``by`` answers on the rows of a part, with
    arguments of its own. A later stage finds its result by ``given`` or ``rows``.

    Returns:
      What the last stage recorded and scored, named as by ``single``, but with the
      ``wall_seconds`` of all stages; and ``test_accuracy/<stage>``, or the task's own
      score, of every stage that answers the task; ``chosen/<stage>/<number>``.
    """
    validation, test = scorer(job, 'validation'), scorer(job, 'test')
    weights: dict[str, Any] = {}
    trained: dict[str, tuple[Method, State]] = {}
    scores: dict[str, float] = {}
    seconds = 0.0
    for name in job.config.order:
        checks.known('a stage of order', name, job.config.stages)
        stage = job.config.stages[name]
        if 'sweep' in stage:
            checks.known(f'stages.{name}.by (an earlier stage)', stage.by, trained)
            weights[name] = sweep(run, job, name, stage, *trained[stage.by])
            continue
        method, feed = _prepared(run, job, name, stage, weights, trained)
        answers = bool(method.answers)
        state = run.fit(
            name,
            method,
            feed,
            stage.steps,
            given=_given(name, stage, weights),
            evaluate=validation if answers else None,
            best=best_by(job.task),
        )
        weights[name], trained[name] = variables_of(state, method.ship), (method, state)
        found = run.record(name)
        seconds += found['wall_seconds']
        for entry, grid in stage.get('choose', {}).items():
            score = functools.partial(_by_validation, validation, method, job)
            numbers = run.once(
                _choice(name, entry),
                functools.partial(choose, state, entry, grid, score),
            )
            state = answering(state, entry, numbers)
            scores |= {f'chosen/{name}/{of}': x for of, x in numbers.items()}
        if answers:
            last = functools.partial(test, method, state)
            found |= run.once(f'test_{name}', last)
            what = f'test_{job.task.score.removeprefix("-")}'
            scores[f'{what}/{name}'] = found[what]
    return {**found, **scores, 'wall_seconds': seconds}


def restored(run: Run, job: Job) -> tuple[Method, State]:
    """Reads back what the last stage has trained: the method and its last state.

    With the numbers that were chosen to answer by, if they are. What the stage takes
    from others is read back, too.

    Raises:
      InputError: if the last stage has not begun.
    """
    stages = job.config.stages
    last = [name for name in job.config.order if 'sweep' not in stages[name]][-1]
    if not run.begun(last):
        raise InputError(
            f'{run.folder} has no checkpoint of the stage {last!r}, which is the one '
            'that answers; let it train on.'
        )
    weights: dict[str, Any] = {}
    trained: dict[str, tuple[Method, State]] = {}
    for name in _needed(job.config, last):
        stage = stages[name]
        if 'sweep' in stage:
            weights[name] = sweep(run, job, name, stage, *trained[stage.by])
            continue
        method, feed = _prepared(run, job, name, stage, weights, trained)
        given = _given(name, stage, weights)
        state = run.restore(name, method, feed, given=given)
        weights[name] = variables_of(state, method.ship)
        for entry in stage.get('choose', {}):
            if numbers := run.stored(_choice(name, entry)):
                state = answering(state, entry, numbers)
        trained[name] = method, state
    return trained[last]


def _needed(config: Any, last: str) -> list[str]:
    """A stage and all that it is made of, in their order."""
    found, asked = set(), [last]
    while asked:
        name = asked.pop()
        if name in found or name not in config.order:  # else a part of the data
            continue
        found.add(name)
        stage = config.stages[name]
        asked += [stage.get(x) for x in ('start_from', 'teacher_from')]
        asked += [stage.get(x) for x in ('answers_from', 'by')]
        asked += stage.get('given', {}).values()
        asked += [x for sources in stage.get('rows', {}).values() for x in sources]
    return [name for name in config.order if name in found]


def _prepared(
    run: Run,
    job: Job,
    name: str,
    stage: Any,
    weights: Mapping[str, Any],
    trained: Mapping[str, tuple[Method, State]],
) -> tuple[Method, Callable[[int], Any]]:
    """The method of a stage and its feed."""
    method = job.method(
        stage.method,
        steps=stage.steps,
        network=stage.get('network', {}),
        rates=stage.get('rates', {}),
        **stage.get('args', {}),
    )
    own = job
    if 'answers_from' in stage:
        field = f'stages.{name}.answers_from (an earlier stage)'
        checks.known(field, stage.answers_from, trained)
        own = answered(run, job, name, stage, *trained[stage.answers_from])
    rows = _rows(name, stage, job, weights)
    return method, feed_for(own, method, run.key(name), rows=rows)


def _choice(name: str, entry: str) -> str:
    """The unit in which numbers to answer by are kept."""
    return f'choice_{name}_{entry}'


def _by_validation(scores: Callable, method: Method, job: Job, state: State) -> float:
    """The task's score of the shipped weights alone, higher being better."""
    alone = method._replace(answers={method.ship: method.answers[method.ship]})
    name = best_by(job.task)
    found = scores(alone, state)[name.removeprefix('-')]
    return -found if name.startswith('-') else found


def without(variables: Variables, drop: Iterable[str]) -> Variables:
    """Returns the variables but for some top-level names, which start anew.

    Raises:
      InputError: if a name is none of the parameters'.
    """
    for name in drop:
        checks.known('a name of drop', name, variables.params)
    return Variables(
        *({k: x for k, x in part.items() if k not in drop} for part in variables)
    )


def _rows(
    name: str, stage: Any, job: Job, weights: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """What the streams of a stage draw from, where it is not their own part."""
    found = {}
    known = {**job.data.rows, **_parts(job), **weights}
    for stream, sources in stage.get('rows', {}).items():
        for source in sources:
            checks.known(f'a name of stages.{name}.rows.{stream}', source, known)
        found[stream] = np.unique(np.concatenate([known[x] for x in sources]))
    return found


def _parts(job: Job) -> dict[str, np.ndarray]:
    """``config.parts``: further rows by name, of a source with its hash."""
    parts = dict(job.config.get('parts', {}))
    own, found = parts.pop('hash', None), job.data.split.get('hash')
    if parts and own != found:
        raise InputError(
            f'parts are rows of a source with the hash {own}, the data have {found}; '
            'draw parts of these data.'
        )
    return {name: np.array(rows, np.int32) for name, rows in parts.items()}


def _given(name: str, stage: Any, weights: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage takes over from the stages before it."""
    given = {}
    asked = {
        'student': ('start_from', stage.get('start_from')),
        'teacher': ('teacher_from', stage.get('teacher_from')),
        **{who: (f'given.{who}', x) for who, x in stage.get('given', {}).items()},
    }
    for who, (field, source) in asked.items():
        if source:
            checks.known(f'stages.{name}.{field} (an earlier stage)', source, weights)
            given[who] = weights[source]
    if 'student' in given:
        given['student'] = without(given['student'], stage.get('drop', ()))
    return given
