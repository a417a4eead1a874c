"""Greedy k-centre: which points cover the others best."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


def k_centre(points: Array, start: Array, count: int) -> Array:
    r"""Chooses points one by one, each the farthest from all that came before.

    .. math:: i = \arg\max_i \min_{s \in S} \|x_i - x_s\|_2, \quad S \leftarrow S
        \cup \{i\}

    The largest distance left is at most twice the smallest that any choice could reach
    (Gonzalez 1985). In active learning the points are features (Sener & Savarese 2018)
    or predicted distributions (PCoreSet 2025), and the start is what is labelled.

    Args:
      points: [N, D] float.
      start: [K] int32, rows that are centres already; with none (K = 0) row 0 is the
        first choice.
      count: how many to choose, from 0 to N - K.

    Returns:
      [count] int32, rows in the order of their choice, none twice and none of
      ``start``. Of equal distances the lowest row wins.

    Raises:
      InputError: if there are not ``count`` points left to choose.

    Source: Sener & Savarese 2018, arXiv 1708.00489, algorithm 1.
    """
    left = points.shape[0] - start.shape[0]
    if not 0 <= count <= left:
        raise InputError(f'count is {count}; {left} points are left to choose from.')
    points = jnp.asarray(points, jnp.float32)

    def nearer(distance, row):
        """Squared distances [N] to the nearest centre, once ``row`` is one."""
        own = jnp.sum((points - points[row][None]) ** 2, axis=-1)
        # Below every distance, so that no centre is chosen again, not even of twins.
        return jnp.minimum(distance, own).at[row].set(-1.0)

    def pick(distance, _):
        row = jnp.argmax(distance).astype(jnp.int32)
        return nearer(distance, row), row

    distance = jnp.full(points.shape[:1], jnp.inf)
    start = jnp.asarray(start, jnp.int32)
    distance, _ = jax.lax.scan(lambda d, row: (nearer(d, row), None), distance, start)
    return jax.lax.scan(pick, distance, None, length=count)[1]
