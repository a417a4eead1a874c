"""A pyramid of densities: several heads count the same things, each in its own way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.adapters import from_nnx
from ssljax.models.images import check_images
from ssljax.models.norms import norm_of
from ssljax.models.precision import compute_type, widened
from ssljax.solvers import density

STRIDES = (4, 8, 16)
"""Pixels a site of each level."""


def pyramid_counter(
    *,
    image_channels: int = 1,
    channels: Sequence[int] = (32, 64, 128),
    norm: str = 'group',
    dropout: float = 0.3,
    noise: float = 0.3,
    begin: float = 0.001,
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """Three levels of strides 4, 8 and 16, fused from the top, each with two heads.

    With a key each level is disturbed in its own way before its heads, so that they
    disagree where they are not sure: the finest by a factor in [1 - noise, 1 + noise]
    at every feature, the middle one by hiding where its features are strongest, the
    coarsest by losing whole channels.

    Args:
      image_channels: of the inputs [B, H, W, image_channels]; H and W are multiples of
        16.
      channels: of the three levels, the finest first.
      norm: as in ``small_cnn``. A norm of each image by itself takes away how many
        alike things it holds; 'batch' leaves it.
      dropout: probability in [0, 1) of losing a channel of the coarsest level.
      noise: in [0, 1), of the finest level.
      begin: above 0, things a pixel that it finds before it has learnt; to start at the
        labels' mean saves the first steps.
      statistics: as in ``small_cnn``.
      dtype: that the convolutions compute in.

    Returns:
      A Network that answers {'densities': [B, 3, H / 4, W / 4, 1], 'counts': [B, 3]},
      float32, all >= 0, the finest level first. Densities keep their sums where they
      are enlarged; counts are of the pooled features of each level.

    Raises:
      InputError: for numbers that can't be used, or images that do not fit.

    Source: the decoder, its disturbances and the count tokens of TreeFormer, arXiv
    2307.06118, on convolutions instead of a transformer of 1024 channels.
    """
    if len(channels) != 3:
        raise InputError(f'channels is {tuple(channels)}; give one number a level, 3.')
    for name, share in (('dropout', dropout), ('noise', noise)):
        if not 0 <= share < 1:
            raise InputError(f'{name} is {share}; give a number in [0, 1).')
    if not begin > 0:
        raise InputError(f'begin is {begin}; give things a pixel, above 0.')
    compute = compute_type(dtype)
    make = norm_of(norm, statistics=statistics, dtype=compute)
    return from_nnx(
        lambda rngs: _Pyramid(
            image_channels,
            tuple(channels),
            make,
            dropout,
            noise,
            begin,
            compute,
            rngs=rngs,
        )
    )


class _Pyramid(nnx.Module):
    def __init__(
        self, image_channels, channels, norm, dropout, noise, begin, dtype, *, rngs
    ):
        fine = channels[0]
        self.image_channels = image_channels
        self.stem = _Stage(image_channels, fine, norm, dtype, rngs=rngs)
        self.levels = nnx.List(
            _Stage(a, b, norm, dtype, rngs=rngs)
            for a, b in zip((fine, *channels), channels, strict=False)
        )
        self.gates = nnx.List(_Gate(width, rngs=rngs) for width in channels)
        self.down = nnx.List(
            nnx.Conv(b, a, (1, 1), dtype=dtype, rngs=rngs)
            for a, b in zip(channels, channels[1:], strict=False)
        )
        self.disturb = nnx.List(
            [
                _Noise(noise, rngs=rngs),
                _HideStrongest(rngs=rngs),
                nnx.Dropout(dropout, broadcast_dims=(1, 2), rngs=rngs),
            ]
        )
        areas = [stride**2 for stride in STRIDES]
        self.heads = nnx.List(
            _Head(width, norm, begin * area, dtype, rngs=rngs)
            for width, area in zip(channels, areas, strict=True)
        )
        self.counters = nnx.List(
            _positive(width, begin * area, rngs=rngs)
            for width, area in zip(channels, areas, strict=True)
        )

    def __call__(self, x):
        check_images(x, self.image_channels, smallest=16)
        if x.shape[1] % 16 or x.shape[2] % 16:
            raise InputError(
                f'inputs are {x.shape[1]}x{x.shape[2]}; give multiples of 16.'
            )
        x = self.stem(x)
        found = []
        for level in self.levels:
            x = level(x)
            found.append(x)
        size = found[0].shape[1:3]
        above = None
        densities, counts = [], []
        for i in (2, 1, 0):
            fused = self.gates[i](found[i])
            if above is not None:
                fused = fused + _twice(self.down[i](above))
            above = fused
            density_map = self.heads[i](self.disturb[i](fused))
            densities.append(density.resize(density_map, size)[..., None])
            pooled = widened(self.disturb[i](found[i])).mean((1, 2))
            sites = math.prod(found[i].shape[1:3])
            counts.append(sites * jax.nn.softplus(self.counters[i](pooled)[:, 0]))
        return {
            'densities': jnp.stack(densities[::-1], axis=1),
            'counts': jnp.stack(counts[::-1], axis=1),
        }


class _Stage(nnx.Module):
    """Halves the image and convolves it twice."""

    def __init__(self, before, after, norm, dtype, *, rngs):
        def conv(a, stride):
            return nnx.Conv(
                a, after, (3, 3), stride, use_bias=False, dtype=dtype, rngs=rngs
            )

        self.convs = nnx.List([conv(before, 2), conv(after, 1)])
        self.norms = nnx.List(norm(after, rngs=rngs) for _ in range(2))

    def __call__(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = jax.nn.relu(norm(conv(x)))
        return x


class _Gate(nnx.Module):
    """Channel attention: what is in the whole image says which channels count."""

    def __init__(self, width, *, rngs):
        narrow = max(width // 4, 4)
        self.squeeze = nnx.Linear(width, narrow, rngs=rngs)
        self.excite = nnx.Linear(narrow, width, rngs=rngs)

    def __call__(self, x):
        seen = jax.nn.relu(self.squeeze(widened(x).mean((1, 2))))
        gate = jax.nn.sigmoid(self.excite(seen))[:, None, None]
        return x * gate.astype(x.dtype)


class _Head(nnx.Module):
    """Features [B, h, w, width] to a density [B, h, w] float32."""

    def __init__(self, width, norm, begin, dtype, *, rngs):
        self.conv = nnx.Conv(
            width, width, (3, 3), use_bias=False, dtype=dtype, rngs=rngs
        )
        self.norm = norm(width, rngs=rngs)
        self.out = _positive(width, begin, rngs=rngs)

    def __call__(self, x):
        x = jax.nn.relu(self.norm(self.conv(x)))
        return jax.nn.softplus(self.out(widened(x))[..., 0])


def _positive(width, begin, *, rngs):
    """Returns the layer whose softplus is about ``begin`` at first."""
    bias = nnx.initializers.constant(math.log(math.expm1(begin)))
    return nnx.Linear(width, 1, bias_init=bias, rngs=rngs)


class _Noise(nnx.Module):
    """Every feature times a factor near 1."""

    def __init__(self, spread, *, rngs):
        self.spread = spread
        self.deterministic = False
        self.rngs = rngs.dropout.fork()

    def __call__(self, x):
        if self.deterministic:
            return x
        drawn = jax.random.uniform(self.rngs(), x.shape, x.dtype, -1, 1)
        return x * (1 + self.spread * drawn)


class _HideStrongest(nnx.Module):
    """Hides the places whose mean feature is 0.7 to 0.9 of the highest, or above."""

    def __init__(self, *, rngs):
        self.deterministic = False
        self.rngs = rngs.dropout.fork()

    def __call__(self, x):
        if self.deterministic:
            return x
        strength = x.mean(-1, keepdims=True)
        part = jax.random.uniform(
            self.rngs(), (len(x), 1, 1, 1), x.dtype, minval=0.7, maxval=0.9
        )
        limit = part * strength.max((1, 2, 3), keepdims=True)
        return jnp.where(strength < limit, x, 0)


def _twice(x):
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
