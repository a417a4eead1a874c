"""Views of volumes: ``image`` [Z, H, W, channels] float32, with ``mask`` [Z, H, W].

Landmarks [K, 3] and boxes [M, 6] move along; ``warp`` is [4, 4], on (x, y, z, 1).
``elastic`` takes volumes as it takes images.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, Example, InputError, View
from ssljax.views import coordinates, warp
from ssljax.views.geometry import mirrored, turned
from ssljax.views.images import as_float
from ssljax.views.warp import Fill

_AXES = ('z', 'y', 'x')


def flip3d(axes: Sequence[str] = _AXES, probability: float = 0.5) -> View:
    """Mirrors a volume along each of the axes, by a draw each.

    Args:
      axes: of 'z', 'y' and 'x'.
      probability: of each, in [0, 1].
    """
    places = _places(axes)
    warp.chance(probability)

    def view(key, example):
        flips = jax.random.bernoulli(key, probability, (len(places),))
        example = _volume(example)
        for flip, axis in zip(flips, places, strict=True):
            example = mirrored(example, flip, axis)
        return example

    return view


def turn3d(plane: Sequence[str] = ('y', 'x')) -> View:
    """Turns a volume in a plane by 0, 1, 2 or 3 quarters, exactly.

    Args:
      plane: two of 'z', 'y' and 'x', along which the volume is equally long.
    """
    axes = _places(plane)
    if len(axes) != 2:
        raise InputError(f'plane is {tuple(plane)}; give two axes.')

    def view(key, example):
        size = jnp.shape(_volume(example)['image'])
        if size[axes[0]] != size[axes[1]]:
            raise InputError(
                f'image is {size}; turn3d needs the same length along {tuple(plane)}.'
            )
        return turned(example, jax.random.randint(key, (), 0, 4), axes)

    return view


def affine3d(
    *,
    degrees: float | tuple[float, float, float] = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    fill: Fill = 0.0,
) -> View:
    """Rotates and scales a volume about its centre, in one trilinear resample.

    Angles are between voxels, so that with thick slices only turns about z are true
    rotations.

    Args:
      degrees: rotation within +-degrees, about (z, y, x), or the same about all.
      scale: range of the magnification, 0 < low <= high; drawn uniformly.
      fill: what moves in, in image units, or 'edge'.
    """
    if not 0 < scale[0] <= scale[1]:
        raise InputError(f'scale is {scale}; give 0 < low <= high.')
    most = (degrees,) * 3 if isinstance(degrees, int | float) else tuple(degrees)
    if len(most) != 3:
        raise InputError(f'degrees is {degrees}; give one number, or (z, y, x).')

    def view(key, example):
        size = jnp.shape(_volume(example)['image'])[:-1]
        draw = jax.random.uniform(key, (4,), minval=-1.0, maxval=1.0)
        grow = scale[0] + (scale[1] - scale[0]) * 0.5 * (draw[3] + 1.0)
        linear = grow * jnp.eye(3)
        for k, (one, other) in enumerate(((0, 1), (2, 0), (1, 2))):  # of x, y, z
            angle = draw[k] * most[k] * jnp.pi / 180.0
            linear = coordinates.product(_rotation(angle, one, other), linear)
        centre = (jnp.array(size[::-1], jnp.float32) - 1) / 2
        matrix = coordinates.about(linear, centre)
        return warp.move(example, matrix, fill=fill)

    return view


def intensity3d(
    *,
    gamma: tuple[float, float] = (1.0, 1.0),
    brightness: tuple[float, float] = (1.0, 1.0),
    contrast: tuple[float, float] = (1.0, 1.0),
    noise: float = 0.0,
) -> View:
    """Changes a volume's values, of any range: scans are often standardised.

    In order: r = (image - min) / (max - min), image = min + (max - min) r^g; then
    b (mean + c (image - mean)); then noise. Nothing is clipped.

    Args:
      gamma: range of g, 0 < low <= high; drawn uniformly, like the others.
      brightness: range of the factor b, 0 <= low <= high.
      contrast: range of the factor c, 0 <= low <= high.
      noise: the largest standard deviation of Gaussian noise, >= 0, in image units.

    Source: Isensee et al. 2021 (nnU-Net), whose training changes these.
    """
    if not 0 < gamma[0] <= gamma[1]:
        raise InputError(f'gamma is {gamma}; give 0 < low <= high.')
    for name, (low, high) in {'brightness': brightness, 'contrast': contrast}.items():
        if not 0 <= low <= high:
            raise InputError(f'{name} is {(low, high)}; give 0 <= low <= high.')
    if noise < 0:
        raise InputError(f'noise is {noise}; give a standard deviation >= 0.')
    ranges = gamma, brightness, contrast, (0.0, noise)

    def view(key, example):
        image = as_float(_volume(example)['image'])
        factors, grain = jax.random.split(key)
        draws = jax.random.uniform(factors, (4,))
        g, b, c, sigma = (
            low + (high - low) * u for (low, high), u in zip(ranges, draws, strict=True)
        )
        if gamma != (1.0, 1.0):
            low, span = image.min(), jnp.maximum(jnp.ptp(image), 1e-6)
            image = low + span * ((image - low) / span) ** g
        if brightness != (1.0, 1.0) or contrast != (1.0, 1.0):
            mean = image.mean()
            image = b * (mean + c * (image - mean))
        if noise:
            image = image + sigma * jax.random.normal(grain, image.shape, image.dtype)
        return {**example, 'image': image}

    return view


def _rotation(angle: Array, one: int, other: int) -> Array:
    """Returns [3, 3], turning from coordinate ``one`` towards ``other``."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    turn = jnp.eye(3).at[one, one].set(cos).at[other, other].set(cos)
    return turn.at[one, other].set(-sin).at[other, one].set(sin)


def _places(axes: Sequence[str]) -> tuple[int, ...]:
    if not axes or len(set(axes)) < len(axes) or not set(axes) <= set(_AXES):
        raise InputError(f'axes are {tuple(axes)}; give some of {_AXES}, each once.')
    return tuple(_AXES.index(axis) for axis in axes)


def _volume(example: Example) -> Example:
    shape = np.shape(example.get('image', 0))
    if len(shape) != 4:
        raise InputError(f'image is {shape} for one example; give [Z, H, W, channels].')
    return example
