"""A small network of optical flow: pyramid, warping, cost volume."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import Array, InputError, Network
from ssljax.losses.flow import warp_by_flow
from ssljax.models.adapters import from_nnx
from ssljax.models.precision import compute_type, widened


def flow_cnn(
    *,
    image_channels: int = 1,
    channels: Sequence[int] = (16, 32, 48),
    reach: int = 2,
    width: int = 32,
    dtype: DTypeLike = 'float32',
) -> Network:
    """Finds the flow between neighbouring frames, from the coarsest level to finer.

    Each level warps the second frame's features by the flow so far, compares them with
    the first's within ``reach``, and adds what one estimator, the same at all levels,
    makes of it. The flow of the finest level, of half the sides, is doubled.

    Args:
      image_channels: of the clips.
      channels: of the features, a level each; each level halves the frame.
      reach: of the comparison, in pixels of each level: in all about ``reach`` times
        2 ** levels pixels.
      width: of the estimator.
      dtype: that the convolutions compute in; flows are float32.

    Returns:
      A Network of clips [B, T, H, W, image_channels] float32, T at least 2. It answers
      ``flow`` [B, T - 1, H, W, 2], pixels (x, y) from each frame to the next, and
      ``flows``, a tuple of it and coarser ones, each in its own pixels: [B, T - 1, H /
      2^i, W / 2^i, 2]. The flow back is its answer to the reversed clip.

    Raises:
      InputError: for another dtype, or clips that do not fit.

    Source: PWC-Net (Sun et al. 2018, arXiv 1709.02371), in the shared-estimator form of
    ARFlow's PWC-Lite; normalised features after Jonschkowski et al. 2020 (UFlow).
    """
    compute = compute_type(dtype)
    return from_nnx(
        lambda rngs: _FlowCNN(image_channels, channels, reach, width, compute, rngs)
    )


class _FlowCNN(nnx.Module):
    def __init__(self, image_channels, channels, reach, width, dtype, rngs):
        self.image_channels, self.reach = image_channels, reach

        def conv(a, b, side=3, **options):
            return nnx.Conv(a, b, (side, side), dtype=dtype, rngs=rngs, **options)

        pairs = list(zip([image_channels, *channels], channels, strict=False))
        # Four wide, so that a pixel of a level is centred on the four below it.
        self.down = nnx.List(conv(a, b, 4, strides=2) for a, b in pairs)
        self.same = nnx.List(conv(b, b) for b in channels)
        self.alike = nnx.List(conv(b, channels[0], 1) for b in channels)
        costs = (2 * reach + 1) ** 2 + channels[0] + 2
        sizes = [costs, width, width, width, width // 2]
        dilations = (1, 2, 4, 1)
        self.estimator = nnx.List(
            conv(a, b, kernel_dilation=d)
            for a, b, d in zip(sizes, sizes[1:], dilations, strict=False)
        )
        # Starts at no motion.
        zeros = nnx.initializers.zeros_init()
        self.last = nnx.Conv(
            width // 2, 2, (3, 3), dtype=dtype, kernel_init=zeros, rngs=rngs
        )

    def __call__(self, clips):
        self._check(clips)
        batch, frames, *image = clips.shape
        pyramid = self._pyramid(clips.reshape(-1, *image))

        def paired(x):
            """Features of all frames to those of first and of second frames."""
            x = x.reshape(batch, frames, *x.shape[1:])
            return tuple(
                part.reshape(-1, *x.shape[2:]) for part in (x[:, :-1], x[:, 1:])
            )

        flows: list[Array] = []
        flow = jnp.zeros((batch * (frames - 1), *pyramid[-1].shape[1:3], 2))
        for level in reversed(range(len(pyramid))):
            first, second = paired(pyramid[level])
            if flows:
                flow = _doubled(flow)
            costs = _costs(first, warp_by_flow(second, flow), self.reach)
            flow = flow + self._change(costs, self.alike[level](first), flow)
            flows.append(_doubled(flow))
        found = [x.reshape(batch, frames - 1, *x.shape[1:]) for x in reversed(flows)]
        return {'flow': found[0], 'flows': tuple(found)}

    def _pyramid(self, x):
        levels = []
        for down, same in zip(self.down, self.same, strict=True):
            x = _leaky(same(_leaky(down(x))))
            levels.append(x)
        return levels

    def _change(self, costs, features, flow):
        x = jnp.concatenate([costs.astype(features.dtype), features, flow], axis=-1)
        for conv in self.estimator:
            x = _leaky(conv(x))
        return widened(self.last(x))

    def _check(self, clips):
        part = 2 ** len(self.down)
        if (
            clips.ndim != 5
            or clips.shape[1] < 2
            or clips.shape[-1] != self.image_channels
            or clips.shape[2] % part
            or clips.shape[3] % part
        ):
            raise InputError(
                f'clips have shape {clips.shape}; give [B, T, H, W, '
                f'{self.image_channels}] with T at least 2 and sides divisible by '
                f'{part}.'
            )


def _costs(first: Array, second: Array, reach: int) -> Array:
    """How alike features [P, h, w, D] are, [P, h, w, (2 reach + 1)^2] float32."""
    first, second = _unit(first), _unit(second)
    height, width = first.shape[1:3]
    around = jnp.pad(second, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    side = 2 * reach + 1
    costs = [
        jnp.mean(first * around[:, i : i + height, j : j + width], axis=-1)
        for i in range(side)
        for j in range(side)
    ]
    return _leaky(jnp.stack(costs, axis=-1))


def _unit(features: Array) -> Array:
    """Features of mean 0 and variance 1 over a frame: contrast does not count."""
    features = widened(features)
    features = features - features.mean((1, 2), keepdims=True)
    variance = jnp.mean(features**2, axis=(1, 2, 3), keepdims=True)
    return features * jax.lax.rsqrt(variance + 1e-6)


def _doubled(flow: Array) -> Array:
    """A flow on twice the sides, in those pixels."""
    batch, height, width, _ = flow.shape
    return 2 * jax.image.resize(flow, (batch, 2 * height, 2 * width, 2), 'bilinear')


def _leaky(x: Array) -> Array:
    return jax.nn.leaky_relu(x, 0.1)
