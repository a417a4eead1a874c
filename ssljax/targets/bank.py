"""A memory bank: embeddings that were seen, and what was known of them.

Either a queue of the last rows (CoMatch: ``push``) or a table with a place for each row
of a source (SimMatch: ``write``). An answer is smoothed by those of its neighbours in
the bank: ``smooth``. Inside ``jax.shard_map`` the rows of all devices enter, so that
the bank is the same on each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.losses.contrastive import unit


class Bank(NamedTuple):
    """State of a bank of Q rows."""

    features: Array  # [Q, D] float32, of length 1
    values: Array  # [Q, C] float32 distributions, or [Q] int32 labels
    seen: Array  # [Q] float32, 0 for a row that is still empty


def empty(rows: int, width: int, classes: int | None = None) -> Bank:
    """Returns a bank without entries.

    Args:
      rows: Q.
      width: D.
      classes: C of distributions; None for a bank of labels.
    """
    values = jnp.zeros(rows, jnp.int32)
    if classes is not None:
        values = jnp.zeros((rows, classes), jnp.float32)
    return Bank(jnp.zeros((rows, width), jnp.float32), values, jnp.zeros(rows))


def push(bank: Bank, features: Array, values: Array) -> Bank:
    """Returns the bank after new rows came in and as many of the oldest went out.

    Args:
      bank: a queue, the newest rows first.
      features: [n, D]; of more than Q the first ones stay.
      values: [n, C].
    """
    new = Bank(features, values, jnp.ones_like(features[:, 0], jnp.float32))
    new = shards.gather(new)
    return Bank(
        *(jnp.concatenate(pair)[: len(pair[1])] for pair in zip(new, bank, strict=True))
    )


def write(
    bank: Bank, place: Array, features: Array, values: Array, *, momentum: float = 0.0
) -> Bank:
    r"""Returns the bank after rows moved towards new embeddings, each at its place.

    .. math:: Z_i \leftarrow \mathrm{unit}(m Z_i + (1 - m) z_i)

    An empty row takes the embedding whole, a row that is there twice their mean.

    Args:
      bank: a table.
      place: [n] int32 in [0, Q); a row of any other number is left out.
      features: [n, D].
      values: [n] int32 labels.
      momentum: m in [0, 1).
    """
    rows = len(bank.seen)
    place, features, values = shards.gather((place, features, values))
    place = jnp.where(place >= 0, place, rows)  # dropped; -1 would be the last row
    count = jnp.zeros(rows).at[place].add(1.0, mode='drop')
    total = jnp.zeros_like(bank.features).at[place].add(features, mode='drop')
    mean = total / jnp.maximum(count, 1)[:, None]
    moved = unit(momentum * bank.features + (1 - momentum) * mean)
    return Bank(
        jnp.where(count[:, None] > 0, moved, bank.features),
        bank.values.at[place].set(values, mode='drop'),
        jnp.maximum(bank.seen, jnp.minimum(count, 1.0)),
    )


def places(rows: int | Any) -> tuple[int, Callable[[Array], Array]]:
    """Returns Q and the function from rows of a source to places in a table.

    Args:
      rows: the number of rows, if they are the first of the source, or which [Q] int
        they are. Any other row's place is Q, which ``write`` leaves out.

    Raises:
      InputError: if they are no row numbers.
    """
    known = np.unique(np.arange(rows) if isinstance(rows, int) else np.asarray(rows))
    if not len(known) or known.dtype.kind not in 'iu' or known.min() < 0:
        raise InputError(
            f'rows is {rows!r}; give the number of rows, or which rows of the source '
            'they are.'
        )

    def place(index: Array) -> Array:
        table = jnp.asarray(known, index.dtype)
        found = jnp.searchsorted(table, index).astype(jnp.int32)
        same = table[jnp.minimum(found, len(known) - 1)] == index
        return jnp.where(same, found, len(known))

    return len(known), place


def full(bank: Bank) -> Array:
    """Returns whether every row has an entry, bool []."""
    return jnp.all(bank.seen > 0)


def similarity(bank: Bank, features: Array, *, temperature: float) -> Array:
    """Returns what a softmax makes neighbours of: cosines over ``temperature``.

    Args:
      bank: of Q rows.
      features: [U, D] of length 1.
      temperature: > 0.

    Returns:
      Logits [U, Q] float32.
    """
    # Accelerators round the factors of a plain product to 8 or 11 bits.
    cosine = jnp.matmul(features, bank.features.T, precision=jax.lax.Precision.HIGHEST)
    return cosine / temperature


def smooth(bank: Bank, near: Array, probs: Array, *, keep: float) -> Array:
    r"""Mixes answers with what is known of their neighbours, once the bank is full.

    .. math:: \alpha p_i + (1 - \alpha) \textstyle\sum_j a_{ij} v_j

    Args:
      bank: of Q rows v, distributions or labels.
      near: a [U, Q], rows of sum 1: the softmax of ``similarity``.
      probs: p [U, C].
      keep: alpha in [0, 1].

    Returns:
      float32 [U, C]; p itself until the bank is full.

    Source: Li et al. 2020 (CoMatch), arXiv 2011.11183.
    """
    values = bank.values
    if values.ndim == 1:
        values = jax.nn.one_hot(values, probs.shape[-1])
    mixed = keep * probs + (1 - keep) * (near @ values)
    return jnp.where(full(bank), mixed, probs)


def unfold(bank: Bank, near: Array, probs: Array) -> Array:
    r"""Weighs neighbours by what the answer says of their class.

    .. math:: \tilde a_{ij} = a_{ij}\,p_{i, y_j} \big/ \textstyle\sum_k
        a_{ik}\,p_{i, y_k}

    Args:
      bank: of Q labels y.
      near: a [U, Q], rows of sum 1.
      probs: p [U, C].

    Returns:
      float32 [U, Q], rows of sum 1.

    Source: Zheng et al. 2022 (SimMatch), arXiv 2203.06915.
    """
    weighed = near * jnp.take(probs, bank.values, axis=-1)
    total = weighed.sum(-1, keepdims=True)
    return weighed / jnp.maximum(total, jnp.finfo(total.dtype).tiny)
