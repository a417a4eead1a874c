"""Networks of human pose: SimpleBaseline and a small HRNet.

They answer as those of ``ssljax.models.heatmaps`` do, in one stage of stride 4.
"""

from __future__ import annotations

import jax
from flax import nnx
from jax.nn import initializers
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.convolutions import (
    Read,
    Residual,
    Unit,
    built,
    check_sides,
    doubled,
)
from ssljax.models.precision import widened

RESNETS = {
    18: (1, (2, 2, 2, 2)),
    34: (1, (3, 4, 6, 3)),
    50: (4, (3, 4, 6, 3)),
    101: (4, (3, 4, 23, 3)),
}
"""By depth: how much narrower the middle of a unit is, and units in each stage."""


def simple_baseline(
    num_landmarks: int,
    *,
    image_channels: int = 3,
    depth: int = 18,
    width: int = 64,
    deconvolution: int = 256,
    norm: str = 'batch',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """A ResNet and three deconvolutions: SimpleBaseline.

    'feature_map' [B, H / 32, W / 32, D] is what the ResNet answers. Its parameters are
    named 'encoder', 'deconvolutions' and 'read', so that a part can be frozen.

    Args:
      num_landmarks: K, the heatmaps.
      image_channels: of the inputs [B, H, W, image_channels] float32, H and W multiples
        of 32.
      depth: 18, 34, 50 or 101.
      width: of the ResNet's first stage; D is 8 times it, 32 times from depth 50 on.
        64 in the paper.
      deconvolution: width of these.
      norm: 'group' or 'batch', see ``small_cnn``.
      statistics: of the norm 'batch', see ``small_cnn``.
      dtype: that the convolutions compute in.

    Raises:
      InputError: for another depth, norm, statistics or dtype, or images that do not
        fit.

    Source: Xiao et al. 2018, arXiv 1804.06208; He et al. 2015, arXiv 1512.03385.
    """
    if depth not in RESNETS:
        raise InputError(f'depth is {depth}; give one of {sorted(RESNETS)}.')
    return built(
        lambda kit: _SimpleBaseline(
            num_landmarks, image_channels, RESNETS[depth], width, deconvolution, kit
        ),
        norm,
        statistics,
        dtype,
    )


def hrnet_small(
    num_landmarks: int,
    *,
    image_channels: int = 3,
    width: int = 16,
    branches: int = 3,
    blocks: int = 2,
    norm: str = 'batch',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """A small HRNet: stride 4 is kept all the way, beside coarser branches.

    Args:
      num_landmarks: K, the heatmaps.
      image_channels: of the inputs [B, H, W, image_channels] float32, H and W multiples
        of 4 * 2**(branches - 1).
      width: D, of the finest branch; each coarser one has twice as many channels. 32 or
        48 in the paper.
      branches: at the end; each module adds one and then exchanges between all. 4 in
        the paper.
      blocks: residual units of a branch in each module; 4 in the paper, in up to four
        modules.
      norm: 'group' or 'batch', see ``small_cnn``.
      statistics: of the norm 'batch', see ``small_cnn``.
      dtype: that the convolutions compute in.

    Raises:
      InputError: for impossible numbers, or images that do not fit.

    Source: Sun et al. 2019, arXiv 1902.09212, with one module for each new branch.
    """
    if branches < 1 or blocks < 1:
        raise InputError(
            f'branches is {branches} and blocks {blocks}; give 1 at least.'
        )
    return built(
        lambda kit: _HRNet(num_landmarks, image_channels, width, branches, blocks, kit),
        norm,
        statistics,
        dtype,
    )


class _SimpleBaseline(nnx.Module):
    def __init__(
        self, num_landmarks, image_channels, resnet, width, deconvolution, kit
    ):
        self.image_channels = image_channels
        self.encoder = _ResNet(image_channels, resnet, width, kit)
        last = self.encoder.width
        self.deconvolutions = nnx.List(
            _Deconvolution(inside, deconvolution, kit)
            for inside in (last, deconvolution, deconvolution)
        )
        self.read = Read(deconvolution, num_landmarks, kit=kit)

    def __call__(self, x):
        check_sides(x, self.image_channels, 32)
        features = x = self.encoder(x)
        for layer in self.deconvolutions:
            x = layer(x)
        return {
            'heatmaps': self.read(x)[:, None],
            'feature_map': widened(features),
        }


class _ResNet(nnx.Module):
    def __init__(self, image_channels, resnet, width, kit):
        narrow, counts = resnet
        self.stem = Unit(image_channels, width, 7, 2, kit=kit)
        units, inside = [], width
        for stage, count in enumerate(counts):
            outside = width * 2**stage * narrow
            for number in range(count):
                stride = 2 if stage and not number else 1
                units.append(Residual(inside, outside, stride, narrow=narrow, kit=kit))
                inside = outside
        self.units = nnx.List(units)
        self.width = inside

    def __call__(self, x):
        x = nnx.max_pool(self.stem(x), (3, 3), strides=(2, 2), padding='SAME')
        for unit in self.units:
            x = unit(x)
        return x


class _Deconvolution(nnx.Module):
    """Twice as high and wide, by 4x4 weights; norm; ReLU."""

    def __init__(self, inside, outside, kit):
        self.conv = nnx.ConvTranspose(
            inside,
            outside,
            (4, 4),
            (2, 2),
            use_bias=False,
            dtype=kit['dtype'],
            kernel_init=initializers.normal(1e-3),
            rngs=kit['rngs'],
        )
        self.norm = kit['norm'](outside, rngs=kit['rngs'])

    def __call__(self, x):
        return jax.nn.relu(self.norm(self.conv(x)))


class _HRNet(nnx.Module):
    def __init__(self, num_landmarks, image_channels, width, branches, blocks, kit):
        self.image_channels = image_channels
        self.multiple = 4 * 2 ** (branches - 1)
        self.stem = nnx.List(
            [
                Unit(image_channels, width, 4, 2, kit=kit),
                Unit(width, width, 4, 2, kit=kit),
            ]
        )
        widths = [width * 2**i for i in range(branches)]
        self.modules = nnx.List(
            # Of the last one, only what the finest branch hears is read.
            _Exchange(widths[:n], n if n < branches else 1, blocks, kit)
            for n in range(1, branches + 1)
        )
        self.starts = nnx.List(
            Unit(a, b, 4, 2, kit=kit) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.read = Read(width, num_landmarks, kit=kit)

    def __call__(self, x):
        check_sides(x, self.image_channels, self.multiple)
        for unit in self.stem:
            x = unit(x)
        streams = self.modules[0]([x])
        for start, module in zip(self.starts, list(self.modules)[1:], strict=True):
            streams = module([*streams, start(streams[-1])])
        finest = streams[0]
        return {
            'heatmaps': self.read(finest)[:, None],
            'feature_map': widened(finest),
        }


class _Exchange(nnx.Module):
    """Residual units in every branch; then the first few hear all others."""

    def __init__(self, widths, hearers, blocks, kit):
        self.branches = nnx.List(
            nnx.List(Residual(w, w, kit=kit) for _ in range(blocks)) for w in widths
        )
        self.ways = nnx.List(
            nnx.List(_way(widths, j, i, kit) for j in range(len(widths)) if j != i)
            for i in range(hearers)
        )

    def __call__(self, streams):
        streams = list(streams)
        for i, units in enumerate(self.branches):
            for unit in units:
                streams[i] = unit(streams[i])
        heard = []
        for i, ways in enumerate(self.ways):
            total = streams[i]
            others = [j for j in range(len(streams)) if j != i]
            for j, way in zip(others, ways, strict=True):
                x = streams[j]
                for unit in way:
                    x = unit(x)
                total = total + (doubled(x, j - i) if j > i else x)
            heard.append(jax.nn.relu(total))
        return heard


def _way(widths, j, i, kit):
    """From branch j to branch i: one 1x1 unit up, a halving one for each step down."""
    if j > i:
        return nnx.List([Unit(widths[j], widths[i], 1, plain=True, kit=kit)])
    return nnx.List(
        Unit(widths[n], widths[n + 1], 4, 2, plain=n + 1 == i, kit=kit)
        for n in range(j, i)
    )
