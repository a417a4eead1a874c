"""Which examples to ask about, when some of the answers will be wrong."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


class Robust(NamedTuple):
    """A solution of the game."""

    probs: Array  # [N] float32, by which to ask
    value: Array  # [] float32, the gain that is sure in expectation


def robust_distribution(gain: Array, wrong: int, *, least: int = 1) -> Robust:
    r"""Asks so that an adversary who spoils m answers spoils as little as possible.

    .. math:: \max_p \min_{|S| = m} \sum_{i \notin S} p_i g_i: \quad
        p_i = \frac{1 / g_i}{\sum_{j \le k} 1 / g_j} \;(i \le k), \quad
        k = \arg\max_k \frac{k - m}{\sum_{i \le k} 1 / g_i}

    with gains in falling order. Of those it asks about, the very best is asked for the
    least: it would be the first to be spoiled. With m = 0 it is asked for alone.

    Args:
      gain: g, [N] float, what a right answer is worth, such as one less the student's
        margin; below 1e-6 taken as 1e-6.
      wrong: m, how many answers may be wrong; the pool times the teacher's error.
      least: how many examples must be possible, such as the number that will be drawn
        without replacement.

    Raises:
      InputError: if not 0 <= wrong < N and 1 <= least <= N.

    Source: Baykal et al. 2023 (Robust Active Distillation), arXiv 2210.01213; the
    solution is re-derived and equals that of a linear programme.
    """
    rows = len(gain)
    if not 0 <= wrong < rows or not 1 <= least <= rows:
        raise InputError(
            f'wrong is {wrong} and least {least} of {rows} examples; give fewer wrong '
            'ones than there are, and from 1 to all of them that are possible.'
        )
    order = jnp.argsort(-gain)
    cost = 1 / jnp.maximum(jnp.asarray(gain, jnp.float32)[order], 1e-6)
    total = jnp.cumsum(cost)
    count = jnp.arange(1, rows + 1)
    value = (count - wrong) / total
    last = jnp.argmax(jnp.where(count >= max(least, wrong + 1), value, -jnp.inf))
    probs = jnp.where(count <= last + 1, cost, 0.0) / total[last]
    return Robust(jnp.zeros(rows).at[order].set(probs), value[last])


def sample_without_replacement(key: Array, probs: Array, count: int) -> Array:
    """Draws rows one after another, each by the probabilities of those left.

    The largest of log probabilities with Gumbel noise are such a sample.

    Args:
      key: PRNG key, consumed.
      probs: [N] float, at least 0, of any sum. Rows of 0 come last, in any order.
      count: from 0 to N.

    Returns:
      int32 [count], in the order drawn.

    Raises:
      InputError: if there are not ``count`` rows.

    Source: Vieira 2014; Kool et al. 2019, arXiv 1903.06059.
    """
    if not 0 <= count <= len(probs):
        raise InputError(f'count is {count}; there are {len(probs)} rows to draw from.')
    log_probs = jnp.log(jnp.maximum(probs, jnp.finfo(jnp.float32).tiny))
    noisy = log_probs + jax.random.gumbel(key, log_probs.shape)
    return jax.lax.top_k(noisy, count)[1].astype(jnp.int32)
