"""Regions of an image or a volume, and filling them from another one.

A region is [B, *S] bool, S spatial axes. Fields are as in ``ssljax.views.mixing``,
which has the boxes of CutMix and UniMatch and the mixing of rows of one batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, Example, InputError
from ssljax.views.mixing import box


def filled(
    fields: Mapping[str, Array], others: Mapping[str, Array], region: Array
) -> Example:
    """Returns the fields of one batch, in a region those of another one.

    Args:
      fields: [B, *S, ...] images, masks, confidences.
      others: the same of the batch that is seen in the region.
      region: [B, *S] bool, or [1, *S] for all rows.
    """

    def one(x, other):
        return jnp.where(
            region.reshape(region.shape + (1,) * (x.ndim - region.ndim)), other, x
        )

    return {name: one(x, others[name]) for name, x in fields.items()}


def one_box(key: Array, shape: tuple[int, ...], *, share: float = 2 / 3) -> Array:
    """Returns a box of fixed sides for a whole batch: bidirectional copy-paste's.

    It never touches the far borders, as in the official code.

    Args:
      key: consumed.
      shape: S, of any number of axes.
      share: of each side, rounded down, in (0, 1).

    Returns:
      [1, *S] bool, true inside the box, where BCP's mask is 0.

    Raises:
      InputError: for another share.

    Source: Bai et al. 2023 (BCP), arXiv 2305.00673, equation 1 and ``generate_mask``.
    """
    if not 0 < share < 1:
        raise InputError(f'share is {share}; give a number in (0, 1).')
    sides = jnp.array([int(share * length) for length in shape])
    whole = jnp.array(shape)
    start = jax.random.randint(key, whole.shape, 0, whole - sides)
    return box((start / whole)[None], (sides / whole)[None], shape)


def columns(
    key: Array, rows: int, shape: tuple[int, ...], *, alpha: float = 4.0
) -> Array:
    r"""Returns boxes in the last two axes, through all slices of a volume.

    All have the sides :math:`\sqrt{1 - \lambda}`, one lambda ~ Beta(alpha, alpha) a
    batch, before they are clipped; their centres lie from an eighth of each side on.

    Args:
      key: consumed.
      rows: B.
      shape: S, of 2 or 3 axes.
      alpha: > 0.

    Returns:
      [B, *S] bool, true inside a row's box.

    Raises:
      InputError: for another alpha.

    Source: Liu et al. 2022 (TraCoCo), arXiv 2203.14523, 3D CutMix.
    """
    if not alpha > 0:
        raise InputError(f'alpha is {alpha}; give a number above 0.')
    size_key, place_key = jax.random.split(key)
    side = jnp.sqrt(1 - jax.random.beta(size_key, alpha, alpha))
    centre = jax.random.uniform(place_key, (rows, 2), minval=1 / 8)
    flat = box(centre - side / 2, jnp.full((rows, 2), side), shape[-2:])
    between = (1,) * (len(shape) - 2)
    return jnp.broadcast_to(flat.reshape(rows, *between, *shape[-2:]), (rows, *shape))


def surer_cubes(own: Array, other: Array, side: int) -> Array:
    """Returns the cubes in which the other one is less uncertain, on average.

    Args:
      own: [B, *S] float32, uncertainty at each pixel.
      other: likewise.
      side: of the cubes, in pixels, dividing every length of S.

    Returns:
      [B, *S] bool.

    Raises:
      InputError: if the side does not divide one of them.

    Source: after UCF-Mix of CFC-Net (2025), arXiv 2504.11856, whose abstract is all
    that is public.
    """
    shape = own.shape[1:]
    if side < 1 or any(length % side for length in shape):
        raise InputError(f'side is {side} on {shape}; give a divisor of all of them.')
    split = [n for length in shape for n in (length // side, side)]
    inner = tuple(range(2, 1 + len(split), 2))
    gain = (own - other).reshape(len(own), *split).mean(inner)
    for axis in range(1, gain.ndim):
        gain = jnp.repeat(gain, side, axis)
    return gain > 0
