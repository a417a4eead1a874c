"""Views that choose another frame; see ``ssljax.views.warp`` for the fields."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError, View
from ssljax.views import coordinates, warp
from ssljax.views.warp import Fill


def resized_crop(
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    size: tuple[int, int] | None = None,
) -> View:
    """Cuts out a random share of the image and resizes it.

    Drawn as in torchvision's RandomResizedCrop: ten tries of an area, uniform, and a
    ratio, uniform in its logarithm; if none fits, the middle. Whole pixels are cut;
    the resize is one bilinear resample, not antialiased, so do not shrink much.

    Args:
      scale: range of the share of the image's area, 0 < low <= high <= 1.
      ratio: range of width / height, 0 < low <= high.
      size: (H, W) of the view; the image's own by default.

    Source: Szegedy et al. 2015, arXiv 1409.4842.
    """
    if not 0 < scale[0] <= scale[1] <= 1:
        raise InputError(f'scale is {scale}; give 0 < low <= high <= 1.')
    if not 0 < ratio[0] <= ratio[1]:
        raise InputError(f'ratio is {ratio}; give 0 < low <= high.')
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise InputError(f'size is {size}; give (H, W), both >= 1.')

    def view(key, example):
        whole = jnp.shape(warp.flat(example)['image'])[:2]
        shape = tuple(size or whole)
        corner, cut = _crop(key, whole, scale, ratio)
        grow = jnp.array(shape[::-1], jnp.float32) / cut  # (x, y)
        matrix = coordinates.homogeneous(jnp.diag(grow), (0.5 - corner) * grow - 0.5)
        return warp.move(example, matrix, shape=shape, fill='edge')

    return view


def perspective(
    distortion: float = 0.5, probability: float = 0.5, *, fill: Fill = 0.0
) -> View:
    """Looks at the image from an angle: its corners move inwards, each its own way.

    Args:
      distortion: each corner moves uniformly within +0 to this share of half a side,
        along both axes; in [0, 2/3), where the outline stays convex.
      probability: in [0, 1].
      fill: what moves in, in image units, or 'edge'.

    Source: torchvision's RandomPerspective; the matrix in closed form, Heckbert 1989.
    """
    if not 0 <= distortion < 2 / 3:
        raise InputError(f'distortion is {distortion}; give a share in [0, 2/3).')
    warp.chance(probability)

    def view(key, example):
        height, width = jnp.shape(warp.flat(example)['image'])[:2]
        far = jnp.array([width - 1, height - 1], jnp.float32)
        corners = jnp.array([[0, 0], [1, 0], [1, 1], [0, 1]], jnp.float32)
        where, whether = jax.random.split(key)
        inwards = (1 - 2 * corners) * jax.random.uniform(where, (4, 2))
        goals = (corners + 0.5 * distortion * inwards) * far[None]
        unit = jnp.diag(jnp.append(1 / jnp.maximum(far, 1), 1.0))
        matrix = coordinates.product(_quadrangle(goals), unit)
        on = (distortion > 0) & jax.random.bernoulli(whether, probability)
        return warp.move(example, jnp.where(on, matrix, jnp.eye(3)), fill=fill)

    return view


def _crop(key, whole, scale, ratio) -> tuple[Array, Array]:
    """Draws a crop's first pixel (x, y) and size (w, h), [2] float32 each."""
    sizes, places = jax.random.split(key)
    limit = jnp.array(whole[::-1], jnp.float32)
    draw = jax.random.uniform(sizes, (2, 10))
    area = whole[0] * whole[1] * (scale[0] + (scale[1] - scale[0]) * draw[0])
    low, high = np.log(ratio)
    shape = jnp.exp(low + (high - low) * draw[1])
    tries = jnp.round(jnp.sqrt(jnp.stack([area * shape, area / shape], axis=-1)))
    fits = jnp.all((tries > 0) & (tries <= limit[None]), axis=-1)
    # If no try fits: the largest part of the middle whose ratio is allowed.
    own = whole[1] / whole[0]
    middle = np.array([whole[1], whole[0]], np.float32)
    if own < ratio[0]:
        middle[1] = max(1, round(whole[1] / ratio[0]))
    elif own > ratio[1]:
        middle[0] = max(1, round(whole[0] * ratio[1]))
    found = jnp.any(fits)
    cut = jnp.where(found, tries[jnp.argmax(fits)], middle)
    free = limit - cut
    drawn = jnp.floor(jax.random.uniform(places, (2,)) * (free + 1))
    return jnp.where(found, jnp.minimum(drawn, free), jnp.floor(free / 2)), cut


def _quadrangle(goals: Array) -> Array:
    """Returns the matrix of (0, 0), (1, 0), (1, 1), (0, 1) -> goals [4, 2]."""
    a, b, c, d = goals
    total = a - b + c - d
    one, two = b - c, d - c
    area = one[0] * two[1] - one[1] * two[0]
    g = (total[0] * two[1] - total[1] * two[0]) / area
    h = (one[0] * total[1] - one[1] * total[0]) / area
    columns = [jnp.append(b - a + g * b, g), jnp.append(d - a + h * d, h)]
    return jnp.stack([*columns, jnp.append(a, 1.0)], axis=1)
