"""Losses that move knowledge from one network's features to another's.

Where widths differ, a layer that is trained brings the student's features to the
teacher's width first. The teacher's side is stopped in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError
from ssljax.losses.contrastive import unit
from ssljax.losses.segmentation import site_mean


def hint(features: Array, teacher_features: Array) -> Array:
    r"""Squared distance of features, mean over all of an example's.

    Args:
      features: [B, ...] float, the student's, at a layer in its middle: a hint's.
      teacher_features: [B, ...] float.

    Returns:
      float32 [B].

    Raises:
      InputError: if the shapes differ.

    Source: Romero et al. 2015 (FitNets), arXiv 1412.6550, which has half the sum;
    mdistiller has this mean, with weight 100.
    """
    ours, theirs = _pair(features, teacher_features)
    return jnp.mean((ours - theirs) ** 2, axis=tuple(range(1, ours.ndim)))


def cosine_alignment(features: Array, teacher_features: Array) -> Array:
    r"""One less the cosine of the angle between features, :math:`1 - \cos(f_s, f_t)`.

    Of both at length 1 it is half their squared distance.

    Args:
      features: [..., D] float, the student's.
      teacher_features: [..., D] float.

    Returns:
      float32 [...], in [0, 2]; 1 where either is 0.

    Raises:
      InputError: if the shapes differ.
    """
    ours, theirs = _pair(features, teacher_features)
    return 1 - jnp.sum(unit(ours) * unit(theirs), axis=-1)


def attention_transfer(
    features: Array,
    teacher_features: Array,
    *,
    power: int = 2,
    distance: str = 'squares',
) -> Array:
    r"""Both networks look at the same places, whatever their channels are.

    .. math:: A(f) = \mathrm{unit}\big(\mathrm{mean}_d\, f_{\cdot d}^p\big), \quad
        \ell = \tfrac1{|S|} \|A(f_s) - A(f_t)\|_2^2 \quad\text{or}\quad
        \|A(f_s) - A(f_t)\|_2

    Along an axis where one of them has more sites, its features are averaged to as many
    as the other has, before the power.

    Args:
      features: [B, *S, D] float, the student's at one stage.
      teacher_features: [B, *S', D'] float; as many axes.
      power: p, even, so that signs do not cancel.
      distance: 'squares', the mean over sites that codes have, with weight 1000 for the
        sum over stages; or 'length', the paper's.

    Returns:
      float32 [B].

    Raises:
      InputError: if batch or axes differ, or for another distance.

    Source: Zagoruyko & Komodakis 2017, arXiv 1612.03928, equation 2; mdistiller and
    torchdistill for the mean over sites.
    """
    ours, theirs = features, jax.lax.stop_gradient(teacher_features)
    if ours.ndim != theirs.ndim or ours.ndim < 3 or len(ours) != len(theirs):
        raise InputError(
            f'features has shape {ours.shape} and teacher_features {theirs.shape}; '
            'give feature maps [B, ..., D] of the same batch, with as many axes.'
        )
    sites = [min(pair) for pair in zip(ours.shape, theirs.shape, strict=True)][1:-1]

    def attention(x):
        x = jnp.asarray(x, jnp.float32)
        for axis, size in enumerate(sites, start=1):
            x = _pooled(x, axis, size)
        return unit(jnp.mean(x**power, axis=-1).reshape(len(x), -1))

    apart = (attention(ours) - attention(theirs)) ** 2
    if distance == 'squares':
        return jnp.mean(apart, axis=-1)
    if distance == 'length':
        return jnp.sqrt(jnp.maximum(jnp.sum(apart, axis=-1), 1e-12))
    raise InputError(f"distance is {distance!r}; give 'squares' or 'length'.")


def hidden_states(
    states: Sequence[Array],
    teacher_states: Sequence[Array],
    valid: Array | None = None,
    *,
    distance: str = 'squares',
) -> Array:
    """Hidden states of sequences are alike, in layer after layer.

    Args:
      states: [B, T, D] float of each of the student's layers that learn.
      teacher_states: [B, T, D] float of the layer that teaches each of them, such as
        those of ``matched_layers``.
      valid: [B, T], 0 where a sequence is filled up, or at all tokens that are not to
        be taught; None is 1.
      distance: 'squares', mean over D, as TinyBERT; or 'cosine', as DistilBERT.

    Returns:
      float32 [B], the mean over layers, whose mean over the batch is that over its
      tokens (``site_mean``): long sequences count more.

    Raises:
      InputError: if layers or shapes differ, or for another distance.

    Source: Jiao et al. 2020 (TinyBERT), arXiv 1909.10351, equation 8; Sanh et al. 2019
    (DistilBERT), arXiv 1910.01108.
    """
    if distance not in ('squares', 'cosine'):
        raise InputError(f"distance is {distance!r}; give 'squares' or 'cosine'.")
    if not states or len(states) != len(teacher_states):
        raise InputError(
            f'states are of {len(states)} layers and teacher_states of '
            f'{len(teacher_states)}; give a layer of the teacher for each of the '
            "student's."
        )
    tokens = []
    for pair in zip(states, teacher_states, strict=True):
        ours, theirs = _pair(*pair)
        if distance == 'cosine':
            tokens.append(cosine_alignment(ours, theirs))
        else:
            tokens.append(jnp.mean((ours - theirs) ** 2, axis=-1))
    mean = jnp.mean(jnp.stack(tokens), axis=0)
    if valid is None:
        valid = jnp.ones(mean.shape)
    elif valid.shape != mean.shape:
        raise InputError(
            f'valid has shape {valid.shape} and the tokens {mean.shape}; give a number '
            'a token.'
        )
    return site_mean(mean, jnp.asarray(valid, jnp.float32))


def matched_layers(layers: int, teacher_layers: int) -> tuple[int, ...]:
    """Returns which layer of a teacher teaches each of a student's, evenly spaced.

    Args:
      layers: how many the student has.
      teacher_layers: at least as many; the last one teaches the last.

    Raises:
      InputError: if the teacher has fewer.
    """
    if not 0 < layers <= teacher_layers:
        raise InputError(
            f'layers is {layers} and teacher_layers {teacher_layers}; a student has at '
            "least one layer and at most its teacher's."
        )
    return tuple((i + 1) * teacher_layers // layers - 1 for i in range(layers))


def _pooled(x: Array, axis: int, size: int) -> Array:
    """Means over an axis of n sites, ``size`` of them: i of those from i n / size."""
    sites = x.shape[axis]
    if sites == size:
        return x
    first = np.arange(size) * sites // size
    last = -(-(np.arange(size) + 1) * sites // size)
    place = np.arange(sites)
    within = (place >= first[:, None]) & (place < last[:, None])
    weights = jnp.asarray(within / within.sum(1, keepdims=True), jnp.float32)
    means = jnp.tensordot(x, weights, (axis, 1), precision=jax.lax.Precision.HIGHEST)
    return jnp.moveaxis(means, -1, axis)


def _pair(features, teacher_features):
    """Both in float32, the teacher's stopped."""
    if jnp.shape(features) != jnp.shape(teacher_features):
        raise InputError(
            f'features has shape {jnp.shape(features)} and teacher_features '
            f"{jnp.shape(teacher_features)}; bring the student's to the teacher's "
            'shape by a layer that is trained.'
        )
    ours, theirs = (jnp.asarray(x, jnp.float32) for x in (features, teacher_features))
    return ours, jax.lax.stop_gradient(theirs)
