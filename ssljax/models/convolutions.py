"""Layers that dense networks share: units with norms, residuals, an hourglass.

``kit`` is what they are made with: {'norm': (width, *, rngs) -> layer, 'dtype': what
convolutions compute in, 'rngs': nnx.Rngs}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn import initializers
from jax.typing import DTypeLike

from ssljax.contracts import Array, InputError, Network
from ssljax.models.adapters import from_nnx
from ssljax.models.images import check_images
from ssljax.models.norms import norm_of
from ssljax.models.precision import compute_type, widened


def built(
    make: Callable,
    norm: str,
    statistics: str,
    dtype: DTypeLike,
    *,
    parts: Mapping[str, str] = MappingProxyType({}),
) -> Network:
    """Returns the Network of ``kit -> module``; the kit is what layers are made with.

    More entry points are named by ``parts``, as in ``from_nnx``.

    Raises:
      InputError: for another norm, statistics or dtype.
    """
    compute = compute_type(dtype)
    norms = norm_of(norm, statistics=statistics, dtype=compute)
    return from_nnx(
        lambda rngs: make({'norm': norms, 'dtype': compute, 'rngs': rngs}),
        parts=parts,
    )


def check_sides(images: Array, channels: int, multiple: int) -> None:
    """Refuses images of other channels, or whose sides can't be halved evenly."""
    check_images(images, channels, multiple)
    if images.shape[1] % multiple or images.shape[2] % multiple:
        raise InputError(
            f'inputs are {images.shape[1]}x{images.shape[2]}; this network needs sides '
            f'that are multiples of {multiple}.'
        )


def conv(
    inside: int, outside: int, size: int = 3, stride: int = 1, *, dtype: Any, rngs: Any
) -> nnx.Conv:
    """A convolution for a norm to follow; of even size for a symmetric stride."""
    return nnx.Conv(
        inside,
        outside,
        (size, size),
        stride,
        padding=(size - 1) // 2,
        use_bias=False,
        dtype=dtype,
        kernel_init=initializers.variance_scaling(2.0, 'fan_out', 'normal'),
        rngs=rngs,
    )


class Unit(nnx.Module):
    """Convolution, norm and, unless it is ``plain``, ReLU."""

    def __init__(self, inside, outside, size=3, stride=1, *, plain=False, kit):
        self.conv = conv(
            inside, outside, size, stride, dtype=kit['dtype'], rngs=kit['rngs']
        )
        self.norm = kit['norm'](outside, rngs=kit['rngs'])
        self.plain = plain

    def __call__(self, x: Array) -> Array:
        """Returns [B, h / stride, w / stride, outside] of [B, h, w, inside]."""
        x = self.norm(self.conv(x))
        return x if self.plain else jax.nn.relu(x)


class Residual(nnx.Module):
    """Two units added to their input, or three with a narrow middle; then ReLU."""

    def __init__(self, inside, outside, stride=1, *, narrow=1, kit):
        middle = outside // narrow
        self.units = nnx.List(
            [
                Unit(inside, middle, 3, stride, kit=kit),
                Unit(middle, outside, plain=True, kit=kit),
            ]
            if narrow == 1
            else [
                Unit(inside, middle, 1, kit=kit),
                Unit(middle, middle, 3, stride, kit=kit),
                Unit(middle, outside, 1, plain=True, kit=kit),
            ]
        )
        same = inside == outside and stride == 1
        self.shortcut = (
            None if same else Unit(inside, outside, 1, stride, plain=True, kit=kit)
        )

    def __call__(self, x: Array) -> Array:
        """Returns [B, h / stride, w / stride, outside] of [B, h, w, inside]."""
        y = x if self.shortcut is None else self.shortcut(x)
        for unit in self.units:
            x = unit(x)
        return jax.nn.relu(x + y)


class Read(nnx.Module):
    """A 1x1 convolution that answers float32, nearly 0 at first, or ``bias``."""

    def __init__(self, inside, outside, *, bias=0.0, kit):
        self.conv = nnx.Conv(
            inside,
            outside,
            (1, 1),
            dtype=kit['dtype'],
            kernel_init=initializers.normal(1e-3),
            bias_init=initializers.constant(bias),
            rngs=kit['rngs'],
        )

    def __call__(self, x: Array) -> Array:
        """Returns [B, h, w, outside] float32 of [B, h, w, inside]."""
        return widened(self.conv(x))


class Hourglass(nnx.Module):
    """Halves an image ``depth`` times and comes back, adding what each size saw."""

    def __init__(self, width, depth, *, kit):
        self.here = Residual(width, width, kit=kit)
        self.down = Residual(width, width, kit=kit)
        self.inner = (
            Hourglass(width, depth - 1, kit=kit)
            if depth > 1
            else Residual(width, width, kit=kit)
        )
        self.up = Residual(width, width, kit=kit)

    def __call__(self, x: Array) -> Array:
        """Returns [B, h, w, width], of which 2**depth divides h and w."""
        small = nnx.max_pool(x, (2, 2), strides=(2, 2))
        return self.here(x) + doubled(self.up(self.inner(self.down(small))))


def doubled(x: Array, times: int = 1) -> Array:
    """Returns [B, h, w, C] with every cell twice as high and wide, so many times."""
    by = 2**times
    *lead, h, w, c = x.shape
    wide = jnp.broadcast_to(x[..., :, None, :, None, :], (*lead, h, by, w, by, c))
    return wide.reshape(*lead, h * by, w * by, c)
