"""Views that change pixel values where they are; they touch ``image`` only."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, View
from ssljax.views import warp
from ssljax.views.images import as_float


def noise(sigma: float) -> View:
    """Adds Gaussian noise of standard deviation ``sigma`` >= 0, in image units."""
    if sigma < 0:
        raise InputError(f'sigma is {sigma}; give a standard deviation >= 0.')

    def view(key, example):
        image = as_float(example['image'])
        draw = jax.random.normal(key, image.shape, image.dtype)
        return {**example, 'image': image + sigma * draw}

    return view


def cutout(fraction: float = 0.5, fill: float = 0.0) -> View:
    """Fills a square of random place and side.

    The centre is uniform over the image, so that the square may hang over its edge.

    Args:
      fraction: the side is uniform in [0, fraction] of the width; in [0, 1].
      fill: the value put there, in image units.

    Source: DeVries & Taylor 2017, arXiv 1708.04552; random side as in USB's FixMatch.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f'fraction is {fraction}; give a number in [0, 1].')

    def view(key, example):
        image = as_float(warp.flat(example)['image'])
        height, width = image.shape[:2]
        y, x, side = jax.random.uniform(key, (3,))
        half = 0.5 * side * fraction * width
        rows = jnp.abs(jnp.arange(height) + 0.5 - y * height) < half
        columns = jnp.abs(jnp.arange(width) + 0.5 - x * width) < half
        hole = rows[:, None, None] & columns[None, :, None]
        return {**example, 'image': jnp.where(hole, fill, image)}

    return view


def jitter(
    *,
    contrast: tuple[float, float] = (1.0, 1.0),
    brightness: tuple[float, float] = (1.0, 1.0),
) -> View:
    """Changes an image's contrast and brightness by factors drawn uniformly.

    ``image = b * (mean + c * (image - mean))``, the mean over pixels and channels.
    Nothing is clipped, so that the two can be undone.

    Args:
      contrast: range of c, 0 <= low <= high; 1 changes nothing.
      brightness: range of b, likewise.
    """
    ranges = {'contrast': contrast, 'brightness': brightness}
    for name, (low, high) in ranges.items():
        if not 0 <= low <= high:
            raise InputError(f'{name} is {(low, high)}; give 0 <= low <= high.')
    lows, highs = (jnp.asarray(x) for x in zip(contrast, brightness, strict=True))

    def view(key, example):
        image = as_float(example['image'])
        c, b = lows + (highs - lows) * jax.random.uniform(key, (2,))
        mean = jnp.mean(image)
        changed = b * (mean + c * (image - mean))
        return {**example, 'image': changed.astype(image.dtype)}

    return view
