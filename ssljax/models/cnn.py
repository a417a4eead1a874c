"""A small convolutional network, for images of 8x8 to 32x32 and for first tries."""

from __future__ import annotations

from collections.abc import Sequence

import jax
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import Network
from ssljax.models.adapters import from_nnx
from ssljax.models.images import check_images
from ssljax.models.norms import norm_of
from ssljax.models.precision import compute_type, widened


def small_cnn(
    num_classes: int,
    *,
    image_channels: int = 1,
    channels: Sequence[int] = (32, 64),
    norm: str = 'group',
    dropout: float = 0.0,
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """Two 3x3 convolutions a stage, halving the image, then the mean over it.

    Args:
      num_classes: C, answers of the linear head.
      image_channels: of the inputs [B, H, W, image_channels] float32: 1 grey, 3 colour.
      channels: width of each stage, the last one being D. A stage halves the image.
      norm: after each convolution. 'group' (eight groups, or as many as divide both
        eight and the width) looks at one image at a time and has no statistics;
        'batch' has running ones, which keep 0.99 a step.
      dropout: probability in [0, 1) of losing a feature before the head; with a key.
      statistics: of the norm 'batch' inside ``jax.shard_map``: 'global', of the rows
        of all devices, or 'device', of each its own.
      dtype: that the convolutions compute in; 'bfloat16' leaves parameters,
        statistics, features and logits float32.

    Returns:
      A Network that answers ``{'logits': [B, C], 'features': [B, D]}``, with the parts
      'encode' (images to ``{'features'}``), 'head' (features to ``{'logits'}``) and
      'taps' (all of these, and 'stage1' [B, H, W, channels[0]], ... before each stage
      halves the image).

    Raises:
      InputError: for another norm, statistics or dtype, or images that do not fit.
    """
    compute = compute_type(dtype)
    make = norm_of(norm, statistics=statistics, dtype=compute)
    return from_nnx(
        lambda rngs: _SmallCNN(
            num_classes, image_channels, channels, make, dropout, compute, rngs=rngs
        ),
        parts={'encode': 'encode', 'head': 'head', 'taps': 'taps'},
    )


class _SmallCNN(nnx.Module):
    def __init__(
        self, num_classes, image_channels, channels, norm, dropout, dtype, *, rngs
    ):
        self.image_channels = image_channels
        widths = [image_channels, *(c for c in channels for _ in range(2))]
        self.convs = nnx.List(
            # The norm that follows has a bias of its own.
            nnx.Conv(a, b, (3, 3), use_bias=False, dtype=dtype, rngs=rngs)
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.norms = nnx.List(norm(b, rngs=rngs) for b in widths[1:])
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.classifier = nnx.Linear(channels[-1], num_classes, rngs=rngs)

    def stages(self, x):
        check_images(x, self.image_channels, smallest=2 ** (len(self.convs) // 2))
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = jax.nn.relu(norm(conv(x)))
            if i % 2:
                yield x
                x = nnx.max_pool(x, (2, 2), strides=(2, 2))
        yield x

    def encode(self, x):
        *_, last = self.stages(x)
        return {'features': widened(last).mean((1, 2))}

    def taps(self, x):
        *maps, last = self.stages(x)
        named = {f'stage{i}': x for i, x in enumerate(maps, start=1)}
        features = widened(last).mean((1, 2))
        return {**named, 'features': features, **self.head(features)}

    def head(self, features):
        return {'logits': self.classifier(self.dropout(features))}

    def __call__(self, x):
        outputs = self.encode(x)
        return outputs | self.head(outputs['features'])
