"""CoMatch's graphs: embeddings are as alike as their pseudo-labels are."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.losses.classification import cross_entropy
from ssljax.losses.reduce import masked_mean


def graph_contrastive(
    a: Array,
    b: Array,
    probs: Array,
    *,
    temperature: float = 0.2,
    threshold: float = 0.8,
) -> Array:
    r"""Cross-entropy from the graph of pseudo-labels to the graph of embeddings.

    .. math:: \ell = -\frac1U\sum_{ij} \hat W_{ij} \log\mathrm{softmax}_j
        \Big(\frac{a_i\cdot b_j}T\Big), \quad
        W_{ij} = p_i\cdot p_j\,[p_i\cdot p_j \ge \tau], \quad W_{ii} = 1

    with the rows of :math:`\hat W` summing to 1. Without a second row alike it is a
    contrastive loss of two views. Inside ``jax.shard_map`` the rows are those of all
    devices.

    Args:
      a: [U, D] float, embeddings of one view, of length 1.
      b: [U, D] float, of the other.
      probs: [U, C] float, pseudo-labels p; not differentiated.
      temperature: T > 0.
      threshold: tau; rows less alike have no edge.

    Returns:
      float32 [], a batch statistic.

    Raises:
      InputError: if the shapes do not fit.

    Source: Li et al. 2020 (CoMatch), arXiv 2011.11183.
    """
    if a.shape != b.shape or a.ndim != 2 or len(probs) != len(a):
        raise InputError(
            f'a is {a.shape}, b {b.shape} and probs {probs.shape}; give [U, D] twice '
            'and [U, C].'
        )
    probs = jax.lax.stop_gradient(probs)
    all_b, all_probs = shards.gather((b, probs))
    own = shards.row_numbers(len(a), like=a)
    itself = own[:, None] == jnp.arange(len(all_b))[None]
    # Accelerators round the factors of a plain product to 8 or 11 bits.
    exact = jax.lax.Precision.HIGHEST
    alike = jnp.matmul(probs, all_probs.T, precision=exact)
    alike = jnp.where(itself, 1.0, jnp.where(alike >= threshold, alike, 0.0))
    graph = alike / alike.sum(-1, keepdims=True)
    logits = jnp.matmul(a, all_b.T, precision=exact) / temperature
    return masked_mean(cross_entropy(logits, graph))
