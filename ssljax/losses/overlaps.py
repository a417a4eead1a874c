"""Answers on two crops of one image, where both see the same pixels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array
from ssljax.losses.classification import entropy, kl_divergence


def overlap_agreement(a: Array, b: Array, seen: Array) -> tuple[Array, Array]:
    r"""How far two answers are apart, and how sure both are, where both see.

    .. math:: d = \mathrm{mean}\, \tfrac1C \mathrm{KL}(\mathrm{softmax}(b)\,\|\,
        \mathrm{softmax}(a)), \quad s = -\tfrac12\,\mathrm{mean}\,(H(a) + H(b))

    Both are taught. Lowering d alone is easiest with the same class everywhere;
    lowering s, too, makes answers less sure and keeps them from that.

    Args:
      a: [B, *S, C] float logits on the first crops.
      b: [B, *S, C] float logits on the others, brought to the same frame by
        ``views.overlap``.
      seen: [B, *S] bool, the sites that count.

    Returns:
      d and s, float32 [B] each; 0 where a row has no such sites.

    Source: Liu et al. 2022 (TraCoCo), arXiv 2203.14523. Its code bounds the logits and
    takes the softmax along an axis of the image.
    """
    over = tuple(range(1, seen.ndim))
    counts = jnp.sum(seen, axis=over, dtype=jnp.float32)

    def mean(x):
        return jnp.sum(jnp.where(seen, x, 0.0), axis=over) / jnp.maximum(counts, 1.0)

    apart = kl_divergence(a, jax.nn.softmax(jnp.asarray(b, jnp.float32)))
    return mean(apart) / a.shape[-1], -0.5 * mean(entropy(a) + entropy(b))
