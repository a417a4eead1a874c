"""Views that move images: exactly where whole pixels do, else in one resample.

All of them move the mask, landmarks and boxes along and leave their matrix in
``example['warp']``; see ``ssljax.views.warp`` for the fields and the coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, Example, InputError, View
from ssljax.views import coordinates, warp
from ssljax.views.warp import Fill

_PADDINGS = {'zero': 'constant', 'reflect': 'reflect', 'edge': 'edge'}


def shift(pixels: int) -> View:
    """Moves the image by whole pixels, uniformly in [-pixels, pixels] on both axes.

    What moves in is 0.

    Args:
      pixels: >= 0.
    """
    return crop_pad(pixels, padding='zero')


def crop_pad(pixels: int, *, padding: str = 'reflect') -> View:
    """Pads every side and cuts the image's size out again, at a random place.

    The weak crop of CIFAR in FixMatch (Sohn et al. 2020) and USB: 4 pixels,
    reflected, after a flip. The mask is ignored where the image is padding.

    Args:
      pixels: >= 0.
      padding: 'reflect' (without the edge itself), 'edge' or 'zero'.
    """
    if pixels < 0:
        raise InputError(f'pixels is {pixels}; give a number of pixels >= 0.')
    if padding not in _PADDINGS:
        raise InputError(f'padding is {padding!r}; give one of {sorted(_PADDINGS)}.')

    def view(key, example):
        by = jax.random.randint(key, (2,), 0, 2 * pixels + 1)  # (y, x) of the crop

        def cut(array, outside):
            sides = [(pixels, pixels)] * 2 + [(0, 0)] * (array.ndim - 2)
            if outside is None:
                padded = jnp.pad(array, sides, mode=_PADDINGS[padding])
            else:
                padded = jnp.pad(array, sides, constant_values=outside)
            start = jnp.append(by, 0)[: array.ndim]
            return jax.lax.dynamic_slice(padded, start, array.shape)

        offset = jnp.asarray(pixels - by, jnp.float32)[::-1]
        matrix = coordinates.homogeneous(jnp.eye(2), offset)
        return warp.move(warp.flat(example), matrix, pixels=cut)

    return view


def flip_horizontal(
    probability: float = 0.5, swap: Sequence[int] | None = None
) -> View:
    """Mirrors left and right.

    Args:
      probability: in [0, 1].
      swap: [K], for landmarks that have a side: the mirrored landmark k is landmark
        ``swap[k]`` of the example, so that a left eye stays a left eye.
    """
    return _flip(1, probability, swap)


def flip_vertical(probability: float = 0.5) -> View:
    """Mirrors top and bottom, with a probability in [0, 1]."""
    return _flip(0, probability, None)


def rotate90() -> View:
    """Turns a square image counterclockwise by 0, 1, 2 or 3 quarters, exactly."""

    def view(key, example):
        height, width = jnp.shape(warp.flat(example)['image'])[:2]
        if height != width:
            raise InputError(f'image is {height}x{width}; rotate90 needs squares.')
        quarters = jax.random.randint(key, (), 0, 4)
        return turned(example, quarters, (0, 1))

    return view


def affine(
    *,
    degrees: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    translate: float = 0.0,
    fill: Fill = 0.0,
) -> View:
    """Rotates, scales, shears and translates about the centre, in one resample.

    Every parameter is drawn uniformly; one bilinear resample keeps small images from
    being blurred once an operation.

    Args:
      degrees: rotation within +-degrees.
      scale: range of the magnification, both > 0; drawn uniformly.
      shear: within +-shear, along x and along y, as a slope in [0, 1).
      translate: within +-translate of the side, on both axes.
      fill: what moves in, in image units, or 'edge'.
    """
    if not 0 < scale[0] <= scale[1]:
        raise InputError(f'scale is {scale}; give 0 < low <= high.')
    if not 0 <= shear < 1:
        raise InputError(f'shear is {shear}; give a slope in [0, 1).')

    def view(key, example):
        height, width = jnp.shape(warp.flat(example)['image'])[:2]
        draw = jax.random.uniform(key, (6,), minval=-1.0, maxval=1.0)
        angle = draw[0] * degrees * jnp.pi / 180.0
        size = scale[0] + (scale[1] - scale[0]) * 0.5 * (draw[1] + 1.0)
        sheared = jnp.eye(2) + shear * jnp.array([[0.0, draw[2]], [draw[3], 0.0]])
        linear = size * coordinates.product(_turn(angle), sheared)
        centre = jnp.array([(width - 1) / 2, (height - 1) / 2], jnp.float32)
        offset = translate * draw[4:] * jnp.array([width, height], jnp.float32)
        matrix = coordinates.about(linear, centre).at[:2, 2].add(offset)
        return warp.move(example, matrix, fill=fill)

    return view


def normal_affine(
    *,
    degrees: float = 30.0,
    scale: float = 0.25,
    probability: float = 0.8,
    fill: Fill = 0.0,
) -> View:
    r"""Rotates and scales about the centre, by normal draws: the crops of pose codes.

    .. math:: a = \mathrm{clip}(\sigma_a n, -2\sigma_a, 2\sigma_a), \quad
        s = \mathrm{clip}(1 + \sigma_s m, 1 - \sigma_s, 1 + \sigma_s)

    and everything is seen 1/s as large: s is the part of the image that is shown. One
    after the other, they are 'A30' and 'A60' of MultiAugs.

    Args:
      degrees: :math:`\sigma_a`, of the rotation.
      scale: :math:`\sigma_s`, in [0, 1).
      probability: of rotating at all; the scale is drawn anyway.
      fill: as in ``affine``.

    Source: Xiao et al. 2018 (SimpleBaseline), arXiv 1804.06208, as in MultiAugs, Zhou
    et al. 2024, arXiv 2402.11566; there the second one acts on coordinates in [-1, 1],
    which also shears an image that is no square. Here it does not.
    """
    if not 0 <= scale < 1:
        raise InputError(f'scale is {scale}; give a deviation in [0, 1).')
    warp.chance(probability)

    def view(key, example):
        height, width = jnp.shape(warp.flat(example)['image'])[:2]
        turn_key, size_key, coin = jax.random.split(key, 3)
        angle = degrees * jnp.clip(jax.random.normal(turn_key), -2, 2) * jnp.pi / 180
        angle = jnp.where(jax.random.bernoulli(coin, probability), angle, 0.0)
        shown = 1 + scale * jnp.clip(jax.random.normal(size_key), -1, 1)
        centre = jnp.array([(width - 1) / 2, (height - 1) / 2], jnp.float32)
        matrix = coordinates.about(_turn(angle) / shown, centre)
        return warp.move(example, matrix, fill=fill)

    return view


def mirrored(example: Example, flip: Array, axis: int) -> Example:
    """The example, mirrored along an axis of its image where ``flip`` [] bool says."""
    size = jnp.shape(example['image'])[:-1]
    one = len(size) - 1 - axis  # coordinates run the other way
    mirror = jnp.eye(len(size) + 1).at[one, one].set(-1).at[one, -1].set(size[axis] - 1)
    return warp.move(
        example,
        jnp.where(flip, mirror, jnp.eye(len(size) + 1)),
        pixels=lambda array, _: jnp.where(flip, jnp.flip(array, axis), array),
    )


def turned(example: Example, quarters: Array, axes: tuple[int, int]) -> Example:
    """The example, turned by quarters from the first axis of its image to the second.

    Args:
      example: whose image has the same length along both axes.
      quarters: [] int32 in [0, 4); as numpy's rot90.
      axes: of the image.
    """
    size = jnp.shape(example['image'])[:-1]
    d, last = len(size), size[axes[0]] - 1
    first, second = (d - 1 - axis for axis in axes)  # as coordinates
    # One quarter: what was at (first, second) is at (last - second, first).
    quarter = np.eye(d + 1)
    quarter[[first, second]] = 0
    quarter[first, second], quarter[first, d] = -1, last
    quarter[second, first] = 1
    powers = np.stack([np.linalg.matrix_power(quarter, k) for k in range(4)])
    return warp.move(
        example,
        jnp.asarray(powers, jnp.float32)[quarters],
        pixels=lambda array, _: jax.lax.select_n(
            quarters, *(jnp.rot90(array, k, axes) for k in range(4))
        ),
    )


def _turn(angle: Array) -> Array:
    """The rotation [2, 2] by an angle [], from x towards y."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])


def _flip(axis: int, probability: float, swap: Sequence[int] | None) -> View:
    warp.chance(probability)
    order = None if swap is None else np.asarray(swap)
    if order is not None and (
        order.ndim != 1
        or sorted(order.tolist()) != list(range(len(order)))
        or (order[order] != np.arange(len(order))).any()
    ):
        raise InputError(
            f'swap is {order.tolist()}; give every landmark once, each with the one '
            'that it changes places with, or itself.'
        )

    def view(key, example):
        flip = jax.random.bernoulli(key, probability)
        example = mirrored(warp.flat(example), flip, axis)
        if order is None or 'landmarks' not in example:
            return example
        named = {name: example[name] for name in ('landmarks', 'visible')}
        if len(named['landmarks']) != len(order):
            raise InputError(
                f'swap has {len(order)} landmarks and the example '
                f'{len(named["landmarks"])}; give one each.'
            )
        return example | {k: jnp.where(flip, x[order], x) for k, x in named.items()}

    return view
