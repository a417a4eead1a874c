"""Optical flow from pictures alone: what a right flow makes small.

A flow [..., H, W, 2] is (x, y) in pixels: what is at p in one frame is at p + flow[p]
in the other. Any leading axes.

Source: the losses of ARFlow (Liu et al. 2020, arXiv 2003.13045), which TSAL's tracker
is pretrained by, after UnFlow (Meister et al. 2018, arXiv 1711.07837).
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError
from ssljax.views import warp

_GREY = (0.2989, 0.5870, 0.1140)


def warp_by_flow(image: Array, flow: Array, *, fill: warp.Fill = 'edge') -> Array:
    """Returns what a frame shows where the flow leads: the other frame, rebuilt.

    Args:
      image: [..., H, W, channels] float, the frame that the flow leads to.
      flow: [..., H, W, 2] float, from the frame that is rebuilt.
      fill: what is read outside, as in ``views.warp``.

    Raises:
      InputError: if the shapes do not fit.
    """
    _check('flow', flow, image)

    def one(image, flow):
        height, width = flow.shape[:2]
        x = jnp.arange(width, dtype=jnp.float32)[None] + flow[..., 0]
        y = jnp.arange(height, dtype=jnp.float32)[:, None] + flow[..., 1]
        return warp.sample(image, [x, y], fill=fill)

    for _ in image.shape[:-3]:
        one = jax.vmap(one)
    return one(image, flow)


def census(a: Array, b: Array, *, radius: int = 1, noise: float = 0.9) -> Array:
    r"""Soft Hamming distance of ternary census transforms: light does not count.

    .. math:: t_d(p) = \frac{I(p + d) - I(p)}{\sqrt{n^2 + (I(p + d) - I(p))^2}}, \quad
        \ell(p) = \frac1{(2r+1)^2} \sum_d \frac{(t^a_d - t^b_d)^2}
        {0.1 + (t^a_d - t^b_d)^2}

    with greys I from 0 to 255.

    Args:
      a: [..., H, W, channels] float in [0, 1], 1 channel or RGB.
      b: the same of the other picture.
      radius: r.
      noise: n, greys of 255 by which neighbours differ without meaning anything.

    Returns:
      [..., H, W] float32 in [0, 1), 0 within r of the edge, where neighbours lack.

    Raises:
      InputError: if the shapes do not fit.

    Source: UnFlow, and its code; the mean over d is ARFlow's.
    """
    if a.shape != b.shape or a.shape[-1] not in (1, 3):
        raise InputError(
            f'a is {a.shape} and b {b.shape}; give the same shape [..., H, W, 1 or 3].'
        )
    # Greys first, so that neighbours are compared in one channel.
    a, b = (255 * _grey(x) for x in (a, b))
    height, width = a.shape[-2:]
    total = jnp.zeros(a.shape, jnp.float32)
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            rises = (jnp.roll(x, (-down, -right), (-2, -1)) - x for x in (a, b))
            first, second = (x * jax.lax.rsqrt(noise**2 + x**2) for x in rises)
            apart = (first - second) ** 2
            total = total + apart / (0.1 + apart)
    y, x = (jnp.arange(n) for n in (height, width))
    inner = ((y >= radius) & (y < height - radius))[:, None]
    inner = inner & ((x >= radius) & (x < width - radius))[None]
    # What rolled in from the other side is within the rim.
    inner = jnp.broadcast_to(inner, total.shape)
    return jnp.where(inner, total / (2 * radius + 1) ** 2, 0.0)


def edge_aware_smoothness(flow: Array, image: Array, *, alpha: float = 10.0) -> Array:
    r"""How unsteady a flow is where the picture is even.

    .. math:: \frac12 \sum_{k \in x, y} \mathrm{mean}_p\, e^{-\alpha\,
        \overline{|\partial_k I|}} \, \tfrac12 |\partial_k f|

    Args:
      flow: [..., H, W, 2] float, in pixels, or over the frame's side as ARFlow has it.
      image: [..., H, W, channels] float in [0, 1].
      alpha: how little the flow's edges cost on the picture's.

    Returns:
      [...] float32.

    Raises:
      InputError: if the shapes do not fit.

    Source: ARFlow, the smoothness of first order.
    """
    _check('image', image, flow)
    terms = []
    for axis in (-2, -3):
        slope = jnp.abs(jnp.diff(image, axis=axis)).mean(-1, keepdims=True)
        unsteady = jnp.exp(-alpha * slope) * jnp.abs(jnp.diff(flow, axis=axis)) / 2
        terms.append(unsteady.astype(jnp.float32).mean((-3, -2, -1)))
    return (terms[0] + terms[1]) / 2


def seen_both_ways(
    forward: Array, backward: Array, *, scale: float = 0.01, bias: float = 0.5
) -> Array:
    r"""Where the way back leads near where the way began: nothing is covered there.

    .. math:: |f(p) + b(p + f(p))|^2 \le s\,(|f(p)|^2 + |b(p + f(p))|^2) + c

    Args:
      forward: f, [..., H, W, 2] float, in pixels.
      backward: b, [..., H, W, 2] float, from the other frame to this one; 0 outside.
      scale: s.
      bias: c, in pixels^2.

    Returns:
      [..., H, W] float32, 1 where both frames show the same, without a gradient.

    Raises:
      InputError: if the shapes do not fit.

    Source: Sundaram et al. 2010, as UnFlow uses it.
    """
    back = warp_by_flow(backward, forward, fill=0.0)
    missed = jnp.sum((forward + back) ** 2, axis=-1)
    length = jnp.sum(forward**2, axis=-1) + jnp.sum(back**2, axis=-1)
    seen = missed <= scale * length + bias
    return jax.lax.stop_gradient(seen.astype(jnp.float32))


def seen_by_range(forward: Array, backward: Array, *, least: float = 0.2) -> Array:
    """Where the way back arrives: what no pixel comes from is not in the other frame.

    Holds of any flow, right or wrong. ``seen_both_ways`` needs one that is nearly
    right: of a network at its start it says that nothing is seen, and where nothing is
    seen nothing is learned.

    Args:
      forward: [..., H, W, 2] float, in pixels; only its shape counts.
      backward: [..., H, W, 2] float, from the other frame to this one.
      least: of a pixel of the other frame, spread over the four where it arrives, that
        must come to a pixel for it to be seen.

    Returns:
      [..., H, W] float32, 1 where the other frame shows the same, without a gradient.

    Raises:
      InputError: if the shapes do not fit.

    Source: Wang et al. 2018, arXiv 1711.05890, as ARFlow has it (occ_from_back).
    """
    _check('backward', backward, forward)

    def one(flow):
        height, width = flow.shape[:2]
        x = jnp.arange(width, dtype=jnp.float32)[None] + flow[..., 0]
        y = jnp.arange(height, dtype=jnp.float32)[:, None] + flow[..., 1]
        left, top = jnp.floor(x), jnp.floor(y)
        arrived = jnp.zeros((height, width))
        for right, down in itertools.product((0, 1), repeat=2):
            at_x, at_y = left + right, top + down
            share = (1 - jnp.abs(x - at_x)) * (1 - jnp.abs(y - at_y))
            inside = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
            # Row H is none: what arrives outside is dropped.
            row = jnp.where(inside, at_y, height).astype(jnp.int32)
            column = jnp.where(inside, at_x, 0).astype(jnp.int32)
            arrived = arrived.at[row, column].add(share, mode='drop')
        return (arrived >= least).astype(jnp.float32)

    for _ in backward.shape[:-3]:
        one = jax.vmap(one)
    return one(jax.lax.stop_gradient(backward))


def end_point_error(flow: Array, truth: Array) -> Array:
    """Returns [..., H, W] float32, by how many pixels a flow [..., H, W, 2] is off."""
    _check('truth', truth, flow)
    square = jnp.sum((jnp.asarray(flow, jnp.float32) - truth) ** 2, axis=-1)
    return jnp.sqrt(square)


def _grey(image: Array) -> Array:
    image = jnp.asarray(image, jnp.float32)
    if image.shape[-1] == 1:
        return image[..., 0]
    return sum(share * image[..., k] for k, share in enumerate(_GREY))  # type: ignore


def _check(name: str, field: Array, other: Array) -> None:
    """Refuses fields over other pixels than those of ``other``."""
    if field.shape[:-1] != other.shape[:-1] or (
        name != 'image' and field.shape[-1] != 2
    ):
        raise InputError(
            f'{name} is {field.shape} beside {other.shape}; give the same leading axes '
            'and sides, and (x, y) last in a flow.'
        )
