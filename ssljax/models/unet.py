"""U-Net and V-Net: every site is answered, of images and of volumes."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.convolutions import built
from ssljax.models.fields import (
    Double,
    Halve,
    Layers,
    Read,
    check_axes,
    check_sites,
    enlarged,
    pooled,
)
from ssljax.models.precision import widened
from ssljax.models.remat import through

_PARTS = {'encode': 'encode', 'decode': 'decode'}


def unet(
    num_classes: int,
    *,
    axes: int = 2,
    image_channels: int = 1,
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    kernel: int | Sequence[int] = 3,
    dropout: float | Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.5),
    scales: int = 1,
    norm: str = 'batch',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
    remat: bool = False,
) -> Network:
    """A U-Net of images or volumes.

    It answers 'logits' [B, *S, C] and 'feature_map' [B, *S, D], what they are read
    from, float32; with several scales also 'scales', logits [B, *S, C] of so many
    levels of the decoder, the finest first, site after site repeated.

    Its parts: 'encode' answers {'levels': a tuple of [B, *S / 2**i, D_i]}, which
    'decode' takes, perhaps disturbed in between.

    Args:
      num_classes: C.
      axes: of a site, 2 of images or 3 of volumes.
      image_channels: of the inputs [B, *S, image_channels] float32, whose sides are
        multiples of 2**(levels - 1).
      channels: D_i of each level, from the finest.
      kernel: sizes of the convolutions, odd, along all axes or each: (1, 3, 3) looks
        into the planes only.
      dropout: probability of each level of the encoder, or of all; where the default
        has more levels than there are channels, the last ones of it.
      scales: levels of the decoder that answer.
      norm: 'group' or 'batch', see ``small_cnn``.
      statistics: of the norm 'batch', see ``small_cnn``.
      dtype: that the convolutions compute in.
      remat: computes the convolutions of every level again when the gradient asks for
        them, instead of keeping what is inside: less memory for a third forward pass.

    Raises:
      InputError: for impossible numbers, or inputs that do not fit.

    Source: Ronneberger et al. 2015, arXiv 1505.04597; Cicek et al. 2016, arXiv
    1606.06650; widths and noise of HiLab-git/SSL4MIS; scales of DS6, arXiv 2006.10802.
    """
    sizes = check_axes(axes, kernel)
    levels = len(channels)
    if levels < 2:
        raise InputError(f'channels is {tuple(channels)}; give two levels at least.')
    if not 1 <= scales < levels:
        raise InputError(f'scales is {scales}; give 1 to {levels - 1}.')
    noise = (dropout,) * levels if isinstance(dropout, int | float) else tuple(dropout)
    if len(noise) < levels or not all(0 <= p < 1 for p in noise):
        raise InputError(f'dropout is {dropout}; give {levels} numbers in [0, 1).')
    return built(
        lambda kit: _UNet(
            num_classes,
            axes,
            image_channels,
            tuple(channels),
            sizes,
            noise[-levels:],
            scales,
            remat,
            kit,
        ),
        norm,
        statistics,
        dtype,
        parts=_PARTS,
    )


def vnet(
    num_classes: int,
    *,
    axes: int = 3,
    image_channels: int = 1,
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    depths: Sequence[int] = (1, 2, 3, 3, 3),
    dropout: float = 0.5,
    norm: str = 'batch',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
    remat: bool = False,
) -> Network:
    """A V-Net: strided convolutions, and skips that are added.

    It answers 'logits' [B, *S, C] and 'feature_map' [B, *S, D] float32, and has the
    parts of ``unet``.

    Args:
      num_classes: C.
      axes: of a site, 3 of volumes or 2 of images.
      image_channels: as in ``unet``, and so are the sides.
      channels: of each level, from the finest.
      depths: convolutions of each level.
      dropout: probability in [0, 1), at the coarsest level and before the answer.
      norm: 'group' or 'batch', see ``small_cnn``.
      statistics: of the norm 'batch', see ``small_cnn``.
      dtype: that the convolutions compute in.
      remat: see ``unet``.

    Raises:
      InputError: for impossible numbers, or inputs that do not fit.

    Source: Milletari et al. 2016, arXiv 1606.04797, without residuals as in UA-MT,
    arXiv 1907.07034.
    """
    check_axes(axes, 3)
    if len(channels) < 2 or len(depths) != len(channels) or min(depths) < 1:
        raise InputError(
            f'channels is {tuple(channels)} and depths {tuple(depths)}; give as many, '
            'two levels at least.'
        )
    if not 0 <= dropout < 1:
        raise InputError(f'dropout is {dropout}; give a number in [0, 1).')
    return built(
        lambda kit: _VNet(
            num_classes,
            axes,
            image_channels,
            tuple(channels),
            tuple(depths),
            dropout,
            remat,
            kit,
        ),
        norm,
        statistics,
        dtype,
        parts=_PARTS,
    )


class _UNet(nnx.Module):
    def __init__(
        self,
        num_classes,
        axes,
        image_channels,
        channels,
        kernel,
        noise,
        scales,
        remat,
        kit,
    ):
        self.axes, self.image_channels = axes, image_channels
        self.remat = remat
        self.multiple = 2 ** (len(channels) - 1)
        self.down = nnx.List(
            Layers(a, b, kernel, dropout=p, slope=0.01, kit=kit)
            for a, b, p in zip(
                (image_channels, *channels), channels, noise, strict=False
            )
        )
        steps = list(zip(channels, channels[1:], strict=False))  # (finer, coarser)
        self.widen = nnx.List(Double(b, a, axes, kit=kit) for a, b in steps)
        self.up = nnx.List(
            Layers(2 * a, a, kernel, slope=0.01, kit=kit) for a, _ in steps
        )
        self.reads = nnx.List(
            Read(width, num_classes, kit=kit) for width in channels[:scales]
        )

    def encode(self, x):
        check_sites(x, self.axes, self.image_channels, self.multiple)
        run = through(self.remat)
        levels = []
        for number, layers in enumerate(self.down):
            x = run(layers, pooled(x) if number else x)
            levels.append(x)
        return {'levels': tuple(levels)}

    def decode(self, features):
        *finer, x = features['levels']
        run = through(self.remat)
        found = []
        for level in reversed(range(len(finer))):
            x = self.widen[level](x)
            x = run(self.up[level], jnp.concatenate([finer[level], x], axis=-1))
            found.append(x)
        found = found[::-1]
        scales = tuple(
            enlarged(read(x), level)
            for level, (read, x) in enumerate(zip(self.reads, found, strict=False))
        )
        outputs = {'logits': scales[0], 'feature_map': widened(found[0])}
        return outputs if len(scales) == 1 else {**outputs, 'scales': scales}

    def __call__(self, x):
        return self.decode(self.encode(x))


class _VNet(nnx.Module):
    def __init__(
        self, num_classes, axes, image_channels, channels, depths, dropout, remat, kit
    ):
        self.axes, self.image_channels = axes, image_channels
        self.remat = remat
        self.multiple = 2 ** (len(channels) - 1)
        kernel = (3,) * axes

        def layers(inside, outside, count):
            return Layers(inside, outside, kernel, count=count, kit=kit)

        starts = (image_channels, *channels[1:])
        self.down = nnx.List(map(layers, starts, channels, depths))
        steps = list(zip(channels, channels[1:], strict=False))  # (finer, coarser)
        self.narrow = nnx.List(_Step(Halve, a, b, axes, kit) for a, b in steps)
        self.widen = nnx.List(_Step(Double, b, a, axes, kit) for a, b in steps)
        self.up = nnx.List(map(layers, channels[:-1], channels[:-1], depths[:-1]))
        self.dropout = nnx.Dropout(dropout, rngs=kit['rngs'])
        self.read = Read(channels[0], num_classes, kit=kit)

    def encode(self, x):
        check_sites(x, self.axes, self.image_channels, self.multiple)
        run = through(self.remat)
        levels = []
        for number, layers in enumerate(self.down):
            x = run(layers, self.narrow[number - 1](x) if number else x)
            levels.append(x)
        levels[-1] = self.dropout(levels[-1])
        return {'levels': tuple(levels)}

    def decode(self, features):
        *finer, x = features['levels']
        run = through(self.remat)
        for level in reversed(range(len(finer))):
            x = run(self.up[level], self.widen[level](x) + finer[level])
        return {'logits': self.read(self.dropout(x)), 'feature_map': widened(x)}

    def __call__(self, x):
        return self.decode(self.encode(x))


class _Step(nnx.Module):
    """From one level to the next, with norm and ReLU."""

    def __init__(self, kind, inside, outside, axes, kit):
        self.step = kind(inside, outside, axes, kit=kit)
        self.norm = kit['norm'](outside, rngs=kit['rngs'])

    def __call__(self, x):
        return jax.nn.relu(self.norm(self.step(x)))
