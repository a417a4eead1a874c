"""Views of point clouds, with their boxes.

``points`` [N, 3 + features] float32 begin with x, y, z, z upwards, in metres say;
``valid`` [N] bool marks those that exist. ``boxes3d`` [M, 7] float32 are x, y, z of the
centre, length (along the heading), width, height, and yaw: radians from x towards y.
``warp`` [4, 4] float32 maps (x, y, z, 1) of the raw example to the view's.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, Example, InputError, View
from ssljax.views import coordinates, warp


def move_points(example: Example, matrix: Array) -> Example:
    """Moves a cloud and its boxes, and composes the warp.

    Args:
      example: with ``points``, and ``boxes3d`` where there are any.
      matrix: [4, 4] float32: turns about z, mirrors of x or y, one scale, a shift.
    """
    points = _points(example)
    done = {**example}
    carried = coordinates.carry(points[:, :3], matrix)
    done['points'] = jnp.concatenate([carried, points[:, 3:]], axis=1)
    if 'boxes3d' in example:
        done['boxes3d'] = move_boxes(example['boxes3d'], matrix)
    before = example.get('warp')
    done['warp'] = matrix if before is None else coordinates.product(matrix, before)
    return done


def move_boxes(boxes: Array, matrix: Array) -> Array:
    """Moves boxes [M, 7] by a matrix as ``move_points`` has it; yaw in [-pi, pi]."""
    centre = coordinates.carry(boxes[:, :3], matrix)
    size = boxes[:, 3:6] * jnp.sqrt(jnp.sum(matrix[:3, 0] ** 2))
    yaw = boxes[:, 6]
    heading = jnp.stack([jnp.cos(yaw), jnp.sin(yaw)], axis=1)
    heading = coordinates.product(heading, matrix[:2, :2].T)
    yaw = jnp.arctan2(heading[:, 1], heading[:, 0])
    return jnp.concatenate([centre, size, yaw[:, None]], axis=1)


def flip_points(axes: Sequence[str] = ('y',), probability: float = 0.5) -> View:
    """Mirrors each of the coordinates named, by a draw each: 'y' swaps left and right.

    Args:
      axes: of 'x' and 'y'.
      probability: of each, in [0, 1].
    """
    if not axes or len(set(axes)) < len(axes) or not set(axes) <= {'x', 'y'}:
        raise InputError(f"axes are {tuple(axes)}; give 'x', 'y' or both.")
    warp.chance(probability)
    places = np.array(['xy'.index(axis) for axis in axes])

    def view(key, example):
        flips = jax.random.bernoulli(key, probability, (len(places),))
        sign = jnp.ones(4).at[places].set(jnp.where(flips, -1.0, 1.0))
        return move_points(example, jnp.diag(sign))

    return view


def rotate_points(degrees: float) -> View:
    """Turns a cloud about z, uniformly within +-degrees >= 0."""
    if degrees < 0:
        raise InputError(f'degrees is {degrees}; give an angle >= 0.')

    def view(key, example):
        angle = jax.random.uniform(key, minval=-1.0, maxval=1.0) * degrees
        cos, sin = jnp.cos(jnp.deg2rad(angle)), jnp.sin(jnp.deg2rad(angle))
        turn = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
        return move_points(example, jnp.eye(4).at[:2, :2].set(turn))

    return view


def scale_points(low: float, high: float) -> View:
    """Scales a cloud about its origin by a factor uniform in [low, high], 0 < low."""
    if not 0 < low <= high:
        raise InputError(f'The range is {(low, high)}; give 0 < low <= high.')

    def view(key, example):
        size = jax.random.uniform(key, minval=low, maxval=high)
        return move_points(example, jnp.diag(jnp.append(size * jnp.ones(3), 1.0)))

    return view


def drop_points(fraction: float) -> View:
    """Drops each point with a probability: its ``valid`` becomes false.

    Args:
      fraction: in [0, 1).
    """
    if not 0 <= fraction < 1:
        raise InputError(f'fraction is {fraction}; give a share in [0, 1).')

    def view(key, example):
        count = len(_points(example))
        kept = jax.random.bernoulli(key, 1 - fraction, (count,))
        if 'valid' in example:
            kept &= jnp.asarray(example['valid'], bool)
        return {**example, 'valid': kept}

    return view


def shuffle_patches(
    extent: tuple[float, float, float, float], patches: tuple[int, int] = (2, 2)
) -> View:
    """Shuffles the patches of a cloud, seen from above.

    Boxes and ``warp`` stay: the network's features go back by ``unshuffle_patches``
    before it answers. ``patches`` [rows * columns] int32 is left in the example: the
    content of patch p moved to place ``patches[p]``, counted along x first.

    Args:
      extent: (x low, y low, x high, y high); points outside stay.
      patches: (rows along y, columns along x).

    Source: Liu et al. 2023 (HSSDA), arXiv 2304.01464.
    """
    low, high = np.asarray(extent[:2], np.float32), np.asarray(extent[2:], np.float32)
    if len(extent) != 4 or not (low < high).all():
        raise InputError(f'extent is {extent}; give x low, y low, x high, y high.')
    if min(patches) < 1:
        raise InputError(f'patches is {patches}; give (rows, columns), both >= 1.')
    rows, columns = patches
    side = (high - low) / np.asarray([columns, rows], np.float32)

    def view(key, example):
        points = _points(example)
        places = jax.random.permutation(key, rows * columns)
        seen = jnp.floor((points[:, :2] - low[None]) / side[None]).astype(jnp.int32)
        x, y = jnp.clip(seen[:, 0], 0, columns - 1), jnp.clip(seen[:, 1], 0, rows - 1)
        xy = points[:, :2]
        inside = jnp.all((xy >= low[None]) & (xy < high[None]), axis=1)
        to = places[y * columns + x]
        steps = jnp.stack([to % columns - x, to // columns - y], axis=1)
        by = jnp.where(inside[:, None], steps * side[None], 0.0)
        moved = points.at[:, :2].add(by)
        return {**example, 'points': moved, 'patches': places.astype(jnp.int32)}

    return view


def unshuffle_patches(
    features: Array, places: Array, patches: tuple[int, int] = (2, 2)
) -> Array:
    """Takes features of a shuffled cloud back to where their points came from.

    Args:
      features: [H, W, D] seen from above, x along W; sides multiples of ``patches``.
      places: [rows * columns] int32, ``patches`` of the example.
      patches: (rows, columns), as they were shuffled.
    """
    (height, width, depth), (rows, columns) = features.shape, patches
    if height % rows or width % columns:
        raise InputError(f'features are {features.shape}; patches {patches} must fit.')
    cut = features.reshape(rows, height // rows, columns, width // columns, depth)
    cut = jnp.moveaxis(cut, 2, 1).reshape(rows * columns, -1)[places]
    cut = cut.reshape(rows, columns, height // rows, width // columns, depth)
    return jnp.moveaxis(cut, 1, 2).reshape(features.shape)


def _points(example: Example) -> Array:
    shape = np.shape(example.get('points', 0))
    if len(shape) != 2 or shape[1] < 3:
        raise InputError(f'points are {shape} for one example; give [N, 3 + features].')
    return jnp.asarray(example['points'])
