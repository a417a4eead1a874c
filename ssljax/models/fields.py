"""Layers of networks that answer every site, in images and in volumes alike.

``kit`` is what they are made with, as in ``ssljax.models.convolutions``.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn import initializers

from ssljax.contracts import Array, InputError
from ssljax.models.precision import widened


def joins_depth() -> bool:
    """Says how convolutions of volumes are done here: the one place that chooses.

    On a processor XLA convolves three axes many times more slowly than two; there the
    depth taps are joined on the channel axis for one convolution of two axes. Other
    devices have the operation itself.
    """
    return jax.default_backend() == 'cpu'


def convolve(
    x: Array, kernel: Array, *, dilation: int = 1, joined: bool | None = None
) -> Array:
    """Convolves sites of any number of axes, with zeros around: the size stays.

    Args:
      x: [B, *S, inside] float.
      kernel: [*K, inside, outside] of the same type; odd sizes K.
      dilation: sites from tap to tap.
      joined: whether the depth taps of a volume are joined, see ``joins_depth``, which
        is the default.

    Returns:
      [B, *S, outside].
    """
    if joined is None:
        joined = joins_depth()
    axes = x.ndim - 2
    pad = [(dilation * (n // 2),) * 2 for n in kernel.shape[:axes]]
    if axes == 3 and joined:
        batch, depth, *rest = x.shape
        taps, *_, outside = kernel.shape
        around = jnp.pad(x, [(0, 0), pad[0], *[(0, 0)] * 3])
        steps = [dilation * t for t in range(taps)]
        x = jnp.concatenate([around[:, t : t + depth] for t in steps], axis=-1)
        x = x.reshape(batch * depth, *rest[:-1], taps * rest[-1])
        kernel = jnp.moveaxis(kernel, 0, 2)  # [ky, kx, taps, inside, outside]
        kernel = kernel.reshape(*kernel.shape[:2], -1, outside)
        flat = convolve(x, kernel, dilation=dilation)
        return flat.reshape(batch, depth, *flat.shape[1:])
    sites = 'ZYX'[-axes:]
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1,) * axes,
        padding=pad,
        rhs_dilation=(dilation,) * axes,
        dimension_numbers=(f'N{sites}C', f'{sites}IO', f'N{sites}C'),
    )


class Conv(nnx.Module):
    """A convolution of ``kernel`` sites, for a norm to follow: it has no bias."""

    def __init__(
        self, inside: int, outside: int, kernel: Sequence[int], *, dilation=1, kit
    ):
        start = initializers.variance_scaling(2.0, 'fan_in', 'normal')
        shape = (*kernel, inside, outside)
        self.kernel = nnx.Param(start(kit['rngs'].params(), shape))
        self.dilation = dilation
        self.dtype = kit['dtype']

    def __call__(self, x: Array) -> Array:
        """Returns [B, *S, outside] of [B, *S, inside]."""
        x, kernel = (jnp.asarray(a, self.dtype) for a in (x, self.kernel[...]))
        return convolve(x, kernel, dilation=self.dilation)


class Layers(nnx.Module):
    """Convolutions, each with norm and ReLU, and noise after the first of them."""

    def __init__(
        self, inside, outside, kernel, *, count=2, dropout=0.0, slope=0.0, kit
    ):
        widths = (inside, *[outside] * count)
        self.convs = nnx.List(
            Conv(a, b, kernel, kit=kit)
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.norms = nnx.List(
            kit['norm'](outside, rngs=kit['rngs']) for _ in range(count)
        )
        self.dropout = nnx.Dropout(dropout, rngs=kit['rngs'])
        self.slope = slope

    def __call__(self, x: Array) -> Array:
        """Returns [B, *S, outside] of [B, *S, inside]."""
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = jax.nn.leaky_relu(norm(conv(x)), self.slope)
            x = self.dropout(x) if number == 0 else x
        return x


class Read(nnx.Module):
    """A 1x1 convolution that answers float32 numbers of every site."""

    def __init__(self, inside, outside, *, kit):
        self.linear = nnx.Linear(inside, outside, dtype=kit['dtype'], rngs=kit['rngs'])

    def __call__(self, x: Array) -> Array:
        """Returns [B, *S, outside] float32 of [B, *S, inside]."""
        return widened(self.linear(x))


class Halve(nnx.Module):
    """A convolution of stride 2 and size 2 along every axis: a block is one site."""

    def __init__(self, inside, outside, axes, *, kit):
        self.linear = nnx.Linear(
            inside * 2**axes, outside, dtype=kit['dtype'], rngs=kit['rngs']
        )

    def __call__(self, x: Array) -> Array:
        """Returns [B, *S / 2, outside] of [B, *S, inside]."""
        return self.linear(blocks(x))


class Double(nnx.Module):
    """A transposed convolution of stride 2 and size 2: each site becomes a block."""

    def __init__(self, inside, outside, axes, *, kit):
        self.linear = nnx.Linear(
            inside, outside * 2**axes, dtype=kit['dtype'], rngs=kit['rngs']
        )

    def __call__(self, x: Array) -> Array:
        """Returns [B, *2S, outside] of [B, *S, inside]."""
        return unblocked(self.linear(x))


def blocks(x: Array) -> Array:
    """Returns [B, *S / 2, 2**d C] of [B, *S, C]: sites of a block side by side."""
    axes = x.ndim - 2
    halves = [n for size in x.shape[1:-1] for n in (size // 2, 2)]
    x = x.reshape(len(x), *halves, x.shape[-1])
    outer, inner = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
    x = x.transpose(0, *outer, *inner, 2 * axes + 1)
    return x.reshape(*x.shape[: 1 + axes], -1)


def unblocked(x: Array) -> Array:
    """Returns [B, *2S, C] of [B, *S, 2**d C]: what ``blocks`` has done, undone."""
    axes = x.ndim - 2
    x = x.reshape(*x.shape[:-1], *[2] * axes, -1)
    order = [at for n in range(axes) for at in (1 + n, 1 + axes + n)]
    x = x.transpose(0, *order, 2 * axes + 1)
    sizes = [2 * n for n in x.shape[1:-1:2]]
    return x.reshape(len(x), *sizes, x.shape[-1])


def pooled(x: Array) -> Array:
    """Returns [B, *S / 2, C] of [B, *S, C]: the highest of each block."""
    found = blocks(x)
    return found.reshape(*found.shape[:-1], -1, x.shape[-1]).max(-2)


def enlarged(x: Array, times: int) -> Array:
    """Returns [B, *2**times S, C] of [B, *S, C], site after site repeated."""
    for axis in range(1, x.ndim - 1):
        x = jnp.repeat(x, 2**times, axis=axis)
    return x


def check_axes(axes: int, kernel: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the kernel's sizes along each axis.

    Raises:
      InputError: if there are not 2 or 3 axes, or the sizes do not fit or are even.
    """
    if axes not in (2, 3):
        raise InputError(f'axes is {axes}; give 2 for images or 3 for volumes.')
    sizes = (kernel,) * axes if isinstance(kernel, int) else tuple(kernel)
    if len(sizes) != axes or any(n < 1 or n % 2 == 0 for n in sizes):
        raise InputError(f'kernel is {kernel}; give odd numbers, 1 or {axes} of them.')
    return sizes


def check_sites(x: Array, axes: int, channels: int, multiple: int) -> None:
    """Refuses inputs of other axes or channels, or that can't be halved evenly.

    Raises:
      InputError: in words that the network's builder knows.
    """
    if x.ndim != axes + 2 or x.shape[-1] != channels:
        sites = ', '.join('ZHW'[-axes:])
        raise InputError(
            f'inputs must be [B, {sites}, {channels}], found shape {x.shape}: reshape '
            'them, or build the network with their axes and image_channels.'
        )
    if any(n % multiple for n in x.shape[1:-1]):
        found = 'x'.join(map(str, x.shape[1:-1]))
        raise InputError(
            f'inputs are {found}; this network needs sides that are multiples of '
            f'{multiple}: crop or pad them, or build it with fewer channels.'
        )
