"""What a confident answer says of its class, and of the classes that it excludes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError
from ssljax.losses.classification import cross_entropy
from ssljax.losses.reduce import masked_mean


def confident_pair(
    logits: Array,
    target_logits: Array,
    *,
    threshold: float = 0.65,
    lowest: float = 0.1,
) -> dict[str, Array]:
    r"""Draws to the best class of sure answers, and away from those they rule out.

    .. math:: \ell_+ = \mathrm{mean}_{\max q \ge \tau} \max q\,(-\log p_y), \quad
        \ell_- = \mathrm{mean}_{\min q < \nu} \min q \sum_{c \ne y} -\log(1 - p_c)

    with y the best class of the target q. With more than two classes the second is also
    divided by C, as in the official code.

    Args:
      logits: [..., C] float, p their softmax.
      target_logits: [..., C] float of the other network, q their softmax; stopped here.
      threshold: tau in [0, 1].
      lowest: nu in [0, 1].

    Returns:
      'positive' and 'negative', float32 [] each, means over the sites of all devices
      that qualify; 0 where none do.

    Raises:
      InputError: if the shapes differ.

    Source: Liu et al. 2022 (TraCoCo), arXiv 2203.14523: CBC. Its code for several
    classes also draws away from the best one, by a bitwise complement.
    """
    if logits.shape != target_logits.shape:
        raise InputError(
            f'logits is {logits.shape} and target_logits {target_logits.shape}; give '
            'answers on the same sites.'
        )
    probs = jax.nn.softmax(jnp.asarray(logits, jnp.float32))
    target = jax.lax.stop_gradient(
        jax.nn.softmax(jnp.asarray(target_logits, jnp.float32))
    )
    classes, best = target.shape[-1], jnp.argmax(target, axis=-1)
    high, low = target.max(-1), target.min(-1)
    excluded = 1 - jax.nn.one_hot(best, classes)
    away = -jnp.sum(excluded * jnp.log(jnp.maximum(1 - probs, 1e-7)), axis=-1)
    away = away / (classes if classes > 2 else 1)
    drawn = high * cross_entropy(logits, best)
    return {
        'positive': masked_mean(drawn, high >= threshold, over='kept'),
        'negative': masked_mean(low * away, low < lowest, over='kept'),
    }
