"""Masks with mistakes, for an autoencoder that learns to mend them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, View
from ssljax.views import warp

_FAR = 1e6
_MOST = 4  # pixels, the largest disc


def damage_mask(
    num_classes: int, *, probability: float = 0.2, share: float = 0.1
) -> View:
    """Makes mistakes in ``mask`` and keeps the mask: they are in ``damaged``.

    Each with its own probability, in each slice by itself: pixels of the boundary
    change places with pixels 3 to 8 away; and one class at random is dilated, eroded,
    opened or closed by a disc of radius 1 to 4. Classes grow over the background only.
    A slice moves its pixels one way; the official code draws one for each.

    Args:
      num_classes: C, with the background, at least 2.
      probability: of either, in [0, 1].
      share: of the boundary's pixels that change places, in [0, 1].

    Returns:
      A view of ``mask`` [H, W] or [Z, H, W] integers that adds ``damaged``, the same
      shape and type.

    Source: Adiga et al. 2022/2024, arXiv 2203.05682 and 2310.16099, stage 1; the
    magnitudes are theirs.
    """
    if num_classes < 2:
        raise InputError(f'num_classes is {num_classes}; give at least 2.')
    warp.chance(probability)
    warp.chance(share)

    def view(key, example):
        mask = example['mask']
        slices = mask.reshape(-1, *mask.shape[-2:])
        keys = jax.random.split(key, len(slices))

        def one(key, mask):
            first, swap, second, morph = jax.random.split(key, 4)
            swapped = _swapped(swap, mask, share)
            on = jax.random.bernoulli(first, probability)
            mask = jnp.where(on, swapped, mask)
            changed = _morphed(morph, mask, num_classes)
            on = jax.random.bernoulli(second, probability)
            return jnp.where(on, changed, mask)

        damaged = jax.vmap(one)(keys, slices)
        return {**example, 'damaged': damaged.reshape(mask.shape)}

    return view


def _swapped(key: Array, mask: Array, share: float) -> Array:
    """Pixels of the boundary of [H, W] in the places of others, and these in theirs."""
    which, length, angle = jax.random.split(key, 3)
    edge = jnp.zeros(mask.shape, bool)
    for axis in (0, 1):
        for side in (1, -1):
            edge |= jnp.roll(mask, side, axis) != mask
    moved = edge & jax.random.bernoulli(which, share, mask.shape)
    turn = 2 * jnp.pi * jax.random.uniform(angle)
    far = jax.random.uniform(length, (), minval=3.0, maxval=8.0)
    by = jnp.round(far * jnp.stack([jnp.sin(turn), jnp.cos(turn)])).astype(jnp.int32)
    there, here = jnp.roll(mask, -by, (0, 1)), jnp.roll(mask, by, (0, 1))
    landed = jnp.roll(moved, by, (0, 1))
    return jnp.where(moved, there, jnp.where(landed, here, mask))


def _morphed(key: Array, mask: Array, num_classes: int) -> Array:
    """One class of [H, W] dilated, eroded, opened or closed."""
    class_key, way_key, size_key = jax.random.split(key, 3)
    number = jax.random.randint(class_key, (), 1, num_classes)
    way = jax.random.randint(way_key, (), 0, 4)
    radius = jax.random.randint(size_key, (), 1, _MOST + 1)
    own = mask == number
    grown, shrunk = dilated(own, radius), ~dilated(~own, radius)
    opened, closed = dilated(shrunk, radius), ~dilated(~grown, radius)
    new = jax.lax.select_n(way, grown, shrunk, opened, closed)
    label, background = jnp.asarray(number, mask.dtype), jnp.zeros((), mask.dtype)
    kept = jnp.where(own & ~new, background, mask)
    return jnp.where(new & (mask == 0), label, kept)


def dilated(region: Array, radius: Array | int) -> Array:
    """Returns what lies within a disc of a region [..., H, W] bool; radius up to 4.

    Outside the image there is nothing: a region that is eroded as the complement of a
    dilated complement keeps its pixels at the border.
    """
    squares: Array = jnp.where(region, 0.0, _FAR)
    for axis in (-2, -1):
        length = region.shape[axis]
        sides = [(0, 0)] * region.ndim
        sides[axis] = (_MOST, _MOST)
        wide = jnp.pad(squares, sides, constant_values=_FAR)
        taps = (
            jax.lax.slice_in_dim(wide, k, k + length, axis=axis) + (k - _MOST) ** 2
            for k in range(2 * _MOST + 1)
        )
        squares = next(taps)
        for tap in taps:
            squares = jnp.minimum(squares, tap)
    return squares <= jnp.asarray(radius, jnp.float32) ** 2
