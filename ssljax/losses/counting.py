"""Losses on densities, maps [..., h, w] that sum up to how many there are.

Without labels a count can't be checked, but it can contradict itself: a region holds no
more than the region around it, and several heads should see the same.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError
from ssljax.solvers.sinkhorn import sinkhorn

_NEXT_TO_NONE = 1e-6


def count_error(count: Array, true: Array) -> Array:
    """Distance of counts: |count - true|, float32 of their shape, which is the same.

    Raises:
      InputError: if the shapes differ.
    """
    if count.shape != true.shape:
        raise InputError(
            f'count is {count.shape} and true {true.shape}; give the same shape.'
        )
    return jnp.abs(jnp.asarray(count, jnp.float32) - true)


def transport_loss(
    density: Array,
    points: Array,
    valid: Array,
    stride: float,
    *,
    regularisation: float = 10.0,
    iterations: int = 100,
) -> Array:
    r"""Least work to carry the density, as a distribution, to the points.

    .. math:: \ell = \langle f, a \rangle + \langle g, y / S \rangle, \quad S = \sum y

    with the potentials f, g of ``solvers.sinkhorn``, not differentiated: the gradient
    is :math:`g / S - \langle g, y \rangle / S^2`, DM-Count's, and that of the least
    work itself. The work is in pixels squared.

    Args:
      density: y, [..., h, w] float, >= 0.
      points: [..., M, 2] float (x, y), pixels of the image.
      valid: [..., M] bool.
      stride: pixels a cell.
      regularisation: in pixels squared; DM-Count has 10, TreeFormer 1.
      iterations: of Sinkhorn.

    Returns:
      float32 [...]; 0 where there is no point. The entropy lets it be negative.

    Source: Wang et al. 2020 (DM-Count), arXiv 2009.13077.
    """
    density = jnp.asarray(density, jnp.float32)
    *lead, height, width = density.shape
    flat = density.reshape(*lead, height * width)
    share = flat / (flat.sum(-1, keepdims=True) + _NEXT_TO_NONE)
    true = jnp.asarray(valid, jnp.float32)
    source = true / jnp.maximum(true.sum(-1, keepdims=True), 1)

    def apart(axis, length):
        """Squares of one coordinate, [..., M, length]."""
        cells = jnp.arange(length) * stride + 0.5 * (stride - 1)
        cells = cells.reshape((1,) * (points.ndim - 1) + (-1,))
        return (points[..., axis, None] - cells) ** 2

    down, across = apart(1, height), apart(0, width)
    cost = down[..., :, None] + across[..., None, :]
    cost = cost.reshape(*cost.shape[:-2], height * width)
    found = sinkhorn(
        cost,
        source,
        jax.lax.stop_gradient(share),
        regularisation=regularisation,
        iterations=iterations,
    )
    prices = jax.lax.stop_gradient((found.source, found.target))
    work = (prices[0] * source).sum(-1) + (prices[1] * share).sum(-1)
    return jnp.where(true.sum(-1) > 0, work, 0.0)


def variation(density: Array, true: Array) -> Array:
    r"""Total variation of two densities as distributions, times the true count.

    .. math:: \ell = n \sum \Big| \frac{y}{\sum y} - \frac{z}{n} \Big|, \quad
        n = \sum z

    Args:
      density: y, [..., h, w] float, >= 0.
      true: z, [..., h, w] float, such as ``solvers.density.place`` of the points.

    Returns:
      float32 [...].

    Source: Wang et al. 2020 (DM-Count), arXiv 2009.13077, without the factor 1/2, as in
    its code.
    """
    density, true = (jnp.asarray(x, jnp.float32) for x in (density, true))
    count = true.sum((-2, -1), keepdims=True)
    share = density / (density.sum((-2, -1), keepdims=True) + _NEXT_TO_NONE)
    return jnp.sum(jnp.abs(count * share - true), axis=(-2, -1))


def ranking(counts: Array, *, margin: float = 0.0) -> Array:
    r"""A region holds no more than the region around it.

    .. math:: \ell = \frac{2}{L (L - 1)} \sum_{a < b} \max(0, c_b - c_a + m)

    Counts are of regions as they are, not resized, which would inflate the inner ones.
    Sums over regions of one map of no negative values are always in order, and then the
    loss is 0: it teaches where each region is an input of its own (Liu et al. 2018), or
    where densities may be negative.

    Args:
      counts: [..., L] float, each region inside of the one before.
      margin: m, in counts.

    Returns:
      float32 [...], not reduced.

    Source: Liu et al. 2018, arXiv 1803.03095; TreeFormer, arXiv 2307.06118.
    """
    counts = jnp.asarray(counts, jnp.float32)
    levels = counts.shape[-1]
    if levels < 2:
        raise InputError(f'counts is {counts.shape}; give two regions at least.')
    outer, inner = jnp.triu_indices(levels, k=1)
    excess = counts[..., inner] - counts[..., outer] + margin
    return jnp.mean(jnp.maximum(excess, 0.0), axis=-1)


def rectified_consistency(density: Array) -> Array:
    r"""Heads draw near to their mean, where they nearly agree already.

    .. math:: \ell = \frac1T \sum_t \frac{\sum (\bar y - y_t)^2 e^{-v_t}}{\sum e^{-v_t}}
        + \mathrm{mean}(v_t), \quad v_t = q \log \frac{q}{p_t} - q + p_t \ge 0

    of every cell, with :math:`q, p_t` the mean and the head's map over their own mean
    value: the mean of v is the divergence KL(q, p) of the maps as distributions. The
    mean of the heads is not differentiated, v is: disagreement costs, too.

    Args:
      density: [..., T, h, w] float, >= 0, of T heads.

    Returns:
      float32 [...], not reduced.

    Source: TreeFormer, arXiv 2307.06118, as it is meant: in its code v is one number,
    so that the weights cancel out, of logarithms that are none. The weights are those
    of Zheng & Yang 2021, arXiv 2003.03773.
    """
    density = jnp.asarray(density, jnp.float32)
    mean = jax.lax.stop_gradient(density.mean(-3, keepdims=True))

    def relative(x):
        x = jnp.maximum(x, 0.0) + _NEXT_TO_NONE
        return x / x.mean((-2, -1), keepdims=True)

    q, p = relative(mean), relative(density)
    doubt = q * (jnp.log(q) - jnp.log(p)) - q + p
    trust = jnp.exp(-doubt)
    squares = ((mean - density) ** 2 * trust).sum((-2, -1)) / trust.sum((-2, -1))
    return jnp.mean(squares + doubt.mean((-2, -1)), axis=-1)


def count_agreement(counts: Array) -> Array:
    r"""Mean distance of several counts of the same to their mean.

    .. math:: \ell = \frac1T \sum_t |c_t - \bar c|

    Args:
      counts: [..., T] float; their mean is differentiated too, as in the official code.

    Returns:
      float32 [...], not reduced.

    Source: TreeFormer's count tokens, arXiv 2307.06118.
    """
    counts = jnp.asarray(counts, jnp.float32)
    return jnp.mean(jnp.abs(counts - counts.mean(-1, keepdims=True)), axis=-1)
