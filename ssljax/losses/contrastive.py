"""Losses over pairs of a batch: scalars, since no example stands alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.losses.classification import cross_entropy
from ssljax.losses.reduce import masked_mean


def nt_xent(a: Array, b: Array, *, temperature: float = 0.5) -> Array:
    r"""Normalised temperature cross-entropy between two views of a batch.

    Row i of ``a`` must find row i of ``b`` among all rows of ``b`` and all other rows
    of ``a``, by cosine similarity over ``temperature``; and the other way round. The
    two directions are summed, as in the SimCLR code. Inside ``jax.shard_map`` the rows
    are those of all devices.

    Args:
      a: [B, D] float, embeddings of one view; normalised here.
      b: [B, D] float, of the other.
      temperature: > 0.

    Returns:
      float32 [], a batch statistic.

    Raises:
      InputError: if the shapes differ.

    Source: Chen et al. 2020, arXiv 2002.05709; SimCLRv2, arXiv 2006.10029.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise InputError(f'a is {a.shape} and b is {b.shape}; both must be [B, D].')
    a, b = unit(a), unit(b)
    all_a, all_b = shards.gather((a, b))
    own = shards.row_numbers(a.shape[0], like=a)
    itself = own[:, None] == jnp.arange(all_a.shape[0])[None]

    def similarity(x, y):
        # Accelerators round the factors of a plain product to 8 or 11 bits.
        return jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)

    def direction(x, all_x, all_y):
        across = similarity(x, all_y)  # [B, B], or this device's rows of it
        among = jnp.where(itself, -1e9, similarity(x, all_x))
        logits = jnp.concatenate([across, among], axis=1) / temperature
        return masked_mean(cross_entropy(logits, own))

    return direction(a, all_a, all_b) + direction(b, all_b, all_a)


def barlow_twins(
    a: Array, b: Array, *, redundancy: float = 5e-3, unbiased: bool = False
) -> Array:
    r"""Features of two views are alike, each with itself and with no other one.

    .. math:: \ell = \sum_i (c_{ii} - 1)^2 + \lambda \sum_{i \ne j} c_{ij}^2, \quad
        c = \frac1B \hat a^T \hat b

    with every feature less its mean over the batch, over its deviation. Inside
    ``jax.shard_map`` the rows are those of all devices.

    Args:
      a: [B, D] float, features of one view.
      b: [B, D] float, of the other.
      redundancy: lambda.
      unbiased: whether deviations are of B - 1, as in POST.

    Returns:
      float32 [], a batch statistic.

    Raises:
      InputError: if the shapes differ.

    Source: Zbontar et al. 2021, arXiv 2103.03230; POST, arXiv 2308.13954.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise InputError(f'a is {a.shape} and b is {b.shape}; both must be [B, D].')
    a, b = shards.gather((a, b))

    def standard(x):
        x = jnp.asarray(x, jnp.float32)
        x = x - x.mean(0, keepdims=True)
        count = max(len(x) - unbiased, 1)
        variance = jnp.sum(x**2, axis=0, keepdims=True) / count
        return x / jnp.sqrt(jnp.maximum(variance, 1e-12))

    alike = jnp.matmul(
        standard(a).T, standard(b), precision=jax.lax.Precision.HIGHEST
    ) / len(a)
    itself = jnp.eye(len(alike), dtype=bool)
    return jnp.sum(jnp.where(itself, (alike - 1) ** 2, redundancy * alike**2))


def unit(x: Array) -> Array:
    """Rows [..., D] of length 1, float32."""
    x = jnp.asarray(x, jnp.float32)
    # The guard is inside the root: its gradient at the zero vector stays finite.
    square = jnp.sum(x**2, axis=-1, keepdims=True)
    return x / jnp.sqrt(jnp.maximum(square, 1e-12))
