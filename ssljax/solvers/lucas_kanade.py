"""Lucas-Kanade: where points of one frame are in the next, by the greys around them."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError

_DAMPING = 1e-6
"""Added to the mean squared slope of a window: flat ones stay where they are."""


class Tracked(NamedTuple):
    """Points, and how far to trust them."""

    points: Array  # [..., K, 2] float32, (x, y) pixels of the second frame
    residual: Array  # [..., K] float32, root mean square of what greys still differ by
    ok: Array  # [..., K] bool: began and ended inside, on a texture of two directions


def track(
    first: Array,
    second: Array,
    points: Array,
    *,
    radius: int = 8,
    steps: int = 20,
    levels: int = 1,
    texture: float = 1e-5,
) -> Tracked:
    r"""Follows points by the inverse-compositional Lucas-Kanade of translations.

    .. math:: p \leftarrow p - H^{-1} \sum_d w_d \nabla T_d\, (I(p + d) - T_d), \quad
        H = \sum_d w_d \nabla T_d \nabla T_d^\top

    with the template T, the window around the point in the first frame, and Gaussian
    weights w. Slopes and H are those of the template, so a step costs one resample.
    Differentiable in frames and points; the steps are fixed in number.

    Args:
      first: [..., H, W, channels] float, greys of about 0 to 1.
      second: [..., H, W, channels] float.
      points: [..., K, 2] float, (x, y) in pixels of the first frame, 0 at the centre of
        the first pixel.
      radius: r of the window of 2 r + 1 pixels, at each level. A step reaches about as
        far as the greys are smooth.
      steps: at each level.
      levels: of a pyramid of halved frames, from coarse to fine, for long moves; 1 is
        the frames themselves. Sides are divisible by 2 ** (levels - 1).
      texture: least mean squared slope, in grey^2 per pixel^2, of a window in its
        flattest direction, for the point to be ok.

    Returns:
      The points in the second frame.

    Raises:
      InputError: if shapes do not fit.

    Source: Baker & Matthews 2004, IJCV 56; parameters of Dong et al. 2018 (SBR), arXiv
    1807.00966, whose windows have the weights exp(-d^2 / 2 (r + 1/2)^2) too.
    """
    lead, (height, width) = first.shape[:-3], first.shape[-3:-1]
    part = 2 ** (levels - 1)
    if first.shape != second.shape or points.shape[:-2] != lead or height % part:
        raise InputError(
            f'first is {first.shape}, second {second.shape} and points {points.shape}; '
            'give [..., H, W, channels] twice and [..., K, 2], and sides divisible by '
            f'{part}.'
        )
    if width % part or min(radius, steps, levels) < 1:
        raise InputError(
            f'radius, steps and levels are {radius}, {steps}, {levels} on frames of '
            f'{height}x{width}; give at least 1, and sides divisible by {part}.'
        )

    def one(first, second, points):
        pyramid = [(first, second)]
        for _ in range(levels - 1):
            pyramid.append(tuple(map(_halved, pyramid[-1])))
        found, moved = points, jnp.zeros_like(points)
        for level in reversed(range(levels)):
            start = (points + 0.5) / 2**level - 0.5
            found, residual, corner = _tracked(
                *pyramid[level], start, 2 * moved, radius, steps
            )
            moved = found - start
        ok = _inside(points, (height, width)) & _inside(found, (height, width))
        return Tracked(found, residual, ok & (corner > texture))

    for _ in lead:
        one = jax.vmap(one)
    first, second, points = (
        jnp.asarray(x, jnp.float32) for x in (first, second, points)
    )
    return one(first, second, points)


def both_ways(
    first: Array, second: Array, points: Array, **options
) -> tuple[Tracked, Array]:
    """Follows points forth and back again.

    Args:
      first: as in ``track``.
      second: as in ``track``.
      points: as in ``track``.
      **options: of ``track``.

    Returns:
      The points in the second frame, ok only if the way back was; and [..., K] float32,
      by how many pixels it missed where it began. SBR trusts up to 1.
    """
    there = track(first, second, points, **options)
    back = track(second, first, there.points, **options)
    error = jnp.sqrt(jnp.sum((back.points - points) ** 2, axis=-1) + 1e-12)
    return there._replace(ok=there.ok & back.ok), error


def _tracked(first, second, points, moved, radius, steps):
    """One level: points [K, 2], found [K, 2], residual [K] and corner [K]."""
    around = jnp.arange(-radius - 1, radius + 2, dtype=jnp.float32)
    offsets = jnp.stack(jnp.meshgrid(around, around), axis=-1)  # [s, s, 2]
    wide = _read(first, points[:, None, None] + offsets[None])  # [K, s, s, channels]
    # Sobel's slopes of the window; the rim of one pixel is only for them.
    slopes = jnp.stack(
        [_slope(wide, 2, 1), _slope(wide, 1, 2)], axis=1
    )  # [K, 2, s - 2, s - 2, channels]
    template, offsets = wide[:, 1:-1, 1:-1], offsets[1:-1, 1:-1]
    weight = jnp.exp(-jnp.sum(offsets**2, axis=-1) / (2 * (radius + 0.5) ** 2))
    weight = (weight / weight.sum())[None, :, :, None] / first.shape[-1]
    exact = jax.lax.Precision.HIGHEST
    hessian = jnp.einsum(
        'kaijc,kbijc->kab', weight[None] * slopes, slopes, precision=exact
    )
    a, b, d = hessian[:, 0, 0], hessian[:, 0, 1], hessian[:, 1, 1]
    corner = (a + d) / 2 - jnp.sqrt(((a - d) / 2) ** 2 + b**2 + 1e-20)
    a, d = a + _DAMPING, d + _DAMPING
    rows = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-b, a], -1)], axis=-2)
    inverse = rows / (a * d - b * b)[:, None, None]

    def differs(at):
        return _read(second, at[:, None, None] + offsets[None]) - template

    def step(at, _):
        slope = jnp.einsum(
            'kaijc,kijc->ka', weight[None] * slopes, differs(at), precision=exact
        )
        change = jnp.einsum('kab,kb->ka', inverse, slope, precision=exact)
        # Beyond its window a step knows nothing.
        return at - jnp.clip(change, -radius, radius), None

    found, _ = jax.lax.scan(step, points + moved, None, length=steps)
    residual = jnp.sum(weight * differs(found) ** 2, axis=(1, 2, 3))
    return found, jnp.sqrt(residual + 1e-20), corner


def _read(image, at):
    """Image [H, W, channels] at (x, y) [..., 2], bilinear; outside it is its edge."""
    # Here, since ``import ssljax`` loads no more of jax than jax itself does.
    from jax.scipy.ndimage import map_coordinates

    coordinates = [at[..., 1], at[..., 0]]

    def channel(plane):
        return map_coordinates(plane, coordinates, order=1, mode='nearest')

    return jax.vmap(channel, in_axes=-1, out_axes=-1)(image)


def _slope(window, axis, across):
    """Sobel's slope along an axis of [K, s, s, channels], on its inner pixels."""

    def cut(x, axis, begin, end):
        return jax.lax.slice_in_dim(x, begin, x.shape[axis] + end, axis=axis)

    rise = (cut(window, axis, 2, 0) - cut(window, axis, 0, -2)) / 2
    low, middle, high = (
        cut(rise, across, begin, end) for begin, end in ((0, -2), (1, -1), (2, 0))
    )
    return (low + 2 * middle + high) / 4


def _halved(image):
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))


def _inside(points, size):
    x, y = points[..., 0], points[..., 1]
    return (x > -0.5) & (y > -0.5) & (x < size[1] - 0.5) & (y < size[0] - 0.5)
