"""Rounds: train anew, sweep the pool, choose, and again with more labels.

Self-training labels by the network's own confident answers; Noisy Student teaches them
softly, to larger networks under noise; active learning asks for true labels. Only the
choice differs.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import solvers, targets
from ssljax.contracts import Evidence, InputError, Targets
from ssljax.data import checks, collate, overlay
from ssljax.data.sources import NO_LABEL, Source
from ssljax.programs.job import Job, answering, feed_for, scorer
from ssljax.programs.run import Run
from ssljax.solvers import acquisition


class Lesson(NamedTuple):
    """What a round learns from, by row of the pool."""

    known: np.ndarray  # [N] bool, rows whose true label was used
    label: np.ndarray  # [N] int, what a row is learnt as; NO_LABEL for none
    targets: Targets | None = None  # what the unlabelled stream is taught, if anything


def rounds(run: Run, job: Job) -> dict[str, Any]:
    """Trains ``config.method`` from scratch in each of ``rounds.count`` rounds.

    The pool is the unlabelled rows. After each round but the last, ``rounds.policy``
    makes of the shipped weights' answers on it the labels of the next round:

    - 'confident': of all rows whose confidence reaches ``rounds.threshold``, by the
      answers; rows of known label keep theirs, all others are labelled anew each round,
    - 'k_centre': ``rounds.ask`` more true labels, of the rows that cover the answers
      best (``solvers.k_centre``),
    - 'random': ``rounds.ask`` more true labels, of any rows,
    - 'entropy', 'margin', 'class_balanced', 'badge': as many, of the rows that
      ``solvers.acquisition`` takes by the answers,
    - 'robust': as many, drawn as if ``rounds.wrong`` of the answers to be had were
      false (``solvers.robust_distribution``, with one less the margin as gain),
    - 'balanced': of the rows whose confidence reaches ``rounds.threshold``, the
      ``rounds.per_class`` surest of each class, classes weighing alike
      (``targets.balance``); the answers themselves are taught if ``rounds.soft``, else
      the guesses. For ``methods.noisy_student``, whose labelled rows stay.

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
    usual = job.method()
    answer = answering(job, usual)

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
            given=_given(lesson, pool),
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
            asked = answer if method is usual else answering(job, method)
            probs = run.once(f'sweep{r}', functools.partial(asked, state, examples))
            key = run.key(f'choice{r}')
            lesson = POLICIES[config.policy](key, probs, lesson.known, truth, config)
    return {
        **run.record('main'),
        **score,
        **found,
        'test_accuracy_first_round': found['test_accuracy/0'],
        'labels': int(lesson.known.sum()),
        'wall_seconds': seconds,
    }


def confident(key, probs, known, truth, settings):
    """Labels the pool by what a target rule makes of the answers."""
    del key
    rule = targets.chain(targets.threshold(settings.threshold), targets.harden())
    taught = _made(rule, probs)
    guess = np.where(taught.weight > 0, taught.value, NO_LABEL)
    return Lesson(known, np.where(known, truth, guess))


def balanced(key, probs, known, truth, settings):
    """Teaches the surest rows of each class, as much of each class."""
    del key
    probs = np.where(known[:, None], np.eye(probs.shape[-1], dtype='f')[truth], probs)
    rule = targets.chain(
        targets.threshold(settings.threshold), targets.balance(settings.per_class)
    )
    taught = _made(rule, probs)
    guess = np.argmax(probs, axis=-1)
    if not settings.soft:
        taught = taught._replace(value=jax.nn.one_hot(guess, probs.shape[-1]))
    label = np.where(known | (taught.weight > 0), guess, NO_LABEL)
    return Lesson(known, label.astype(truth.dtype), taught)


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


def entropy(key, probs, known, truth, settings):
    """Asks for the labels of rows whose answers are the most open."""
    del key

    def choose(probs):
        return acquisition.highest(acquisition.entropy(probs), settings.ask)

    return _asked_anew(choose, probs, known, truth, settings.ask)


def margin(key, probs, known, truth, settings):
    """Asks for the labels of rows between two classes."""
    del key

    def choose(probs):
        return acquisition.highest(-acquisition.margin(probs), settings.ask)

    return _asked_anew(choose, probs, known, truth, settings.ask)


def class_balanced(key, probs, known, truth, settings):
    """Asks for the labels of any rows of the classes that are known the least."""
    have = jnp.asarray(np.bincount(truth[known], minlength=probs.shape[-1]))

    def choose(probs):
        guess = np.argmax(probs, axis=-1)
        return acquisition.class_balanced(key, guess, have, settings.ask)

    return _asked_anew(choose, probs, known, truth, settings.ask)


def badge(key, probs, known, truth, settings):
    """Asks for the labels of rows whose gradients are large and unlike."""

    def choose(probs):
        return acquisition.badge(key, probs, settings.ask)

    return _asked_anew(choose, probs, known, truth, settings.ask)


def robust(key, probs, known, truth, settings):
    """Asks for labels that are worth it even if some of them are wrong."""

    def choose(probs):
        gain = 1 - acquisition.margin(probs)
        found = solvers.robust_distribution(gain, settings.wrong, least=settings.ask)
        return solvers.sample_without_replacement(key, found.probs, settings.ask)

    return _asked_anew(choose, probs, known, truth, settings.ask)


POLICIES = {
    'badge': badge,
    'balanced': balanced,
    'class_balanced': class_balanced,
    'confident': confident,
    'entropy': entropy,
    'k_centre': k_centre,
    'margin': margin,
    'random': random,
    'robust': robust,
}
"""``(key, probs [N, C], known [N] bool, truth [N], settings) -> Lesson``."""


def _asked(choose, known, truth, ask):
    """Reveals the true labels of the rows chosen, among those that have one."""
    rows = np.flatnonzero(truth != NO_LABEL)
    if ask > (left := int(np.sum(~known[rows]))):
        raise InputError(f'rounds.ask is {ask}, but {left} labels are left to ask for.')
    known = known.copy()
    known[rows[np.asarray(choose(rows))]] = True
    return Lesson(known, np.where(known, truth, NO_LABEL))


def _asked_anew(choose, probs, known, truth, ask):
    """Reveals labels of rows chosen by their answers among those not known yet."""

    def unknown(rows):
        left = np.flatnonzero(~known[rows])
        return left[np.asarray(choose(jnp.asarray(probs[rows[left]])))]

    return _asked(unknown, known, truth, ask)


def _made(rule, probs):
    """What a rule makes of the answers on the pool."""
    asked = targets.from_prediction(probs)
    evidence = Evidence(step=jnp.zeros((), int))
    return rule.update(asked, rule.init(asked), evidence)[0]


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
