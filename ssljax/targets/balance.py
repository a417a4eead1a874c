"""As many rows of each class: Noisy Student's choice from a whole pool."""

from __future__ import annotations

import jax.numpy as jnp

from ssljax.contracts import InputError, TargetRule
from ssljax.targets.rules import require_distribution, times


def balance(per_class: int) -> TargetRule:
    r"""Keeps the surest rows of each class, and makes the classes weigh the same.

    Of the rows that still have weight and whose most probable class is c, the
    ``per_class`` = K surest are kept. Where there are only n, each counts K / n: the
    paper draws duplicates at random, which is that in the mean.

    Args:
      per_class: K, at least 1. A rule for a pool [N, C]; a batch has few of a class.

    Source: Xie et al. 2019 (Noisy Student), arXiv 1911.04252, section 2.
    """
    if per_class < 1:
        raise InputError(f'per_class is {per_class}; give at least 1.')

    def update(targets, state, evidence):
        del evidence
        require_distribution('balance', targets)
        rows, classes = targets.value.shape
        best, guess = targets.value.max(-1), targets.value.argmax(-1)
        guess = jnp.where(targets.weight > 0, guess, classes)  # the others, last
        count = jnp.zeros(classes + 1, jnp.int32).at[guess].add(1)
        first = jnp.cumsum(count) - count
        order = jnp.lexsort((-best, guess))
        place = jnp.zeros(rows, jnp.int32).at[order].set(jnp.arange(rows))
        kept = (place - first[guess] < per_class) & (guess < classes)
        share = per_class / jnp.clip(count, 1, per_class)
        weight = jnp.where(kept, share[guess], 0.0)
        return targets._replace(weight=times(targets.weight, weight)), state

    return TargetRule(lambda targets: (), update)
