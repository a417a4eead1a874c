"""Norm and direction: features grow long, towards the teacher's mean of their class."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.losses.contrastive import unit


def norm_direction(
    features: Array, teacher_features: Array, class_means: Array, label: Array
) -> Array:
    r"""Rewards the length of the student's feature along its class's direction.

    .. math:: \ell = 1 - \frac{\langle e_s, u_y\rangle}{\max(\|e_s\|, \|e_t\|)},
        \quad u_c = \mu_c / \|\mu_c\|

    While the student's feature is shorter than the teacher's, it is drawn out; once it
    is longer, only its angle counts.

    Args:
      features: e_s, [B, D] float, the student's, at the teacher's width.
      teacher_features: e_t, [B, D] float; stopped.
      class_means: mu, [C, D] float, the teacher's (``class_means``); stopped.
      label: y, [B] int in [0, C); without labels, the teacher's answer.

    Returns:
      float32 [B], in [0, 2].

    Raises:
      InputError: if the shapes do not fit.

    Source: Wang et al. 2023 (KD++), arXiv 2305.17007.
    """
    ours = jnp.asarray(features, jnp.float32)
    theirs, means = (
        jax.lax.stop_gradient(jnp.asarray(x, jnp.float32))
        for x in (teacher_features, class_means)
    )
    if ours.shape != theirs.shape or ours.shape[1:] != means.shape[1:]:
        raise InputError(
            f'features is {ours.shape}, teacher_features {theirs.shape} and '
            f'class_means {means.shape}; give [B, D] twice and [C, D], the '
            "student's by a layer that is trained."
        )
    along = jnp.sum(ours * unit(means)[label], axis=-1)
    return 1 - along / jnp.maximum(_length(ours), _length(theirs))


def class_means(
    features: Array, label: Array, num_classes: int, weight: Array | None = None
) -> Array:
    """Mean features of each class, of a whole set and once: the teacher's are fixed.

    Args:
      features: [N, D] float.
      label: [N] int; a row of any id outside of [0, num_classes) is left out.
      num_classes: C.
      weight: [N], at least 0; None is 1.

    Returns:
      float32 [C, D]; 0 for a class without rows. Inside ``jax.shard_map`` the rows are
      those of all devices.
    """
    ids = jnp.arange(num_classes)
    share = jnp.asarray(label[None] == ids[:, None], jnp.float32)
    if weight is not None:
        share = share * jnp.asarray(weight, jnp.float32)[None]
    features = jnp.asarray(features, jnp.float32)
    total = shards.total(
        jnp.matmul(share, features, precision=jax.lax.Precision.HIGHEST)
    )
    count = shards.total(share.sum(1))[:, None]
    return jnp.where(count > 0, total / jnp.where(count > 0, count, 1.0), 0.0)


def _length(x: Array) -> Array:
    # The guard is inside the root: its gradient at the zero vector stays finite.
    return jnp.sqrt(jnp.maximum(jnp.sum(x**2, axis=-1), 1e-12))
