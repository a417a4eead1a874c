"""Rounds: train anew, sweep the pool, choose, and again with more labels.

Self-training labels by the network's own confident answers; active learning asks for
true labels. Only the choice differs.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import solvers, targets
from ssljax.contracts import Evidence, InputError
from ssljax.data import checks, collate, overlay
from ssljax.data.sources import NO_LABEL, Source
from ssljax.programs.job import Job, answering, feed_for, scorer
from ssljax.programs.run import Run


def rounds(run: Run, job: Job) -> dict[str, Any]:
    """Trains ``config.method`` from scratch in each of ``rounds.count`` rounds.

    The pool is the unlabelled rows. After each round but the last, ``rounds.policy``
    makes of the shipped weights' answers on it the labels of the next round:

    - 'confident': of all rows whose confidence reaches ``rounds.threshold``, by the
      answers; rows of known label keep theirs, all others are labelled anew each round,
    - 'k_centre': ``rounds.ask`` more true labels, of the rows that cover the answers
      best (``solvers.k_centre``),
    - 'random': ``rounds.ask`` more true labels, of any rows.

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
    method = job.method()
    pool = job.data.rows['unlabelled']
    answer = answering(job, method)
    examples = collate(job.data.source, pool, job.task.inputs)
    truth = job.data.source.columns['label'][pool]
    known = np.isin(pool, job.data.rows['labelled'])
    label = np.where(known, truth, NO_LABEL)

    found: dict[str, Any] = {}
    seconds = 0.0
    for r in range(config.count):
        last = r == config.count - 1
        name = 'main' if last else f'round{r}'  # where the other commands look for it
        source = overlay(job.data.source, pool, {'label': label})
        taught = pool[label != NO_LABEL]
        state = run.fit(
            name,
            method,
            feed_for(
                _over(job, source), method, run.key(name), rows={'labelled': taught}
            ),
            job.config.steps,
            evaluate=validation,
        )
        score = run.once(f'test{r}', functools.partial(test, method, state))
        seconds += run.record(name)['wall_seconds']
        checked = (label != NO_LABEL) & (truth != NO_LABEL)
        found[f'test_accuracy/{r}'] = score['test_accuracy']
        found[f'rows/{r}'] = len(taught)
        found[f'label_accuracy/{r}'] = float(np.mean((label == truth)[checked]))
        if not last:
            # Rows as they are, without a view: its noise would leak into the choice.
            probs = run.once(f'sweep{r}', functools.partial(answer, state, examples))
            key = run.key(f'choice{r}')
            known, label = POLICIES[config.policy](key, probs, known, truth, config)
    return {
        **run.record('main'),
        **score,
        **found,
        'test_accuracy_first_round': found['test_accuracy/0'],
        'labels': int(known.sum()),
        'wall_seconds': seconds,
    }


def confident(key, probs, known, truth, settings):
    """Labels the pool by what a target rule makes of the answers."""
    del key
    rule = targets.chain(targets.threshold(settings.threshold), targets.harden())
    asked = targets.from_prediction(probs)
    evidence = Evidence(step=jnp.zeros((), int))
    lesson, _ = rule.update(asked, rule.init(asked), evidence)
    guess = np.where(lesson.weight > 0, lesson.value, NO_LABEL)
    return known, np.where(known, truth, guess)


def k_centre(key, probs, known, truth, settings):
    """Asks for the labels of rows whose answers are farthest from the known ones."""
    del key

    def choose(rows):
        start = jnp.asarray(np.flatnonzero(known[rows]))
        return solvers.k_centre(probs[rows], start, settings.ask)

    return _asked(choose, known, truth, settings.ask)


def random(key, probs, known, truth, settings):
    """Asks for the labels of any rows."""
    del probs

    def choose(rows):
        return jax.random.permutation(key, np.flatnonzero(~known[rows]))[: settings.ask]

    return _asked(choose, known, truth, settings.ask)


POLICIES = {'confident': confident, 'k_centre': k_centre, 'random': random}
"""``(key, probs [N, C], known [N] bool, truth [N], settings) -> known, label [N]``."""


def _asked(choose, known, truth, ask):
    """Reveals the true labels of the rows chosen, among those that have one."""
    rows = np.flatnonzero(truth != NO_LABEL)
    if ask > (left := int(np.sum(~known[rows]))):
        raise InputError(f'rounds.ask is {ask}, but {left} labels are left to ask for.')
    known = known.copy()
    known[rows[np.asarray(choose(rows))]] = True
    return known, np.where(known, truth, NO_LABEL)


def _over(job: Job, source: Source) -> Job:
    return job._replace(data=job.data._replace(source=source))
