"""FreeMatch's fairness: the student's answers may not drift to a few classes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array
from ssljax.losses.reduce import masked_mean


def fairness(logits: Array, weight: Array, probs: Array, histogram: Array) -> Array:
    r"""Self-adaptive fairness, a statistic of the batch.

    .. math:: \sum_c a_c \log b_c, \quad a \propto \tilde p / \tilde h, \quad
        b \propto \bar p / \bar h

    with the mean probability :math:`\bar p` and the histogram of arg-maxima
    :math:`\bar h` over the kept rows; a ratio to 0 is 0. Its sign is the official
    code's: minimising it makes the two distributions differ more.

    Args:
      logits: [U, C] float, of the strong view.
      weight: [U], 0 for rows that are not kept.
      probs: [C], the moving average of probabilities, not differentiated.
      histogram: [C], that of arg-maxima, not differentiated.

    Returns:
      float32 []; 0 if no row is kept.

    Source: Wang et al. 2022 (FreeMatch), arXiv 2205.07246, eq. 11.
    """
    answers = jax.nn.softmax(jnp.asarray(logits, jnp.float32))
    kept = (weight > 0).astype(jnp.float32)
    over = jax.vmap(lambda x: masked_mean(x, kept, over='kept'), in_axes=-1)
    hard = jax.nn.one_hot(answers.argmax(-1), answers.shape[-1])
    expected = _ratio(*jax.lax.stop_gradient((probs, histogram)))
    found = _ratio(over(answers), over(hard))
    terms = expected * jnp.log(found + 1e-12)
    return jnp.where(shards.total(kept.sum()) > 0, terms.sum(), 0.0)


def _ratio(a: Array, b: Array) -> Array:
    """``a / b`` with 0 where b is 0, made to sum to 1."""
    ratio = jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)
    total = ratio.sum()
    return ratio / jnp.where(total > 0, total, 1.0)
