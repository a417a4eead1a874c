"""Pillow's operations on planes of grey levels, to the level, for policies to draw.

An operation takes (pixels [channels, H, W] uint8, magnitude, place [2] in [0, 1)) and
returns pixels; magnitudes are in Pillow's units, translations and holes in shares of
the side. Those that move pixels are given by their matrix, so that labels in the image
can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from ssljax.contracts import Array
from ssljax.views import levels

Tone = Callable[[Array, Array, Array], Array]
"""``(pixels, magnitude, place) -> pixels``"""
Source = tuple[Array | float, ...]
"""``(a, b, c, d, e, f)``: the pixel at (x, y) is that of the image at
``(a x + b y + c, d x + e y + f)``, counted from its corner, as in Image.transform."""
Colour = tuple[int, int, int]
"""Red, green and blue in [0, 255]."""
STAY: Source = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def blend(degenerate: Array | float, pixels: Array, amount: Array) -> Array:
    """Image.blend: 0 is the degenerate image, 1 the pixels, beyond is more of them."""
    mixed = degenerate + amount * (pixels.astype(jnp.float32) - degenerate)
    return jnp.clip(mixed, 0, 255).astype(jnp.uint8)


def brightness(pixels: Array, amount: Array, place: Array) -> Array:
    """ImageEnhance.Brightness: from black."""
    return blend(0.0, pixels, amount)


def colour(pixels: Array, amount: Array, place: Array) -> Array:
    """ImageEnhance.Color: from the grey image."""
    return blend(levels.luma(pixels)[None], pixels, amount)


def contrast(pixels: Array, amount: Array, place: Array) -> Array:
    """ImageEnhance.Contrast: from the mean of the grey image, a whole level."""
    mean = jnp.floor(jnp.mean(levels.luma(pixels)) + 0.5)
    return blend(mean, pixels, amount)


def sharpness(pixels: Array, amount: Array, place: Array) -> Array:
    """ImageEnhance.Sharpness: from the smoothed image."""
    return blend(levels.smooth(pixels), pixels, amount)


def autocontrast(pixels: Array, magnitude: Array, place: Array) -> Array:
    """ImageOps.autocontrast."""
    return levels.autocontrast(pixels)


def equalize(pixels: Array, magnitude: Array, place: Array) -> Array:
    """ImageOps.equalize."""
    return levels.look_up(levels.equalize(levels.counts(pixels)), pixels)


def invert(pixels: Array, magnitude: Array, place: Array) -> Array:
    """ImageOps.invert."""
    return 255 - pixels


def posterize(pixels: Array, bits: Array, place: Array) -> Array:
    """ImageOps.posterize: keeps the upper bits, the whole part of [1, 8]."""
    away = 8 - jnp.clip(bits, 1, 8).astype(jnp.uint8)
    return (pixels >> away) << away


def solarize(pixels: Array, threshold: Array, place: Array) -> Array:
    """ImageOps.solarize: inverts what is at least the threshold."""
    return jnp.where(pixels.astype(jnp.float32) < threshold, pixels, 255 - pixels)


def identity(pixels: Array, magnitude: Array, place: Array) -> Array:
    """The pixels as they are."""
    return pixels


TONES: Mapping[str, Tone] = {
    'AutoContrast': autocontrast,
    'Brightness': brightness,
    'Color': colour,
    'Contrast': contrast,
    'Equalize': equalize,
    'Identity': identity,
    'Invert': invert,
    'Posterize': posterize,
    'Sharpness': sharpness,
    'Solarize': solarize,
}


def rotate(degrees: Array, size: tuple[int, int]) -> Source:
    """Image.rotate: against the clock, about the centre."""
    height, width = size
    angle = degrees * (jnp.pi / 180)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = width / 2, height / 2
    return cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y


MOVES: Mapping[str, Callable[[Array, tuple[int, int]], Source]] = {
    'Rotate': rotate,
    'ShearX': lambda v, size: (1.0, v, 0.0, 0.0, 1.0, 0.0),
    'ShearY': lambda v, size: (1.0, 0.0, 0.0, v, 1.0, 0.0),
    'TranslateX': lambda v, size: (1.0, 0.0, v * size[1], 0.0, 1.0, 0.0),
    'TranslateY': lambda v, size: (1.0, 0.0, 0.0, 0.0, 1.0, v * size[0]),
}
"""``(magnitude, (H, W)) -> Source``; a positive slope or share moves left or up."""


def moved(pixels: Array, source: Source, fill: Colour = (0, 0, 0)) -> Array:
    """Image.transform by an affine matrix, to the nearest pixel, as Pillow finds it.

    Args:
      pixels: [channels, H, W] uint8.
      source: where each pixel comes from.
      fill: red, green and blue of what comes from outside, in [0, 255].
    """
    channels, height, width = pixels.shape
    a, b, c, d, e, f = source
    x = jnp.arange(width, dtype=jnp.int32)[None, :]
    y = jnp.arange(height, dtype=jnp.int32)[:, None]
    # Pillow counts in 1/65536 of a pixel, from the centres.
    column = (_fixed(c + 0.5 * (a + b)) + x * _fixed(a) + y * _fixed(b)) >> 16
    row = (_fixed(f + 0.5 * (d + e)) + x * _fixed(d) + y * _fixed(e)) >> 16
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    at = jnp.where(inside, row * width + column, 0).reshape(-1)
    flat = pixels.reshape(channels, -1)
    found = jax.vmap(lambda one: one.at[at].get(mode='promise_in_bounds'))(flat)
    return jnp.where(inside[None], found.reshape(pixels.shape), paint(fill, channels))


def hole(side: Array, place: Array, size: tuple[int, int]) -> tuple[Array, ...]:
    """Returns the corners (x0, y0, x1, y1) of USB's Cutout, the last two outside.

    A square of ``floor(side) + 1`` pixels; one that would start left of or above the
    image is pushed into it, one that ends right of or below it is cut.

    Args:
      side: in pixels; nothing is cut if it is 0.
      place: [2] in [0, 1), the centre before that, in shares of width and height.
      size: (H, W).
    """
    height, width = size
    x0 = jnp.floor(jnp.maximum(place[0] * width - side / 2, 0))
    y0 = jnp.floor(jnp.maximum(place[1] * height - side / 2, 0))
    x1 = jnp.where(side > 0, jnp.floor(jnp.minimum(x0 + side, width)) + 1, x0)
    return x0, y0, x1, jnp.floor(jnp.minimum(y0 + side, height)) + 1


def square(side: Array, place: Array, size: tuple[int, int]) -> tuple[Array, ...]:
    """Returns the corners of a square about a pixel, cut where it hangs over.

    Args:
      side: in pixels, an even number of which is taken.
      place: [2] in [0, 1), the middle in shares of width and height.
      size: (H, W).
    """
    height, width = size
    x, y = jnp.floor(place[0] * width), jnp.floor(place[1] * height)
    half = jnp.floor(side / 2)
    return x - half, y - half, x + half, y + half


def filled(
    pixels: Array, corners: tuple[Array, ...], fill: Colour = (0, 0, 0)
) -> Array:
    """Fills the box (x0, y0, x1, y1), the last two outside, with a colour."""
    channels, height, width = pixels.shape
    x0, y0, x1, y1 = corners
    x = jnp.arange(width, dtype=jnp.float32)[None, :]
    y = jnp.arange(height, dtype=jnp.float32)[:, None]
    box = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return jnp.where(box[None], paint(fill, channels), pixels)


def paint(rgb: Colour, channels: int) -> Array:
    """Returns a colour [channels, 1, 1] uint8; its grey if there are not three."""
    if channels == 3:
        return jnp.asarray(rgb, jnp.uint8)[:, None, None]
    grey = round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])
    return jnp.full((channels, 1, 1), grey, jnp.uint8)


def _fixed(x: Array | float) -> Array:
    return jnp.floor(jnp.asarray(x, jnp.float32) * 65536 + 0.5).astype(jnp.int32)
