"""Rounds: train anew, sweep the pool, choose, and again with more labels.

Self-training labels by the network's own confident answers; Noisy Student teaches them
softly, to larger networks under noise; active learning asks for true labels. Only the
choice differs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ssljax.contracts import Method, Outputs, State, Targets
from ssljax.data import checks, collate, overlay
from ssljax.data.sources import NO_LABEL, Source
from ssljax.programs.job import Job, answering, feed_for, scorer, variables_of
from ssljax.programs.policies import POLICIES, Answers, Lesson
from ssljax.programs.run import Run


def rounds(run: Run, job: Job) -> dict[str, Any]:
    """Trains ``config.method`` from scratch in each of ``rounds.count`` rounds.

    The pool is the unlabelled rows. After each round but the last, ``rounds.policy``
    makes of the shipped weights' answers on it the labels of the next round:

    - 'confident': of all rows whose confidence reaches ``rounds.threshold``, by the
      answers; rows of known label keep theirs, all others are labelled anew each round,
    - 'k_centre': ``rounds.ask`` more true labels, of the rows that cover the answers
      best (``solvers.k_centre``), and 'coreset', of those that cover the directions of
      the features,
    - 'random': ``rounds.ask`` more true labels, of any rows,
    - 'entropy', 'margin', 'class_balanced', 'badge': as many, of the rows that
      ``solvers.acquisition`` takes by the answers,
    - 'robust': as many, drawn as if ``rounds.wrong`` of the answers to be had were
      false (``solvers.robust_distribution``, with one less the margin as gain),
    - 'balanced': of the rows whose confidence reaches ``rounds.threshold``, the
      ``rounds.per_class`` surest of each class, classes weighing alike
      (``targets.balance``); the answers themselves are taught if ``rounds.soft``, else
      the guesses. For ``methods.noisy_student``, whose labelled rows stay.

    ``rounds.teacher`` trains a network before the first round, ``{'method': ...,
    'steps': ..., 'args': ..., 'rows': ...}``: by the labels of that part of the data.
    All rounds are given it as their teacher; or, with ``rounds.oracle`` 'teacher', it
    answers what is asked for, in the place of the truth.

    ``rounds.networks`` may change the network of earlier rounds, ``{'round0':
    arguments}``: a smaller teacher before a larger student.

    Returns:
      What the last round recorded and scored, named as by ``single``, but with the
      ``wall_seconds`` of all rounds; ``labels``, how many true ones were used;
      ``test_accuracy_first_round``; and by round ``test_accuracy/<r>``, ``rows/<r>``
      (how many were learnt from) and ``label_accuracy/<r>`` (which share of those that
      have a true label had it right).
    """
    config = job.config.rounds
    checks.known('rounds.policy', config.policy, POLICIES)
    validation, test = scorer(job, 'validation'), scorer(job, 'test')
    networks = config.get('networks', {})
    pool = job.data.rows['unlabelled']
    examples = collate(job.data.source, pool, job.task.inputs)
    truth = job.data.source.columns['label'][pool]
    known = np.isin(pool, job.data.rows['labelled'])
    lesson = Lesson(known, np.where(known, truth, NO_LABEL))
    given, told = {}, truth
    if 'teacher' in config:
        checks.known('rounds.oracle', config.get('oracle', 'truth'), ORACLES)
        method, feed, steps = _teacher(run, job)
        state = run.fit('teacher', method, feed, steps)
        if config.get('oracle') == 'teacher':
            asked = answering(job, method)
            probs = run.once('oracle', functools.partial(asked, state, examples))
            told = np.where(known, truth, np.argmax(probs, axis=-1))
        else:
            given['teacher'] = variables_of(state, method.ship)
    usual = job.method()
    answer = answering(job, usual, _swept(job))

    # The last one lies where the other commands look for it.
    names = [*(f'round{r}' for r in range(config.count - 1)), 'main']
    for name in networks:
        checks.known('a round of rounds.networks', name, names[:-1])

    found: dict[str, Any] = {}
    seconds = 0.0
    for r, name in enumerate(names):
        method = job.method(network=networks[name]) if name in networks else usual
        source = overlay(job.data.source, pool, {'label': lesson.label})
        taught = lesson.label != NO_LABEL
        labelled = pool[taught if lesson.targets is None else lesson.known]
        state = run.fit(
            name,
            method,
            feed_for(
                _over(job, source), method, run.key(name), rows={'labelled': labelled}
            ),
            job.config.steps,
            given={**given, **_given(lesson, pool)},
            evaluate=validation,
        )
        score = run.once(f'test{r}', functools.partial(test, method, state))
        seconds += run.record(name)['wall_seconds']
        checked = taught & (truth != NO_LABEL)
        found[f'test_accuracy/{r}'] = score['test_accuracy']
        found[f'rows/{r}'] = int(taught.sum())
        found[f'label_accuracy/{r}'] = float(np.mean((lesson.label == truth)[checked]))
        if name != 'main':
            # Rows as they are, without a view: its noise would leak into the choice.
            asked = answer if method is usual else answering(job, method, _swept(job))
            swept = run.once(f'sweep{r}', functools.partial(asked, state, examples))
            choice = POLICIES[config.policy]
            key = run.key(f'choice{r}')
            lesson = choice(key, Answers(**swept), lesson.known, told, config)
    return {
        **run.record('main'),
        **score,
        **found,
        'test_accuracy_first_round': found['test_accuracy/0'],
        'labels': int(lesson.known.sum()),
        'wall_seconds': seconds,
    }


ORACLES = ('truth', 'teacher')


def restored(run: Run, job: Job) -> tuple[Method, State]:
    """Reads back what the last round has trained: the method and its last state."""
    config, given = job.config.rounds, {}
    if 'teacher' in config and config.get('oracle') != 'teacher':
        method, feed, _ = _teacher(run, job)
        state = run.restore('teacher', method, feed)
        given['teacher'] = variables_of(state, method.ship)
    method = job.method()
    feed = feed_for(job, method, run.key('main'))
    return method, run.restore('main', method, feed, given=given)


def _teacher(run: Run, job: Job) -> tuple[Method, Callable[[int], Any], int]:
    """Who teaches in all rounds: the method, its feed and its steps."""
    spec = job.config.rounds.teacher
    checks.known('rounds.teacher.rows', spec.rows, job.data.rows)
    method = job.method(
        spec.method,
        steps=spec.steps,
        network=job.config.networks.teacher_network,
        **spec.get('args', {}),
    )
    rows = {'labelled': job.data.rows[spec.rows]}
    return method, feed_for(job, method, run.key('teacher'), rows=rows), spec.steps


def _swept(job: Job):
    """What a policy looks at, of a network's outputs."""

    def decode(outputs: Outputs) -> dict[str, Any]:
        found = {'probs': job.task.decode(outputs)}
        if 'features' in outputs:
            found['features'] = outputs['features']
        return found

    return decode


def _given(lesson: Lesson, pool: np.ndarray) -> dict[str, Targets]:
    """The targets of a lesson by row of the source, as a method takes them."""
    if lesson.targets is None:
        return {}

    def by_row(x):
        table = np.zeros((pool.max() + 1, *x.shape[1:]), np.float32)
        table[pool] = x
        return table

    return {'targets': jax.tree.map(by_row, lesson.targets)}


def _over(job: Job, source: Source) -> Job:
    return job._replace(data=job.data._replace(source=source))
