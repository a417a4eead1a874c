"""Smooth random deformations that can't fold: B-splines, scaled and squared."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, View
from ssljax.views import coordinates, warp


def diffeomorphism(
    key: Array,
    shape: tuple[int, ...],
    *,
    spacing: Sequence[int] = (5, 6, 7),
    most: tuple[float, float] = (0.01, 0.03),
    squarings: int = 5,
) -> Array:
    """Draws a displacement of every pixel of an image or a volume.

    A velocity is a cubic B-spline of random values at points a spacing apart; points
    that would move the border are 0. Halved ``squarings`` times and then composed with
    itself as often, it becomes a displacement that does not fold over.

    Args:
      key: consumed.
      shape: (H, W) or (Z, H, W), each more than four times the largest spacing.
      spacing: pixels between the points, one of them at random.
      most: range of the largest velocity, uniform, in half sides of the image.
      squarings: s, steps of 1 / 2^s.

    Returns:
      [*shape, axes] float32, (x, y) or (x, y, z) in pixels, for ``warp.displace`` and
      ``deform``: the view shows at p what was at p + flow[p].

    Raises:
      InputError: if the image is too small for the points, or a range can't be used.

    Source: Chatterjee et al. 2020 (DS6), arXiv 2006.10802, with its defaults; Arsigny
    et al. 2006 for scaling and squaring.
    """
    if not spacing or min(spacing) < 1 or min(shape) <= 4 * max(spacing):
        raise InputError(
            f'spacing is {tuple(spacing)} on an image {shape}; give spacings below a '
            'quarter of its sides.'
        )
    if not 0 <= most[0] <= most[1]:
        raise InputError(f'most is {most}; give 0 <= low <= high.')
    which, size_key, points = jax.random.split(key, 3)
    d = len(shape)
    step = jax.random.choice(which, jnp.array(spacing, jnp.float32))
    high = jax.random.uniform(size_key, (), minval=most[0], maxval=most[1])
    counts = [length // min(spacing) + 1 for length in shape]
    draw = jax.random.uniform(points, (*counts, d), minval=-1.0, maxval=1.0)
    for axis, (length, count) in enumerate(zip(shape, counts, strict=True)):
        along = jnp.moveaxis(draw, axis, 0)
        spread = coordinates.product(
            _splines(length, count, step), along.reshape(count, -1)
        )
        draw = jnp.moveaxis(spread.reshape(length, *along.shape[1:]), 0, axis)
    half = jnp.array(shape[::-1], jnp.float32) / 2
    flow = draw * (high * half / 2**squarings).reshape((1,) * d + (-1,))
    for _ in range(squarings):
        flow = flow + deform(flow, flow)
    return flow


def deform(values: Array, flow: Array) -> Array:
    """Returns values [*S, channels] float32 where a flow [*S, axes] says; 'edge' fill.

    Linear between the pixels, with a gradient to the values and to the flow.
    """
    size, d = flow.shape[:-1], flow.shape[-1]
    sites = warp.grid(size)[:-1] + jnp.moveaxis(flow, -1, 0).reshape(d, -1)
    # Settled by a product with one, as in warp.
    at = [x.reshape(size) for x in coordinates.product(jnp.eye(d), sites)]
    return warp.sample(values, at, fill='edge')


def bspline(
    *,
    spacing: Sequence[int] = (5, 6, 7),
    most: tuple[float, float] = (0.01, 0.03),
) -> View:
    """Bends an image or a volume, and all that is on it, by a ``diffeomorphism``.

    Args:
      spacing: as there.
      most: as there.
    """

    def view(key, example):
        shape = jnp.shape(example['image'])[:-1]
        flow = diffeomorphism(key, shape, spacing=spacing, most=most)
        return warp.displace(example, flow)

    return view


def _splines(length: int, count: int, step: Array) -> Array:
    """Returns [length, count]: how much each point moves each pixel.

    Point k lies at k steps. Those whose spline reaches the border are left out.
    """
    at = jnp.arange(count)[None] * step
    away = jnp.abs(jnp.arange(length)[:, None] - at) / step
    near = 2 / 3 - away**2 + away**3 / 2
    far = jnp.maximum(2 - away, 0) ** 3 / 6
    inside = (at >= 2 * step) & (at <= length - 1 - 2 * step)
    return jnp.where(away < 1, near, far) * inside
