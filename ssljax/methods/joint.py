"""Several views in one forward pass: how their rows are joined, and split again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import PyTree


def join(views: Sequence[PyTree]) -> PyTree:
    """Joins the rows of several views, in turns.

    Of ``[2, ...]`` and ``[4, ...]`` it takes 1 and 2 rows, then 1 and 2 again: as many
    turns as all row counts share. So a device that holds its part of each view holds
    its part of what they are joined to, in the same order on any number of devices;
    one view after the other would make most rows travel.

    Args:
      views: pytrees of one structure, [rows, ...]; the rows may differ.

    Returns:
      The pytree of [sum of rows, ...].
    """
    turns = math.gcd(*_rows(views))

    def leaf(*parts):
        dealt = [x.reshape(turns, -1, *x.shape[1:]) for x in parts]
        joined = jnp.concatenate(dealt, axis=1)
        return joined.reshape(-1, *joined.shape[2:])

    return jax.tree.map(leaf, *views)


def split(joined: PyTree, like: Sequence[PyTree]) -> list[PyTree]:
    """Splits what is, row by row, of views that were joined.

    Args:
      joined: pytree of [sum of rows, ...].
      like: the views that were joined.

    Returns:
      A pytree of [rows, ...] for each of them.
    """
    rows = _rows(like)
    turns = math.gcd(*rows)

    def part(i):
        start = sum(rows[:i]) // turns

        def leaf(x):
            x = x.reshape(turns, -1, *x.shape[1:])[:, start : start + rows[i] // turns]
            return x.reshape(-1, *x.shape[2:])

        return jax.tree.map(leaf, joined)

    return [part(i) for i in range(len(rows))]


def _rows(views: Sequence[PyTree]) -> list[int]:
    return [jax.tree.leaves(view)[0].shape[0] for view in views]
