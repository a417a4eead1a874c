"""Residual networks for ImageNet, ResNet-18 to ResNet-152, of any width.

He et al. 2015, arXiv 1512.03385, as SimCLR and torchvision have them: a unit halves the
image in its 3x3 convolution, and its last norm starts at 0, so that it starts as its
shortcut (Goyal et al. 2017, arXiv 1706.02677).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn import initializers
from jax.typing import DTypeLike

from ssljax.contracts import Array, InputError, Network, Outputs
from ssljax.models.adapters import from_nnx
from ssljax.models.images import check_images
from ssljax.models.norms import BatchNorm, check_statistics
from ssljax.models.precision import compute_type, widened
from ssljax.models.remat import through

UNITS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Units of each stage by depth; those from 50 up are bottlenecks."""


def resnet(
    num_classes: int,
    *,
    depth: int = 50,
    width: int = 1,
    image_channels: int = 3,
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
    remat: bool = False,
) -> Network:
    """ResNet-depth, ``width`` times as wide: 25,557,032 parameters for 50 and 1000.

    Args:
      num_classes: C, answers of the linear head.
      depth: 18, 34, 50, 101 or 152.
      width: multiplies all channels, the first ones too; SimCLRv2 has 1, 2 and 3.
      image_channels: of the inputs [B, H, W, image_channels] float32, H and W at least
        32; 224 is usual.
      statistics: batch statistics inside ``jax.shard_map``: 'global', of the rows of
        all devices, which contrast needs, or 'device', of each its own.
      dtype: that the layers compute in; 'bfloat16' leaves parameters, statistics,
        features and logits float32.
      remat: computes the inside of every unit again when the gradient asks for it,
        instead of keeping it.

    Returns:
      A Network that answers ``{'logits': [B, C], 'features': [B, D]}``, D being 512
      times the width, from depth 50 up 2048, with the parts 'encode' (images to
      ``{'features'}``), 'head' (features to ``{'logits'}``) and 'taps' (both, and the
      map after each stage, 'stage1' to 'stage4').

    Raises:
      InputError: for another depth, width, statistics or dtype, or images that do not
        fit.
    """
    if depth not in UNITS or width < 1:
        known = ', '.join(map(str, UNITS))
        raise InputError(
            f'depth is {depth} and width {width}; give one of {known}, and 1 or more.'
        )
    check_statistics(statistics)
    compute = compute_type(dtype)
    norm = functools.partial(BatchNorm, momentum=0.9, statistics=statistics)
    return from_nnx(
        lambda rngs: _ResNet(
            num_classes,
            depth,
            64 * width,
            image_channels,
            functools.partial(_conv, dtype=compute, rngs=rngs),
            norm,
            remat,
            rngs,
        ),
        parts={'encode': 'encode', 'head': 'head', 'taps': 'taps'},
    )


class _ResNet(nnx.Module):
    def __init__(
        self, num_classes, depth, width, image_channels, conv, norm, remat, rngs
    ):
        self.image_channels, self.remat = image_channels, remat
        self.conv1 = conv(image_channels, width, 7, 2)
        self.bn1 = norm(width)
        unit = _Bottleneck if depth >= 50 else _Basic
        inside = width
        for stage, units in enumerate(UNITS[depth]):
            inner = width * 2**stage
            made = []
            for i in range(units):
                stride = 2 if stage and not i else 1
                made.append(unit(inside, inner, stride, conv, norm))
                inside = inner * unit.expansion
            setattr(self, f'stage{stage + 1}', nnx.List(made))
        self.classifier = nnx.Linear(inside, num_classes, rngs=rngs)

    def stages(self, x: Array) -> Iterator[Array]:
        check_images(x, self.image_channels, 32)
        x = jax.nn.relu(self.bn1(self.conv1(x)))
        x = nnx.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        run = through(self.remat)
        for number in range(1, 5):
            for unit in getattr(self, f'stage{number}'):
                x = run(unit, x)
            yield x

    def encode(self, x: Array) -> Outputs:
        *_, last = self.stages(x)
        return {'features': widened(last).mean((1, 2))}

    def taps(self, x: Array) -> Outputs:
        maps = list(self.stages(x))
        named = {f'stage{i}': x for i, x in enumerate(maps, start=1)}
        features = widened(maps[-1]).mean((1, 2))
        return {**named, 'features': features, **self.head(features)}

    def head(self, features: Array) -> Outputs:
        return {'logits': self.classifier(features)}

    def __call__(self, x: Array) -> Outputs:
        outputs = self.encode(x)
        return outputs | self.head(outputs['features'])


class _Unit(nnx.Module):
    """Convolutions with norms, added to the input or to a 1x1 convolution of it."""

    expansion = 1

    def __init__(self, inside, inner, stride, conv, norm):
        outside = inner * self.expansion
        layers = self.layers(inside, inner, stride)
        self.convs = nnx.List(conv(*sizes) for sizes in layers)
        self.norms = nnx.List(norm(sizes[1]) for sizes in layers)
        self.norms[-1].scale = nnx.Param(jnp.zeros(outside))
        same = inside == outside and stride == 1
        self.shortcut: Any = None if same else conv(inside, outside, 1, stride)
        self.shortcut_norm: Any = None if same else norm(outside)

    layers: Callable[..., list[tuple[int, ...]]]

    def __call__(self, x):
        branch = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            branch = norm(conv(jax.nn.relu(branch) if i else branch))
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x))
        return jax.nn.relu(branch + x)


class _Basic(_Unit):
    @staticmethod
    def layers(inside, inner, stride):
        return [(inside, inner, 3, stride), (inner, inner, 3, 1)]


class _Bottleneck(_Unit):
    expansion = 4

    @staticmethod
    def layers(inside, inner, stride):
        wide = inner * 4
        return [(inside, inner, 1), (inner, inner, 3, stride), (inner, wide, 1)]


def _conv(inside, outside, size, stride=1, *, dtype, rngs):
    return nnx.Conv(
        inside,
        outside,
        (size, size),
        stride,
        padding=size // 2,  # torch's; 'SAME' pads an even image on one side only
        use_bias=False,
        dtype=dtype,
        kernel_init=initializers.variance_scaling(2.0, 'fan_out', 'normal'),
        rngs=rngs,
    )
