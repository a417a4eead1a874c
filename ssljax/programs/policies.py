"""Policies: what a round's answers on the pool make of the labels of the next one."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import solvers, targets
from ssljax.contracts import Evidence, InputError, Targets
from ssljax.data.sources import NO_LABEL
from ssljax.losses.contrastive import unit
from ssljax.solvers import acquisition


class Lesson(NamedTuple):
    """What a round learns from, by row of the pool."""

    known: np.ndarray  # [N] bool, rows whose true label was used
    label: np.ndarray  # [N] int, what a row is learnt as; NO_LABEL for none
    targets: Targets | None = None  # what the unlabelled stream is taught, if anything


class Answers(NamedTuple):
    """What a round's network says of the rows of the pool."""

    probs: np.ndarray  # [N, C]
    features: np.ndarray | None = None  # [N, D], where the network answers them


def confident(key, answers, known, truth, settings):
    """Labels the pool by what a target rule makes of the answers."""
    del key
    rule = targets.chain(targets.threshold(settings.threshold), targets.harden())
    taught = _made(rule, answers.probs)
    guess = np.where(taught.weight > 0, taught.value, NO_LABEL)
    return Lesson(known, np.where(known, truth, guess))


def balanced(key, answers, known, truth, settings):
    """Teaches the surest rows of each class, as much of each class."""
    del key
    probs = answers.probs
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


def k_centre(key, answers, known, truth, settings):
    """Asks for the labels of rows whose answers are farthest from the known ones."""
    del key
    return _covering(answers.probs, known, truth, settings.ask)


def coreset(key, answers, known, truth, settings):
    """Asks for the labels of rows whose features are farthest from the known ones."""
    del key
    directions = np.asarray(unit(_features(answers)))
    return _covering(directions, known, truth, settings.ask)


def random(key, answers, known, truth, settings):
    """Asks for the labels of any rows."""
    del answers

    def choose(rows):
        return jax.random.permutation(key, np.flatnonzero(~known[rows]))[: settings.ask]

    return _asked(choose, known, truth, settings.ask)


def entropy(key, answers, known, truth, settings):
    """Asks for the labels of rows whose answers are the most open."""
    del key

    def choose(rows):
        return acquisition.highest(acquisition.entropy(rows.probs), settings.ask)

    return _asked_anew(choose, answers, known, truth, settings.ask)


def margin(key, answers, known, truth, settings):
    """Asks for the labels of rows between two classes."""
    del key

    def choose(rows):
        return acquisition.highest(-acquisition.margin(rows.probs), settings.ask)

    return _asked_anew(choose, answers, known, truth, settings.ask)


def class_balanced(key, answers, known, truth, settings):
    """Asks for the labels of any rows of the classes that are known the least."""
    classes = answers.probs.shape[-1]
    have = jnp.asarray(np.bincount(truth[known], minlength=classes))

    def choose(rows):
        guess = np.argmax(rows.probs, axis=-1)
        return acquisition.class_balanced(key, guess, have, settings.ask)

    return _asked_anew(choose, answers, known, truth, settings.ask)


def badge(key, answers, known, truth, settings):
    """Asks for the labels of rows whose gradients are large and unlike."""

    def choose(rows):
        return acquisition.badge(key, rows.probs, settings.ask, features=rows.features)

    return _asked_anew(choose, answers, known, truth, settings.ask)


def robust(key, answers, known, truth, settings):
    """Asks for labels that are worth it even if some of them are wrong."""

    def choose(rows):
        gain = 1 - acquisition.margin(rows.probs)
        found = solvers.robust_distribution(gain, settings.wrong, least=settings.ask)
        return solvers.sample_without_replacement(key, found.probs, settings.ask)

    return _asked_anew(choose, answers, known, truth, settings.ask)


POLICIES = {
    'badge': badge,
    'balanced': balanced,
    'class_balanced': class_balanced,
    'confident': confident,
    'coreset': coreset,
    'entropy': entropy,
    'k_centre': k_centre,
    'margin': margin,
    'random': random,
    'robust': robust,
}
"""``(key, Answers, known [N] bool, truth [N], settings) -> Lesson``."""


def _features(answers):
    if answers.features is None:
        raise InputError(
            "rounds.policy is 'coreset', but the network answers no 'features'; give "
            "another network, or 'k_centre', which covers the answers."
        )
    return answers.features


def _covering(points, known, truth, ask):
    """Reveals labels of rows far from all that are known, in some space."""

    def choose(rows):
        start = jnp.asarray(np.flatnonzero(known[rows]))
        return solvers.k_centre(points[rows], start, ask)

    return _asked(choose, known, truth, ask)


def _asked(choose, known, truth, ask):
    """Reveals the true labels of the rows chosen, among those that have one."""
    rows = np.flatnonzero(truth != NO_LABEL)
    if ask > (left := int(np.sum(~known[rows]))):
        raise InputError(f'rounds.ask is {ask}, but {left} labels are left to ask for.')
    known = known.copy()
    known[rows[np.asarray(choose(rows))]] = True
    return Lesson(known, np.where(known, truth, NO_LABEL))


def _asked_anew(choose, answers, known, truth, ask):
    """Reveals labels of rows chosen by their answers among those not known yet."""

    def unknown(rows):
        left = np.flatnonzero(~known[rows])
        some = jax.tree.map(lambda x: jnp.asarray(x[rows[left]]), answers)
        return left[np.asarray(choose(some))]

    return _asked(unknown, known, truth, ask)


def _made(rule, probs):
    """What a rule makes of the answers on the pool."""
    asked = targets.from_prediction(probs)
    evidence = Evidence(step=jnp.zeros((), int))
    return rule.update(asked, rule.init(asked), evidence)[0]
