"""Matrices, points and boxes, in the coordinates of ``ssljax.views.warp``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import Array


def product(a: Array, b: Array) -> Array:
    """Returns a b in full float32.

    Accelerators round the factors of a plain product to 8 or 11 bits: coordinates of
    a 256 pixel image would be off by half a pixel.
    """
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def carry(points: Array, matrix: Array) -> Array:
    """Returns where a matrix takes points.

    Args:
      points: [..., d] float32.
      matrix: [d + 1, d + 1] float32.
    """
    d = points.shape[-1]
    flat = points.reshape(-1, d)
    ones = jnp.ones((len(flat), 1), flat.dtype)
    moved = product(jnp.concatenate([flat, ones], axis=1), matrix.T)
    return (moved[:, :d] / moved[:, d:]).reshape(points.shape)


def inverse(matrix: Array) -> Array:
    """Inverts one warp in closed form: a batched LU costs more than the resample.

    Args:
      matrix: [3, 3], or [4, 4] and affine.
    """
    if matrix.shape[-1] == 4:
        linear = inverse(matrix[:3, :3])
        return homogeneous(linear, -product(linear, matrix[:3, 3]))
    a, b, c = matrix
    columns = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], axis=1)
    return columns / jnp.sum(a * columns[:, 0])


def homogeneous(linear: Array, offset: Array) -> Array:
    """Returns the [d + 1, d + 1] matrix of p -> linear p + offset."""
    top = jnp.concatenate([linear, offset[:, None]], axis=1)
    return jnp.concatenate([top, jnp.eye(len(top) + 1)[-1:]], axis=0)


def about(linear: Array, centre: Array) -> Array:
    """Returns the matrix of a linear map [d, d] that leaves ``centre`` [d] in place."""
    return homogeneous(linear, centre - product(linear, centre))


def inside(points: Array, shape: Sequence[int]) -> Array:
    """Says which points [..., d] lie on an image of the given shape; [...] bool."""
    high = jnp.array(shape[::-1], jnp.float32) - 0.5
    high = high.reshape((1,) * (points.ndim - 1) + (-1,))
    return jnp.all((points >= -0.5) & (points <= high), axis=-1)


def hull(
    boxes: Array,
    lands: Callable,
    shape: Sequence[int],
    min_area: float,
    sides: int = 2,
) -> tuple[Array, Array]:
    """Boxes around moved boxes, clipped to the image.

    Args:
      boxes: [M, 2 d] float32.
      lands: ``points [..., d] -> points``.
      shape: of the image they move to.
      min_area: share of a hull that must be left.
      sides: points a side that are moved: 2, the corners, is exact for a matrix.

    Returns:
      The hulls [M, 2 d] and whether enough of each is left [M] bool.
    """
    d = boxes.shape[-1] // 2
    steps = jnp.linspace(0, 1, sides)
    grid = jnp.stack(jnp.meshgrid(*[steps] * d, indexing='ij'), axis=-1)
    grid = grid.reshape(1, -1, d)
    low, high = boxes[:, None, :d], boxes[:, None, d:]
    points = lands(low * (1 - grid) + high * grid)
    low, high = points.min(axis=1), points.max(axis=1)
    edge = jnp.array(shape[::-1], jnp.float32)[None] - 0.5
    kept = jnp.clip(low, -0.5, edge), jnp.clip(high, -0.5, edge)
    before, after = jnp.prod(high - low, axis=-1), jnp.prod(kept[1] - kept[0], axis=-1)
    return jnp.concatenate(kept, axis=-1), (after > 0) & (after >= min_area * before)
