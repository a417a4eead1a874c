"""A small convolutional network for series: ECG, sensors, seismograms, waveforms."""

from __future__ import annotations

from collections.abc import Sequence

import jax
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.adapters import from_nnx
from ssljax.models.norms import norm_of
from ssljax.models.precision import compute_type, widened


def series_cnn(
    num_classes: int,
    *,
    series_channels: int = 1,
    channels: Sequence[int] = (32, 64),
    kernel: int = 7,
    norm: str = 'group',
    dropout: float = 0.0,
    statistics: str = 'global',
    dtype: DTypeLike = 'float32',
) -> Network:
    """Two convolutions in time a stage, halving the series, then the mean over it.

    Args:
      num_classes: C, answers of the linear head.
      series_channels: of the inputs [B, T, series_channels] float32.
      channels: width of each stage, the last one being D. A stage halves the series.
      kernel: steps that a convolution sees.
      norm: after each convolution, 'group' or 'batch', as in ``small_cnn``.
      dropout: probability in [0, 1) of losing a feature before the head; with a key.
      statistics: as in ``small_cnn``.
      dtype: as in ``small_cnn``.

    Returns:
      A Network that answers ``{'logits': [B, C], 'features': [B, D]}``, with the parts
      'encode' (series to ``{'features'}``) and 'head' (features to ``{'logits'}``).

    Raises:
      InputError: for another norm, statistics or dtype, or series that do not fit.
    """
    compute = compute_type(dtype)
    make = norm_of(norm, statistics=statistics, dtype=compute)
    return from_nnx(
        lambda rngs: _SeriesCNN(
            num_classes,
            series_channels,
            channels,
            kernel,
            make,
            dropout,
            compute,
            rngs=rngs,
        ),
        parts={'encode': 'encode', 'head': 'head'},
    )


class _SeriesCNN(nnx.Module):
    def __init__(
        self,
        num_classes,
        series_channels,
        channels,
        kernel,
        norm,
        dropout,
        dtype,
        *,
        rngs,
    ):
        self.series_channels = series_channels
        widths = [series_channels, *(c for c in channels for _ in range(2))]
        self.convs = nnx.List(
            nnx.Conv(a, b, (kernel,), use_bias=False, dtype=dtype, rngs=rngs)
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.norms = nnx.List(norm(b, rngs=rngs) for b in widths[1:])
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.classifier = nnx.Linear(channels[-1], num_classes, rngs=rngs)

    def encode(self, x):
        shape, shortest = tuple(x.shape), 2 ** (len(self.convs) // 2)
        if len(shape) != 3 or shape[-1] != self.series_channels or shape[1] < shortest:
            raise InputError(
                f'inputs must be series [B, T >= {shortest}, {self.series_channels}], '
                f'found shape {shape}: reshape them, or build the network with their '
                'series_channels and fewer stages.'
            )
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = jax.nn.relu(norm(conv(x)))
            if i % 2:
                x = nnx.max_pool(x, (2,), strides=(2,))
        return {'features': widened(x).mean(1)}

    def head(self, features):
        return {'logits': self.classifier(self.dropout(features))}

    def __call__(self, x):
        outputs = self.encode(x)
        return outputs | self.head(outputs['features'])
