"""Crops of images and volumes, by whole pixels; and two of them that overlap.

Landmarks and boxes move along, and ``warp`` says how, as in ``ssljax.views.warp``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, Example, InputError, View
from ssljax.views import coordinates, warp


def random_crop(size: tuple[int, ...], *, fill: float = 0.0) -> View:
    """Cuts out a part of a given size, anywhere.

    What is smaller than that is filled up evenly on both sides: the mask is ignored
    there (255).

    Args:
      size: (H, W) or (Z, H, W) of the view.
      fill: what the image is filled up with, in its own units.

    Raises:
      InputError: for a size that is not above 0; when traced, of other axes.
    """
    _positive(size)

    def view(key, example):
        room = _room(example, size)
        return _cut(example, _anywhere(key, room), size, fill)

    return view


def overlapping_crops(
    size: tuple[int, ...], *, share: float = 0.5, fill: float = 0.0
) -> View:
    r"""Cuts out a part, and a neighbour that shares some of it.

    The neighbour's corner lies uniformly within the reach of the first one's where
    both are inside. ``overlap`` brings answers on the two together.

    Args:
      size: (H, W) or (Z, H, W) of each.
      share: of the side that both see at least, along each axis, in (0, 1].
      fill: as in ``random_crop``.

    Returns:
      A view that adds ``neighbour`` [*size, channels], the other part of the image, and
      ``offset`` [axes] int32, its corner minus the first one's, along the axes.

    Source: Liu et al. 2022 (TraCoCo), arXiv 2203.14523.
    """
    _positive(size)
    if not 0 < share <= 1:
        raise InputError(f'share is {share}; give a number in (0, 1].')
    reach = jnp.array([int((1 - share) * side) for side in size])

    def view(key, example):
        room = _room(example, size)
        place, by = jax.random.split(key)
        start = _anywhere(place, room)
        low = jnp.maximum(start - reach, 0)
        high = jnp.minimum(start + reach, jnp.array(room))
        other = low + _anywhere(by, high - low)
        first = _cut(example, start, size, fill)
        second = _cut({'image': example['image']}, other, size, fill)
        return {**first, 'neighbour': second['image'], 'offset': other - start}

    return view


def overlap(neighbour: Array, offset: Array) -> tuple[Array, Array]:
    """Brings answers on the neighbours to the frames of the first crops, exactly.

    Args:
      neighbour: [B, *S, ...] answers for each pixel of the neighbour.
      offset: [B, axes] int32, as ``overlapping_crops`` leaves it.

    Returns:
      The answers [B, *S, ...] where the first crops have the same pixels, and where
      both see them: [B, *S] bool. Elsewhere the answers stand for other pixels.
    """
    axes = tuple(range(offset.shape[-1]))
    size = neighbour.shape[1 : 1 + len(axes)]

    def one(answer, by):
        seen = jnp.ones(size, bool)
        for axis, length in enumerate(size):
            at = jnp.arange(length) - by[axis]
            inside = ((at >= 0) & (at < length)).reshape(
                [-1 if a == axis else 1 for a in axes]
            )
            seen &= inside
        return jnp.roll(answer, by, axes), seen

    return jax.vmap(one)(neighbour, offset)


def _positive(size: tuple[int, ...]) -> None:
    if len(size) not in (2, 3) or min(size) < 1:
        raise InputError(f'size is {size}; give (H, W) or (Z, H, W), all >= 1.')


def _room(example: Example, size: tuple[int, ...]) -> tuple[int, ...]:
    """How far a crop's corner may lie from that of the image, filled up if need be."""
    whole = jnp.shape(example['image'])[:-1]
    if len(whole) != len(size):
        raise InputError(f'size is {size} for an image {whole}; give one each axis.')
    return tuple(max(n - s, 0) for n, s in zip(whole, size, strict=True))


def _anywhere(key: Array, room) -> Array:
    """[axes] int32, uniform in 0 to room."""
    room = jnp.asarray(room)
    return jax.random.randint(key, room.shape, 0, room + 1)


def _cut(example: Example, start: Array, size: tuple[int, ...], fill: float) -> Example:
    """The part [start, start + size) of an example, filled up evenly before."""
    whole = jnp.shape(example['image'])[:-1]
    lacks = [max(s - n, 0) for n, s in zip(whole, size, strict=True)]
    before = jnp.array([n // 2 for n in lacks])

    def pixels(array, outside):
        rest = array.ndim - len(size)
        sides = [(n // 2, n - n // 2) for n in lacks] + [(0, 0)] * rest
        value = fill if outside is None else outside
        padded = jnp.pad(array, sides, constant_values=value)
        corner = jnp.concatenate([start, jnp.zeros(rest, start.dtype)])
        return jax.lax.dynamic_slice(padded, corner, (*size, *array.shape[len(size) :]))

    offset = (before - start)[::-1].astype(jnp.float32)
    matrix = coordinates.homogeneous(jnp.eye(len(size)), offset)
    return warp.move(example, matrix, shape=size, pixels=pixels)
