"""A small network like DeepLabV3+: coarse features that see far, and fine edges."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.convolutions import Residual, Unit, built
from ssljax.models.fields import Conv, Read, check_sites
from ssljax.models.precision import widened


def deeplab_small(
    num_classes: int,
    *,
    image_channels: int = 3,
    width: int = 32,
    blocks: int = 2,
    rates: Sequence[int] = (2, 4, 6),
    dropout: float = 0.1,
    norm: str = 'batch',
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """Residual units to stride 8, atrous pooling there, a decoder at stride 4.

    It answers 'logits' [B, H, W, C] and 'feature_map' [B, H / 4, W / 4, 2 width],
    float32. Its parts: 'encode' answers {'low': [B, H / 4, W / 4, width], 'high': [B, H
    / 8, W / 8, 4 width]}, which 'decode' takes, perhaps disturbed in between.

    Args:
      num_classes: C.
      image_channels: of the inputs [B, H, W, image_channels] float32, H and W multiples
        of 8.
      width: channels at stride 4.
      blocks: residual units of each of three stages.
      rates: of the atrous convolutions, in cells; the paper's are (6, 12, 18) at
        stride 16 of pictures of 513.
      dropout: probability in [0, 1), before the decoder.
      norm: 'group' or 'batch', see ``small_cnn``.
      statistics: of the norm 'batch', see ``small_cnn``.
      dtype: that the convolutions compute in.

    Raises:
      InputError: for impossible numbers, or images that do not fit.

    Source: Chen et al. 2018 (DeepLabV3+), arXiv 1802.02611, far smaller.
    """
    if blocks < 1 or not rates or min(rates) < 1:
        raise InputError(
            f'blocks is {blocks} and rates {tuple(rates)}; give numbers above 0.'
        )
    if not 0 <= dropout < 1:
        raise InputError(f'dropout is {dropout}; give a number in [0, 1).')
    return built(
        lambda kit: _DeepLab(
            num_classes, image_channels, width, blocks, tuple(rates), dropout, kit
        ),
        norm,
        statistics,
        dtype,
        parts={'encode': 'encode', 'decode': 'decode'},
    )


class _DeepLab(nnx.Module):
    def __init__(self, num_classes, image_channels, width, blocks, rates, dropout, kit):
        self.image_channels = image_channels

        def stage(inside, outside, stride):
            units = [Residual(inside, outside, stride, kit=kit)]
            units += [Residual(outside, outside, kit=kit) for _ in range(blocks - 1)]
            return nnx.List(units)

        self.stem = Unit(image_channels, width, 3, 2, kit=kit)
        self.fine = stage(width, width, 2)
        self.middle = stage(width, 2 * width, 2)
        self.coarse = stage(2 * width, 4 * width, 1)
        inside, outside = 4 * width, 2 * width
        self.near = Unit(inside, outside, 1, kit=kit)
        self.far = nnx.List(_Atrous(inside, outside, rate, kit) for rate in rates)
        self.whole = nnx.Linear(inside, outside, rngs=kit['rngs'])
        self.join = Unit(outside * (2 + len(rates)), outside, 1, kit=kit)
        self.dropout = nnx.Dropout(dropout, rngs=kit['rngs'])
        self.edges = Unit(width, max(width // 4, 4), 1, kit=kit)
        self.mix = Unit(outside + max(width // 4, 4), outside, 3, kit=kit)
        self.read = Read(outside, num_classes, kit=kit)

    def encode(self, x):
        check_sites(x, 2, self.image_channels, 8)
        x = self.stem(x)
        for unit in self.fine:
            x = unit(x)
        low = x
        for unit in (*self.middle, *self.coarse):
            x = unit(x)
        return {'low': low, 'high': x}

    def decode(self, features):
        low, high = features['low'], features['high']
        whole = jax.nn.relu(self.whole(widened(high).mean((1, 2), keepdims=True)))
        whole = jnp.broadcast_to(whole, (*high.shape[:-1], whole.shape[-1]))
        seen = [self.near(high), *(far(high) for far in self.far)]
        seen.append(whole.astype(seen[0].dtype))
        x = self.dropout(self.join(jnp.concatenate(seen, axis=-1)))
        edges = self.edges(low)
        x = _resized(x, edges.shape[1:3]).astype(edges.dtype)
        x = self.mix(jnp.concatenate([x, edges], axis=-1))
        size = [4 * n for n in low.shape[1:3]]
        return {'logits': _resized(self.read(x), size), 'feature_map': widened(x)}

    def __call__(self, x):
        return self.decode(self.encode(x))


class _Atrous(nnx.Module):
    def __init__(self, inside, outside, rate, kit):
        self.conv = Conv(inside, outside, (3, 3), dilation=rate, kit=kit)
        self.norm = kit['norm'](outside, rngs=kit['rngs'])

    def __call__(self, x):
        return jax.nn.relu(self.norm(self.conv(x)))


def _resized(x, size):
    """Returns [B, *size, C] float32, between sites in proportion."""
    shape = (len(x), *size, x.shape[-1])
    return jax.image.resize(widened(x), shape, 'bilinear')
