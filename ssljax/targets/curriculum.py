"""FlexMatch's curriculum: classes that are learned well get higher thresholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from ssljax import shards
from ssljax.contracts import Array, InputError, TargetRule
from ssljax.targets.rules import (
    require_distribution,
    require_probability,
    times,
)

UNSEEN = -1  # not yet confident
OUTSIDE = -2  # a row of the source that is not among the unlabelled


def convex(beta: Array) -> Array:
    r"""Maps learning status to a share of the threshold: :math:`\beta/(2-\beta)`."""
    return beta / (2 - beta)


def curriculum(
    tau: float,
    rows: int | Any,
    *,
    warmup: bool = True,
    mapping: Callable[[Array], Array] = convex,
) -> TargetRule:
    r"""Keeps rows whose highest probability reaches their class's own threshold.

    .. math:: \sigma_c = |\{i : \hat y_i = c\}|, \quad
        \beta_c = \sigma_c / \max(\max_k \sigma_k, |\{i\ \mathrm{unseen}\}|), \quad
        w \leftarrow w\,[\max q \ge \tau\, M(\beta_{\arg\max q})]

    A table holds for each unlabelled row the class that it was last given with a
    confidence of ``tau`` (not of its class's threshold). The weights are those of the
    table before this batch enters it. Of a row that occurs twice in a batch, the last
    one counts.

    Args:
      tau: in [0, 1].
      rows: N, if the unlabelled stream draws from rows 0 to N-1 of its source; else
        those rows [n] int. ``evidence.index`` is of them; others are not counted.
      warmup: whether unseen rows hold the thresholds down; False divides by the largest
        count alone.
      mapping: M from [0, 1] to [0, 1], increasing.

    Source: Zhang et al. 2021 (FlexMatch), arXiv 2110.08263, eqs. 5, 6 and 11.
    """
    require_probability('tau', tau)
    start = _table(rows)

    def init(targets):
        del targets
        return jnp.asarray(start)

    def update(targets, table, evidence):
        require_distribution('curriculum', targets)
        if evidence.index is None or targets.value.ndim != 2:
            raise InputError(
                'curriculum needs evidence.index and one distribution a row [U, C]; '
                f'found index {evidence.index} and shape {targets.value.shape}.'
            )
        size, classes = table.shape[0], targets.value.shape[-1]
        best, guess = targets.value.max(-1), targets.value.argmax(-1)
        beta = status(table, classes, warmup)
        kept = best >= tau * mapping(beta)[guess]

        known = (best >= tau) & (evidence.index >= 0)
        place = jnp.where(known, evidence.index, size)  # dropped; -1 is the last row
        # The table has to hear of the rows on other devices, too: in one message.
        place, guess = shards.gather(jnp.stack([place, guess], axis=1)).T
        last = jnp.full(size, -1).at[place].max(jnp.arange(len(place)), mode='drop')
        new = jnp.where(last >= 0, guess[last].astype(table.dtype), table)
        new = jnp.where(table == OUTSIDE, OUTSIDE, new)
        return targets._replace(weight=times(targets.weight, kept)), new

    return TargetRule(init, update)


def status(table: Array, classes: int, warmup: bool = True) -> Array:
    """Returns how well each class is learned, beta [C] float32 in [0, 1].

    Args:
      table: [N] int32, the state of ``curriculum``.
      classes: C.
      warmup: as in ``curriculum``.
    """
    # Out of range, so that nothing is added: the unseen and those outside.
    place = jnp.where(table >= 0, table, classes)
    counts = jnp.zeros(classes).at[place].add(1.0, mode='drop')
    most = counts.max()
    if warmup:
        most = jnp.maximum(most, jnp.sum(table == UNSEEN))
    return counts / jnp.maximum(most, 1)


def _table(rows: int | Any) -> np.ndarray:
    """[N] int32, of which ``rows`` are unseen and the others outside."""
    rows = np.arange(rows) if isinstance(rows, int) else np.asarray(rows)
    if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in 'iu' or rows.min() < 0:
        raise InputError(
            f'rows has shape {rows.shape} and type {rows.dtype}; give the number of '
            'unlabelled rows, or which rows of the source they are.'
        )
    table = np.full(rows.max() + 1, OUTSIDE, np.int32)
    table[rows] = UNSEEN
    return table
