"""The same volume with its axes in other places, and exactly back."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError


class AxisFrame(NamedTuple):
    """How a volume is looked at: axes in another order, then some of them reversed.

    With an odd permutation and an odd number of reversed axes, or neither, it is a
    rotation by quarters.
    """

    order: tuple[int, ...]  # spatial axis k of the view is order[k] of the volume
    reversed: tuple[int, ...] = ()  # axes of the view


AXES_FIRST = (AxisFrame((0, 1, 2)), AxisFrame((1, 2, 0)), AxisFrame((2, 0, 1)))
"""Three views of a volume, each with another axis first: networks whose kernels are
flat along the first axis see different planes. All three are rotations."""


def into_frame(volumes: Array, frame: AxisFrame) -> Array:
    """Returns volumes [B, *S, ...] as they are seen in a frame, without resampling.

    Source: Xia et al. 2018 (UMCT), arXiv 1811.12506: T_i.
    """
    order = _places(volumes, frame)
    flipped = tuple(1 + axis for axis in frame.reversed)
    return jnp.flip(jnp.transpose(volumes, order), flipped)


def out_of_frame(volumes: Array, frame: AxisFrame) -> Array:
    """Undoes ``into_frame``, for volumes or for answers on their voxels."""
    order = _places(volumes, frame)
    flipped = tuple(1 + axis for axis in frame.reversed)
    return jnp.transpose(jnp.flip(volumes, flipped), np.argsort(order).tolist())


def _places(volumes: Array, frame: AxisFrame) -> list[int]:
    d = len(frame.order)
    if sorted(frame.order) != list(range(d)) or not set(frame.reversed) <= set(
        range(d)
    ):
        raise InputError(f'frame is {frame}; give every axis once.')
    if volumes.ndim <= d:
        raise InputError(f'frame has {d} axes, and the volumes are {volumes.shape}.')
    return [0, *(1 + axis for axis in frame.order), *range(1 + d, volumes.ndim)]
