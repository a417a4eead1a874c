"""Colours: functions of one image, ``(image, magnitude) -> image``, in floats.

An image is [H, W, channels] float in [0, 1], of three channels or any other number;
results are clipped to [0, 1]. They differ from Pillow's by at most one grey level of
256, because these do not round; ``operations`` has those that do.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array
from ssljax.views import levels
from ssljax.views.rows import literal

_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2


def luma(image: Array) -> Array:
    """Returns the brightness [H, W, 1]; of other than three channels, their mean."""
    if image.shape[-1] == 3:
        weights = literal(_LUMA, image.dtype)[None, None, :]
        return jnp.sum(image * weights, axis=-1, keepdims=True)
    return jnp.mean(image, axis=-1, keepdims=True)


def brightness(image: Array, factor: Array | float) -> Array:
    """Scales towards black: 0 is black, 1 the image."""
    return jnp.clip(image * factor, 0, 1)


def contrast(image: Array, factor: Array | float) -> Array:
    """Scales about the mean brightness: 0 is its grey, 1 the image."""
    return _mixed(jnp.mean(luma(image)), image, factor)


def saturation(image: Array, factor: Array | float) -> Array:
    """Scales about each pixel's brightness: 0 is a grey image, 1 the image."""
    return _mixed(luma(image), image, factor)


def sharpness(image: Array, factor: Array | float) -> Array:
    """Scales about the smoothed image: 0 is smooth, 1 the image, 2 sharpened."""
    smooth = jnp.moveaxis(levels.smooth(jnp.moveaxis(image, -1, 0), whole=False), 0, -1)
    return _mixed(smooth, image, factor)


def hue(image: Array, shift: Array | float) -> Array:
    """Turns the colours, three channels, round the hexagon of HSV.

    Pillow's HSV has 256 hues and saturations, so that its results are off by several
    levels; these are exact.

    Args:
      image: [H, W, 3] float in [0, 1].
      shift: in turns; -1/3 makes red blue.
    """
    if image.shape[-1] != 3:
        return image
    h, s, v = hsv(image)
    return rgb(h + shift, s, v)


def hsv(image: Array) -> tuple[Array, Array, Array]:
    """Returns hue in turns, saturation and value, [H, W] each, of [H, W, 3]."""
    r, g, b = image[..., 0], image[..., 1], image[..., 2]
    value = jnp.maximum(jnp.maximum(r, g), b)
    chroma = value - jnp.minimum(jnp.minimum(r, g), b)
    unit = jnp.where(chroma > 0, chroma, 1)
    sixths = jnp.where(
        value == r,
        (g - b) / unit,
        jnp.where(value == g, 2 + (b - r) / unit, 4 + (r - g) / unit),
    )
    turns = jnp.where(chroma > 0, (sixths / 6) % 1.0, 0.0)
    return turns, chroma / jnp.where(value > 0, value, 1), value


def rgb(h: Array, s: Array, v: Array) -> Array:
    """Returns [H, W, 3] of hue in turns, saturation and value, [H, W] each."""

    def channel(n):
        k = (n + 6 * h) % 6
        return v * (1 - s * jnp.clip(jnp.minimum(k, 4 - k), 0, 1))

    return jnp.stack([channel(5), channel(3), channel(1)], axis=-1)


def autocontrast(image: Array) -> Array:
    """Stretches each channel to [0, 1]; one of a single value stays."""
    low = jnp.min(image, axis=(0, 1), keepdims=True)
    width = jnp.max(image, axis=(0, 1), keepdims=True) - low
    return jnp.where(width > 0, (image - low) / jnp.where(width > 0, width, 1), image)


def equalize(image: Array) -> Array:
    """Flattens each channel's histogram, on 256 levels as Pillow does."""
    pixels = levels.planes(image)
    table = levels.equalize(levels.counts(pixels))
    return levels.image(levels.look_up(table, pixels)).astype(image.dtype)


def posterize(image: Array, bits: Array | float) -> Array:
    """Keeps the upper bits of 8: the whole part of ``bits`` in [1, 8]."""
    unit = 2.0 ** (8 - jnp.floor(bits))
    # A level's float may fall just short of it.
    return jnp.floor((image * 255 + 1e-3) / unit) * unit / 255


def solarize(image: Array, threshold: Array | float) -> Array:
    """Inverts what is at least the threshold in [0, 1]."""
    # A level's float may fall just short of it.
    return jnp.where(image < threshold - 1e-6, image, 1 - image)


def invert(image: Array) -> Array:
    """The negative."""
    return 1 - image


def grayscale(image: Array) -> Array:
    """Each pixel's brightness in every channel."""
    return jnp.broadcast_to(luma(image), image.shape)


def gaussian_blur(image: Array, sigma: Array | float) -> Array:
    """Blurs by a Gaussian; the edge's pixels go on outside.

    Pillow approximates a Gaussian by three boxes; this is one, to 4 deviations.

    Args:
      image: [H, W, channels] float.
      sigma: standard deviation in pixels, > 0.
    """
    height, width, channels = image.shape
    down = _smear(height, sigma).astype(image.dtype)
    across = _smear(width, sigma).astype(image.dtype)
    # Products of matrices, because a filter's two passes would be fused into one of
    # all their taps, and because the size of a kernel can't depend on what is drawn.
    precision = jax.lax.Precision.HIGHEST
    rows = jnp.matmul(down, image.reshape(height, -1), precision=precision)
    rows = rows.reshape(height, width, channels)
    return jnp.einsum('hwc,vw->hvc', rows, across, precision=precision)


def _smear(length: int, sigma: Array | float) -> Array:
    """[length, length]: what each pixel takes from each; the edge goes on outside."""
    at = jnp.arange(length, dtype=jnp.float32)
    apart = (at[:, None] - at[None, :]) / sigma
    inner = jnp.where(jnp.abs(apart) <= 4, jnp.exp(-0.5 * apart**2), 0.0)
    # The share that lies beyond an edge is added to the edge, by the whole kernel.
    reach = jnp.arange(1, length + 1, dtype=jnp.float32)[None, :]
    beyond = []
    for distance in (at, length - 1 - at):
        away = (distance[:, None] + reach) / sigma
        beyond.append(jnp.sum(jnp.where(away <= 4, jnp.exp(-0.5 * away**2), 0), axis=1))
    whole = inner.at[:, 0].add(beyond[0]).at[:, -1].add(beyond[1])
    return whole / jnp.sum(whole, axis=1, keepdims=True)


def _mixed(degenerate: Array, image: Array, factor: Array | float) -> Array:
    return jnp.clip(degenerate + factor * (image - degenerate), 0, 1)
