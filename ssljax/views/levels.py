"""Images as Pillow has them: planes of 256 grey levels, their histograms and filters.

Channels come first here because a processor runs along the last axis, which then is a
row of pixels rather than three numbers.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array

_LEVELS = 256
_LUMA = (19595, 38470, 7471)  # ITU-R 601-2 in 1/65536, as in Pillow's convert('L')


def planes(image: Array) -> Array:
    """Returns [channels, H, W] uint8 of an image [H, W, channels], floats rounded."""
    if image.dtype != jnp.uint8:
        scaled = jnp.clip(image.astype(jnp.float32) * 255 + 0.5, 0, 255)
        image = scaled.astype(jnp.uint8)
    return jnp.moveaxis(image, -1, 0)


def image(levels: Array) -> Array:
    """Returns [H, W, channels] float32 in [0, 1] of planes in [0, 255]."""
    return jnp.moveaxis(levels, 0, -1).astype(jnp.float32) / 255


def counts(levels: Array) -> Array:
    """Returns the histograms [channels, 256] int32 of planes [channels, H, W] uint8."""
    channels = levels.shape[0]
    first = _LEVELS * jnp.arange(channels, dtype=jnp.int32)[:, None]
    where = (levels.reshape(channels, -1).astype(jnp.int32) + first).reshape(-1)
    found = jnp.zeros((channels * _LEVELS,), jnp.int32)
    found = found.at[where].add(1, mode='promise_in_bounds')
    return found.reshape(channels, _LEVELS)


def look_up(table: Array, levels: Array) -> Array:
    """Returns ``table[c, levels[c]]``, [channels, H, W] uint8.

    Args:
      table: [channels, 256], in [0, 255].
      levels: [channels, H, W] uint8.
    """
    take = jax.vmap(lambda row, at: row.at[at].get(mode='promise_in_bounds'))
    return take(table.astype(jnp.uint8), levels.astype(jnp.int32))


def autocontrast(levels: Array) -> Array:
    """Stretches each channel to [0, 255], rounding down; uint8."""
    low = jnp.min(levels, axis=(1, 2), keepdims=True).astype(jnp.float32)
    high = jnp.max(levels, axis=(1, 2), keepdims=True).astype(jnp.float32)
    x = levels.astype(jnp.float32)
    stretched = (x - low) * 255 / jnp.maximum(high - low, 1)
    return jnp.where(high > low, stretched, x).astype(jnp.uint8)


def equalize(histogram: Array) -> Array:
    """Flattens each channel's histogram, as Pillow does: [channels, 256] float32."""
    level = jnp.arange(_LEVELS, dtype=jnp.int32)[None, :]
    high = jnp.max(jnp.where(histogram > 0, level, 0), axis=1, keepdims=True)
    last = jnp.take_along_axis(histogram, high, axis=1)
    total = jnp.cumsum(histogram, axis=1)
    step = (total[:, -1:] - last) // 255
    # Whole numbers below 2^24, so that the quotient's floor is exact.
    below = (total - histogram + step // 2).astype(jnp.float32)
    flat = jnp.floor(below / jnp.maximum(step, 1).astype(jnp.float32))
    return jnp.where(step > 0, jnp.clip(flat, 0, 255), level.astype(jnp.float32))


def luma(levels: Array) -> Array:
    """Returns the brightness [H, W] float32, in whole levels.

    Of three channels ITU-R 601-2, as Pillow; of any other number their mean.
    """
    if levels.shape[0] == 3:
        whole = levels.astype(jnp.int32)
        total = sum(w * plane for w, plane in zip(_LUMA, whole, strict=True))
        return ((total + 0x8000) >> 16).astype(jnp.float32)
    return jnp.floor(jnp.mean(levels.astype(jnp.float32), axis=0) + 0.5)


def smooth(levels: Array, *, whole: bool = True) -> Array:
    """Pillow's SMOOTH: 3x3, 5 in the middle, 1 around, over 13; the frame as it is.

    Args:
      levels: [channels, H, W].
      whole: rounds to whole levels.
    """
    x = levels.astype(jnp.float32)
    rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    inner = (box + 4 * x[:, 1:-1, 1:-1]) / 13
    return _framed(x, jnp.floor(inner + 0.5) if whole else inner, 1)


def blur(levels: Array) -> Array:
    """Pillow's BLUR: the mean of the 16 pixels of a 5x5 ring; the frame as it is."""
    x = levels.astype(jnp.float32)
    # A 5x5 box less its 3x3 middle.
    rows = x[:, :-4] + x[:, 1:-3] + x[:, 2:-2] + x[:, 3:-1] + x[:, 4:]
    width = max(x.shape[2] - 4, 0)
    large = sum(rows[..., i : i + width] for i in range(5))
    rows = x[:, 1:-3] + x[:, 2:-2] + x[:, 3:-1]
    small = sum(rows[..., i : i + width] for i in (1, 2, 3))
    return _framed(x, jnp.floor((large - small) / 16 + 0.5), 2)


def _framed(x: Array, inner: Array, edge: int) -> Array:
    """``inner`` where a filter fits, and ``x`` along the edges."""
    height, width = x.shape[1:]
    if min(height, width) <= 2 * edge:
        return x
    row = jnp.arange(height)[:, None]
    column = jnp.arange(width)[None, :]
    inside = (row >= edge) & (row < height - edge)
    inside &= (column >= edge) & (column < width - edge)
    padded = jnp.pad(inner, ((0, 0), (edge, edge), (edge, edge)))
    return jnp.where(inside[None], padded, x)
