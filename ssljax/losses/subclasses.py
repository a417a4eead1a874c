"""Classes that are made of subclasses: their targets, and their sums."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


def subclass_targets(probs: Array, scores: Array, *, temperature: float) -> Array:
    r"""Shares each class's probability among its subclasses.

    .. math:: T_{cs} = p_c\,\mathrm{softmax}_s(z_{cs} / \beta)

    ``cross_entropy(logits / T, targets)`` with these teaches a student of C S logits.

    Args:
      probs: p, [..., C] float, a teacher's at the temperature of the loss.
      scores: z, [..., C, S] float, such as ``solvers.subspaces.coordinates``.
      temperature: beta > 0, of the subclasses, in units of the scores.

    Returns:
      float32 [..., C S], stopped; the sums over s are p.

    Raises:
      InputError: if the classes differ.

    Source: LELP 2024, arXiv 2409.20449.
    """
    if scores.shape[:-1] != probs.shape:
        raise InputError(
            f'probs has shape {probs.shape} and scores {scores.shape}; give [..., C] '
            'and [..., C, S] of the same classes.'
        )
    within = jax.nn.softmax(jnp.asarray(scores, jnp.float32) / temperature)
    shares = jnp.asarray(probs, jnp.float32)[..., None] * within
    return jax.lax.stop_gradient(shares.reshape(*probs.shape[:-1], -1))


def class_logits(logits: Array, num_classes: int) -> Array:
    r"""Logits of classes, whose softmax is the sum of that of their subclasses.

    Args:
      logits: [..., C S] float, those of a class side by side.
      num_classes: C.

    Returns:
      float32 [..., C], :math:`\log \sum_s e^{u_{cs}}`.

    Raises:
      InputError: if the logits are not those of C classes alike.
    """
    if logits.shape[-1] % num_classes:
        raise InputError(
            f'logits has shape {logits.shape}; {num_classes} classes of as many '
            'subclasses each are to be its last axis.'
        )
    parts = jnp.asarray(logits, jnp.float32).reshape(
        *logits.shape[:-1], num_classes, -1
    )
    return jax.nn.logsumexp(parts, axis=-1)
