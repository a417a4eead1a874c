r"""Losses on classes of sites: pixels [B, H, W], voxels [B, Z, H, W], any axes S.

The class axis is last. Dice and Tversky are of sums over sites, so statistics of a
batch: inside ``jax.shard_map`` the sums are over the rows of all devices.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import IGNORED, Array, InputError
from ssljax.losses.reduce import masked_mean


def dice_loss(
    probs: Array,
    target: Array,
    weight: Array | None = None,
    *,
    squared: bool = True,
    smooth: float = 1e-5,
    each: bool = False,
) -> Array:
    r"""Dice loss of every class.

    .. math:: \ell_c = 1 - \frac{2 \sum_s w_s\, p_{sc}\, y_{sc} + \epsilon}
        {\sum_s w_s\, p_{sc}^2 + \sum_s w_s\, y_{sc}^2 + \epsilon}

    The mean over all C is the multi-class form of the 2D codes, ``[1:].mean()`` that
    over the foreground, ``[1]`` the binary one of the 3D codes.

    Args:
      probs: p, [B, *S, C] float in [0, 1].
      target: y, [B, *S] int ids, or [B, *S, C] float. An id outside of [0, C) is of no
        class: give it weight 0.
      weight: w, [B, *S], such as the region of a mix or the sites that are not ignored;
        None is 1.
      squared: squares in the denominator, or plain sums p + y. The numbers of hard
        targets are the same, the slopes are not.
      smooth: epsilon.
      each: of each example by itself, not of the batch.

    Returns:
      float32 [C], or [B, C].

    Raises:
      InputError: if the shapes do not fit.

    Source: Milletari et al. 2016 (V-Net), arXiv 1606.04797. SSL4MIS: squared, 1e-5;
    BCP: squared, 1e-10 in 2D, plain sums of each example in 3D.
    """
    p, y, w = _fitted(probs, target, weight)
    if squared:
        both, size = _sums([p * y, p * p + y * y], w, each)
    else:
        both, size = _sums([p * y, p + y], w, each)
    return 1 - (2 * both + smooth) / (size + smooth)


def focal_tversky(
    probs: Array,
    target: Array,
    weight: Array | None = None,
    *,
    missed: float = 0.7,
    wrong: float = 0.3,
    power: float = 0.75,
    smooth: float = 1.0,
) -> Array:
    r"""Focal Tversky loss of every class: what is missed may cost more than the rest.

    .. math:: \ell_c = \Big(1 - \frac{TP + \epsilon}
        {TP + a\, FN + b\, FP + \epsilon}\Big)^\gamma

    With a = b = 1 and power 1 it is the Jaccard loss, with 1/2 the plain Dice loss.

    Args:
      probs: [B, *S, C] float in [0, 1]; C = 1 of a sigmoid.
      target: [B, *S] int ids, or [B, *S, C] float.
      weight: [B, *S]; None is 1.
      missed: a, of the false negatives.
      wrong: b, of the false positives.
      power: gamma.
      smooth: epsilon.

    Returns:
      float32 [C], of the batch. Its slope is 0 where the prediction is perfect.

    Raises:
      InputError: if the shapes do not fit.

    Source: Abraham & Khan 2018, arXiv 1810.07842, with the numbers of DS6, arXiv
    2006.10802.
    """
    p, y, w = _fitted(probs, target, weight)
    hit, miss, false = _sums([p * y, (1 - p) * y, p * (1 - y)], w, False)
    lost = 1 - (hit + smooth) / (hit + missed * miss + wrong * false + smooth)
    off = lost > 0
    return jnp.where(off, jnp.where(off, lost, 1.0) ** power, 0.0)


def site_weights(
    target: Array,
    *,
    ignored: int = IGNORED,
    class_weights: Sequence[float] | Array | None = None,
) -> Array:
    """Returns what each site counts: 0 where it is ignored, else as its class says.

    Args:
      target: [...] int ids.
      ignored: the id that does not count.
      class_weights: [C], at least 0; None is 1.

    Returns:
      float32 [...]. ``masked_mean(cross_entropy(...), weights, over='kept')`` is the
      weighted cross-entropy of torch.
    """
    counts = target != ignored
    if class_weights is None:
        return counts.astype(jnp.float32)
    table = jnp.asarray(class_weights, jnp.float32)
    return jnp.where(counts, table[jnp.where(counts, target, 0)], 0.0)


def site_mean(x: Array, weight: Array) -> Array:
    r"""One number an example, whose mean over the batch is that over its sites.

    .. math:: m_b = B\, \frac{\sum_s w_{bs}\, x_{bs}}{\sum_{bs} w_{bs}}

    Codes divide by the sites of the batch that count: an example of which much is
    ignored counts less.

    Args:
      x: [B, *S] losses.
      weight: [B, *S], at least 0.

    Returns:
      float32 [B]; 0 if nothing counts.
    """
    over = tuple(range(1, x.ndim))
    rows = jnp.where(weight > 0, jnp.asarray(x, jnp.float32) * weight, 0.0).sum(over)
    mean_weight = masked_mean(jnp.asarray(weight, jnp.float32).sum(over))
    safe = jnp.where(mean_weight > 0, mean_weight, 1.0)
    return jnp.where(mean_weight > 0, rows / safe, 0.0)


def _fitted(probs, target, weight):
    """Returns probs and target [B, *S, C], and weight [B, *S, 1] or None, float32."""
    probs, target = jnp.asarray(probs, jnp.float32), jnp.asarray(target)
    number = probs.shape[-1]
    if jnp.issubdtype(target.dtype, jnp.integer) and target.shape == probs.shape[:-1]:
        target = jax.nn.one_hot(target, number)
    if target.shape != probs.shape:
        raise InputError(
            f'target has shape {target.shape} and probs {probs.shape}; give int ids '
            f'{probs.shape[:-1]} or floats {probs.shape}.'
        )
    if weight is None:
        return probs, jnp.asarray(target, jnp.float32), None
    weight = jnp.asarray(weight, jnp.float32)
    if weight.shape != probs.shape[:-1]:
        raise InputError(
            f'weight has shape {weight.shape}; give {probs.shape[:-1]}, a number a '
            'site.'
        )
    return probs, jnp.asarray(target, jnp.float32), weight[..., None]


def _sums(terms, weight, each):
    """Returns weighted sums [C] over batch and sites, or [B, C] over sites."""
    over = tuple(range(int(each), terms[0].ndim - 1))
    sums = [jnp.sum(x if weight is None else x * weight, axis=over) for x in terms]
    return sums if each else [shards.total(x) for x in sums]
