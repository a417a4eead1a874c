"""An autoencoder of masks: what they look like, in a few numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.convolutions import built
from ssljax.models.fields import (
    Double,
    Layers,
    Read,
    check_axes,
    check_sites,
    pooled,
)
from ssljax.models.precision import widened


def mask_autoencoder(
    num_classes: int,
    shape: Sequence[int],
    *,
    channels: Sequence[int] = (16, 32, 64),
    code: int = 64,
    norm: str = 'batch',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """Masks in, masks out, through a code that has no place for mistakes.

    There are no skips. It eats class ids as float numbers [B, *S, 1], as published, so
    that the order of the classes matters, and answers 'logits' [B, *S, C] float32, of
    sigmoids.

    Args:
      num_classes: C.
      shape: S, (H, W) or (Z, H, W), multiples of 2**levels.
      channels: of each level, the size halving after each.
      code: numbers that a mask becomes; 512 for volumes of 112x112x80 in the paper.
      norm: 'group' or 'batch', see ``small_cnn``.
      statistics: of the norm 'batch', see ``small_cnn``.
      dtype: that the layers compute in.

    Raises:
      InputError: for impossible numbers, or inputs that do not fit.

    Source: Adiga et al. 2022/2024, arXiv 2203.05682 and 2310.16099; a V-Net there.
    """
    shape = tuple(shape)
    check_axes(len(shape), 3)
    multiple = 2 ** len(channels)
    if not channels or any(n % multiple or n < 1 for n in shape):
        raise InputError(
            f'shape is {shape}; {len(channels)} levels need multiples of {multiple}.'
        )
    if code < 1:
        raise InputError(f'code is {code}; give a number of at least 1.')
    return built(
        lambda kit: _MaskAutoencoder(num_classes, shape, tuple(channels), code, kit),
        norm,
        statistics,
        dtype,
    )


class _MaskAutoencoder(nnx.Module):
    def __init__(self, num_classes, shape, channels, code, kit):
        axes, self.shape = len(shape), shape
        kernel, back = (3,) * axes, channels[::-1]
        self.cells = (*(n // 2 ** len(channels) for n in shape), channels[-1])
        numbers = math.prod(self.cells)
        linear = {'dtype': kit['dtype'], 'rngs': kit['rngs']}
        self.down = nnx.List(
            Layers(a, b, kernel, count=1, kit=kit)
            for a, b in zip((1, *channels), channels, strict=False)
        )
        self.into = nnx.Linear(numbers, code, **linear)
        self.out_of = nnx.Linear(code, numbers, **linear)
        self.widen = nnx.List(Double(a, a, axes, kit=kit) for a in back)
        self.up = nnx.List(
            Layers(a, b, kernel, count=1, kit=kit)
            for a, b in zip(back, (*back[1:], back[-1]), strict=True)
        )
        self.read = Read(channels[0], num_classes, kit=kit)

    def __call__(self, x):
        check_sites(x, len(self.shape), 1, 1)
        if x.shape[1:-1] != self.shape:
            raise InputError(
                f'masks are {x.shape[1:-1]}; this autoencoder was built for '
                f'{self.shape}.'
            )
        for layers in self.down:
            x = pooled(layers(x))
        x = jax.nn.relu(self.out_of(self.into(x.reshape(len(x), -1))))
        x = x.reshape(len(x), *self.cells)
        for widen, layers in zip(self.widen, self.up, strict=True):
            x = layers(widen(x))
        return {'logits': widened(self.read(x))}
