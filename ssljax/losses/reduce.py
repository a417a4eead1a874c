"""The one place where a loss is divided."""

from __future__ import annotations

import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError


def masked_mean(
    x: Array,
    weight: Array | None = None,
    *,
    over: str | float = 'all',
    valid: Array | None = None,
) -> Array:
    r"""Weighted sum of a loss over a divisor that is said aloud.

    .. math:: \frac{1}{n}\sum_i w_i v_i x_i

    What ``n`` is decides the effective weight of a loss, and official codes differ:
    FixMatch divides by the whole unlabelled batch ('all'), UDA's labelled loss by the
    rows kept ('kept'), UniMatch by the valid pixels ('valid'). Inside ``jax.shard_map``
    both sums are over the rows of all devices.

    Args:
      x: [...] losses, any float type; reduced in float32.
      weight: [...] or leading axes of ``x``, >= 0; None is 1 everywhere. A site of
        weight 0 adds exactly 0, also where ``x`` is not finite.
      over: the divisor: 'all' every site; 'kept' the sum of the weights; 'valid' the
        sum of ``valid``; or a number > 0. A sum of 0 gives 0, not NaN.
      valid: [...] or leading axes of ``x``, 0 or 1: the sites that exist (padding,
        ignored labels); applied whatever ``over`` is.

    Returns:
      float32 [].

    Raises:
      InputError: if a weight does not fit, or ``over`` needs what was not given.
    """
    x = jnp.asarray(x, jnp.float32)
    weight = _fit('weight', weight, x)
    if valid is not None:
        valid = _fit('valid', valid, x)
        weight = weight * valid
    # All alike, so that a weight of 1 everywhere is counted on every device.
    x, weight = shards.spread((x, weight), like=(x, weight))
    # 0 * inf is NaN, in value and in gradient. Finite losses stay in the product, so
    # that weights can be learned from 0 (Ren et al. 2018).
    hidden = (weight == 0) & ~jnp.isfinite(x)
    total = shards.total(jnp.sum(jnp.where(hidden, 0.0, x) * weight))
    if over == 'all':
        return total / max(x.size * shards.count(x), 1)
    if over == 'kept':
        divisor = shards.total(jnp.sum(weight))
    elif over == 'valid':
        if valid is None:
            raise InputError("over is 'valid' but no valid was given; pass valid=.")
        divisor = shards.total(jnp.sum(shards.spread(valid, like=x)))
    elif isinstance(over, str):
        raise InputError(f"over is {over!r}; give 'all', 'kept', 'valid' or a number.")
    else:
        divisor = jnp.asarray(over, jnp.float32)
    return jnp.where(divisor > 0, total / jnp.where(divisor > 0, divisor, 1.0), 0.0)


def _fit(name: str, weight: Array | None, x: Array) -> Array:
    """Weights as float32 of the shape of ``x``, from its leading axes."""
    if weight is None:
        return jnp.ones(x.shape, jnp.float32)
    weight = jnp.asarray(weight, jnp.float32)
    if weight.shape != x.shape[: weight.ndim]:
        raise InputError(
            f'{name} has shape {weight.shape} and x {x.shape}; {name} must have '
            'the leading axes of x.'
        )
    trailing = (1,) * (x.ndim - weight.ndim)
    return jnp.broadcast_to(weight.reshape(weight.shape + trailing), x.shape)
