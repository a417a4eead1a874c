"""Distribution alignment: what the model says on the whole is made what it should be.

Published with a moving average (ReMixMatch, AdaMatch) and with a queue (CoMatch).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import shards
from ssljax.contracts import Array, Evidence, InputError, TargetRule, Targets
from ssljax.targets.rules import (
    from_prediction,
    require_distribution,
    require_probability,
)

GUARD = 1e-6  # of classes that were hardly seen, as in the official codes


class Average(NamedTuple):
    """A moving average that is the first thing it sees, then follows."""

    value: Array  # [C] float32
    seen: Array  # [] float32, 0 before the first update


class Aligned(NamedTuple):
    """State of ``align``."""

    model: Average  # of the answers on unlabelled rows
    target: Average  # what that average should be


def align(target: Any = 'uniform', momentum: float = 0.999) -> TargetRule:
    r"""Aligns by a moving average of the answers.

    .. math:: \tilde p \leftarrow m\tilde p + (1-m)\,\bar q, \quad
        q_c \leftarrow q_c\,\pi_c/\tilde p_c \;\big/\; \textstyle\sum_k
        q_k\,\pi_k/\tilde p_k

    The average moves first and is used then; the first batch is taken whole.

    Args:
      target: :math:`\pi`: 'uniform', 'labelled' (the moving average of the answers on
        labelled rows), 'labels' (that of their labels) or probabilities [C].
      momentum: m in [0, 1].

    Source: Berthelot et al. 2019 (ReMixMatch), arXiv 1911.09785. USB starts the
    labelled average at 1/C instead, which with m = 0.999 aligns to uniform for about
    1000 steps; that is not copied.
    """
    wanted = _wanted(target)
    require_probability('momentum', momentum)

    def init(targets):
        classes = targets.value.shape[-1]
        empty = Average(jnp.zeros(classes), jnp.zeros(()))
        if _moves(wanted):
            return Aligned(empty, empty)
        return Aligned(empty, Average(_over(wanted, classes), jnp.ones(())))

    def update(targets, state, evidence):
        require_distribution('align', targets)
        model = _follow(state.model, _mean(targets.value), momentum)
        goal = state.target
        if _moves(wanted):
            goal = _follow(goal, _seen(wanted, evidence, model.value.size), momentum)
        new = _aligned(targets, goal.value, model.value)
        return new, Aligned(model, goal)

    return TargetRule(init, update)


class Queue(NamedTuple):
    """State of ``align_by_queue``: the means of the last batches."""

    model: Array  # [Q, C] float32
    target: Array  # [Q, C] float32, or [0, C] where the target is given
    batches: Array  # [] float32, how many were seen


def align_by_queue(target: Any = 'uniform', length: int = 32) -> TargetRule:
    """Aligns by the mean over the last batches, this one among them.

    Args:
      target: as in ``align``.
      length: Q, batches that are remembered. Before there are as many, the mean is over
        those there are (USB counts the missing ones as zeros).

    Source: Li et al. 2020 (CoMatch), arXiv 2011.11183.
    """
    wanted = _wanted(target)
    if length < 1:
        raise InputError(f'length is {length}; give at least 1 batch.')

    def init(targets):
        classes = targets.value.shape[-1]
        of_target = jnp.zeros((length if _moves(wanted) else 0, classes))
        return Queue(jnp.zeros((length, classes)), of_target, jnp.zeros(()))

    def update(targets, state, evidence):
        require_distribution('align_by_queue', targets)
        place = (state.batches % length).astype(jnp.int32)
        count = state.batches + 1
        there = jnp.minimum(count, length)
        model = state.model.at[place].set(_mean(targets.value))
        goal = state.target
        if _moves(wanted):
            goal = goal.at[place].set(_seen(wanted, evidence, model.shape[-1]))
            pi = goal.sum(0) / there
        else:
            pi = _over(wanted, model.shape[-1])
        new = _aligned(targets, pi, model.sum(0) / there)
        # A count beyond 2**24 would not grow; its remainder is all that matters.
        count = jnp.where(count < 2 * length, count, count - length)
        return new, Queue(model, goal, count)

    return TargetRule(init, update)


def _aligned(targets: Targets, pi: Array, model: Array) -> Targets:
    probs = targets.value
    ratio = (pi + GUARD) / (model + GUARD)
    probs = probs * ratio.reshape((1,) * (probs.ndim - 1) + ratio.shape)
    return targets._replace(value=probs / probs.sum(-1, keepdims=True))


def _follow(average: Average, new: Array, momentum: float) -> Average:
    keep = momentum * average.seen  # 0 the first time
    return Average(keep * average.value + (1 - keep) * new, jnp.ones(()))


def _mean(probs: Array) -> Array:
    """Over all sites, [C]."""
    return shards.mean(jnp.mean(probs.reshape(-1, probs.shape[-1]), axis=0))


def _seen(wanted: np.ndarray | str, evidence: Evidence, classes: int) -> Array:
    """The mean over this batch's labelled rows, of answers or of labels, [C]."""
    found = evidence.labels if wanted == 'labels' else evidence.probs_labelled
    if found is None:
        lacks = 'labels' if wanted == 'labels' else 'probs_labelled'
        raise InputError(
            f'target is {wanted!r}, but the evidence has no {lacks}; give them, or '
            "target='uniform'."
        )
    if wanted == 'labels':
        found = jax.nn.one_hot(found, classes)
    return _mean(from_prediction(found).value)


def _moves(wanted: np.ndarray | str) -> bool:
    return isinstance(wanted, str) and wanted != 'uniform'


def _wanted(target: Any) -> np.ndarray | str:
    """Probabilities, or a name that is known."""
    if isinstance(target, str):
        if target not in ('uniform', 'labelled', 'labels'):
            raise InputError(
                f"target is {target!r}; give 'uniform', 'labelled', 'labels' or "
                'probabilities.'
            )
        return target
    probs = np.asarray(target, np.float32)
    if probs.ndim != 1 or (probs < 0).any() or abs(probs.sum() - 1) > 1e-4:
        raise InputError(f'target is {target}; give probabilities [C] of sum 1.')
    return probs


def _over(wanted: np.ndarray | str, classes: int) -> Array:
    if isinstance(wanted, str):
        return jnp.full(classes, 1 / classes, jnp.float32)
    if wanted.shape != (classes,):
        raise InputError(
            f'target has {wanted.shape[0]} probabilities and the answers {classes}; '
            'give one a class.'
        )
    return jnp.asarray(wanted)
