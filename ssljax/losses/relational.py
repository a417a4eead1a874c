"""Relations between rows of a batch: a student's features lie as its teacher's do.

Widths may differ, since only distances and angles are compared. Both losses are batch
statistics: inside ``jax.shard_map`` the rows are those of all devices.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.losses.contrastive import unit
from ssljax.losses.reduce import masked_mean


def relational_distance(features: Array, teacher_features: Array) -> Array:
    r"""Distances of all pairs, each network's over their mean.

    .. math:: \ell = \frac1{B^2} \sum_{ij} \mathrm{huber}\Big(
        \frac{\|s_i - s_j\|}{\mu_s} - \frac{\|t_i - t_j\|}{\mu_t}\Big)

    with the mean mu over pairs of two rows; the student's is differentiated too. RKD
    gives it weight 25.

    Args:
      features: s, [B, D] float, the student's.
      teacher_features: t, [B, D'] float; stopped.

    Returns:
      float32 [], a batch statistic.

    Raises:
      InputError: if these are not [B, D] and [B, D'].

    Source: Park et al. 2019 (RKD), arXiv 1904.05068; mdistiller.
    """
    ours, theirs = _pair(features, teacher_features)
    apart = optax.losses.huber_loss(_distances(ours), _distances(theirs))
    return masked_mean(jnp.mean(apart, axis=1))


def relational_angle(features: Array, teacher_features: Array) -> Array:
    r"""Angles of all triples: the cosine at row i between the ways to j and to k.

    .. math:: \ell = \frac1{B^3} \sum_{ijk} \mathrm{huber}\big(\cos\angle(s_j, s_i, s_k)
        - \cos\angle(t_j, t_i, t_k)\big)

    B^3 numbers are kept for the gradient. RKD gives it weight 50.

    Args:
      features: s, [B, D] float, the student's.
      teacher_features: t, [B, D'] float; stopped.

    Returns:
      float32 [], a batch statistic.

    Raises:
      InputError: if these are not [B, D] and [B, D'].

    Source: Park et al. 2019 (RKD), arXiv 1904.05068; mdistiller.
    """
    ours, theirs = _pair(features, teacher_features)
    apart = optax.losses.huber_loss(_angles(ours), _angles(theirs))
    return masked_mean(jnp.mean(apart, axis=(1, 2)))


def _distances(x: Array) -> Array:
    """Distances [B, B] over their mean, or this device's rows of them."""
    others = shards.gather(x)
    square = jnp.sum((x[:, None] - others[None]) ** 2, axis=-1)
    own = shards.row_numbers(len(x), like=x)
    itself = own[:, None] == jnp.arange(len(others))[None]
    # The guard is inside the root: the gradient of twins stays finite.
    distance = jnp.where(itself, 0.0, jnp.sqrt(jnp.maximum(square, 1e-12)))
    pairs = max(len(others) * (len(others) - 1), 1)
    mean = shards.total(distance.sum()) / pairs
    return distance / jnp.maximum(mean, 1e-12)


def _angles(x: Array) -> Array:
    """Cosines [B, B, B], the first axis the corner, or this device's corners."""
    ways = unit(shards.gather(x)[None] - x[:, None])
    # Accelerators round the factors of a plain product to 8 or 11 bits.
    exact = jax.lax.Precision.HIGHEST
    return jnp.einsum('ijd,ikd->ijk', ways, ways, precision=exact)


def _pair(features, teacher_features):
    """Both in float32, the teacher's stopped."""
    ours, theirs = (jnp.asarray(x, jnp.float32) for x in (features, teacher_features))
    if ours.ndim != 2 or theirs.ndim != 2 or len(ours) != len(theirs):
        raise InputError(
            f'features is {ours.shape} and teacher_features {theirs.shape}; give '
            '[B, D] of the same rows, each at its own width.'
        )
    return ours, jax.lax.stop_gradient(theirs)
