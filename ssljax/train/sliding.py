"""Answers on large images and volumes, window by window."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, Method


def sliding(
    answer: Callable,
    patch: Sequence[int],
    *,
    overlap: float = 0.5,
    at_once: int = 4,
) -> Callable:
    """Returns an answer that asks ``answer`` about overlapping windows.

    Probabilities are averaged where windows overlap, and given back as their
    logarithms. An axis that is shorter than the patch is padded with zeros on both
    sides, which a warning says, and cut off again. ::

        wide = train.sliding(method.predict, (112, 112, 80), overlap=0.75)
        evaluate(wide, state)  # made once: it is compiled by identity

    Args:
      answer: ``(state, inputs [B, *S, channels], key=...) -> Outputs`` with 'logits'
        [B, *S, C], such as ``method.predict``.
      patch: size of a window along S.
      overlap: share in [0, 1) that neighbours have in common along an axis, or more:
        the last window ends where the image does.
      at_once: windows of an image in one call. Several calls are one loop, which is
        slow on processors: there, take all at once.

    Returns:
      ``(state, inputs, *, key=None) -> {'logits': [B, *S, C] float32}``.

    Raises:
      InputError: for impossible numbers; when traced, for another number of axes.

    Source: the inference of UA-MT and SSL4MIS (test_3D_util.py).
    """
    patch = tuple(patch)
    if not patch or min(patch) < 1:
        raise InputError(f'patch is {patch}; give a size above 0 along each axis.')
    if not 0 <= overlap < 1:
        raise InputError(f'overlap is {overlap}; give a share in [0, 1).')
    if at_once < 1:
        raise InputError(f'at_once is {at_once}; give at least 1.')

    def wide(state, inputs, *, key=None):
        size = inputs.shape[1:-1]
        if len(size) != len(patch):
            raise InputError(
                f'patch is {patch}, but the inputs {inputs.shape} have {len(size)} '
                'axes; give one number for each.'
            )
        lacking = [max(p - n, 0) for p, n in zip(patch, size, strict=True)]
        if any(lacking):
            warnings.warn(
                f'Inputs of {size} are padded with zeros to the patch {patch}.',
                stacklevel=2,
            )
        before = [n // 2 for n in lacking]
        pads = [(a, n - a) for a, n in zip(before, lacking, strict=True)]
        padded = jnp.pad(inputs, [(0, 0), *pads, (0, 0)])
        full = padded.shape[1:-1]
        starts = jnp.array(
            list(itertools.product(*map(_starts, full, patch, [overlap] * len(patch))))
        )
        count = min(at_once, len(starts))
        # Filled up by the last window again, which then weighs nothing.
        calls = -(-len(starts) // count)
        counts = jnp.arange(calls * count) < len(starts)
        numbers = jnp.minimum(jnp.arange(calls * count), len(starts) - 1)
        groups = starts[numbers].reshape(calls, count, -1)
        counts = counts.astype(jnp.float32).reshape(calls, count)

        def probs_of(group, number):
            windows = jnp.concatenate(
                [
                    jax.lax.dynamic_slice(
                        padded, (0, *at, 0), (len(inputs), *patch, inputs.shape[-1])
                    )
                    for at in group
                ]
            )
            own = None if key is None else jax.random.fold_in(key, number)
            logits = answer(state, windows, key=own)['logits']
            probs = jax.nn.softmax(jnp.asarray(logits, jnp.float32))
            return probs.reshape(count, len(inputs), *probs.shape[1:])

        def add(total, number):
            probs = probs_of(groups[number], number)
            for at, weight, some in zip(
                groups[number], counts[number], probs, strict=True
            ):
                # One more channel counts how often a site was answered.
                seen = jnp.ones((*some.shape[:-1], 1))
                some = weight * jnp.concatenate([some, seen], axis=-1)
                place = (0, *at, 0)
                old = jax.lax.dynamic_slice(total, place, some.shape)
                total = jax.lax.dynamic_update_slice(total, old + some, place)
            return total, None

        classes = jax.eval_shape(probs_of, groups[0], 0).shape[-1]
        total = jnp.zeros((len(inputs), *full, classes + 1), jnp.float32)
        if calls == 1:
            total, _ = add(total, 0)
        else:
            total, _ = jax.lax.scan(add, total, jnp.arange(calls))
        cut = [slice(a, a + n) for a, n in zip(before, size, strict=True)]
        total = total[(slice(None), *cut)]
        mean = total[..., :-1] / total[..., -1:]
        return {'logits': jnp.log(jnp.maximum(mean, jnp.finfo(mean.dtype).tiny))}

    return wide


def by_windows(method: Method, patch: Sequence[int], **arguments) -> Method:
    """Returns the method with answers by windows, for evaluation and prediction.

    Args:
      method: whose networks answer 'logits' of every site.
      patch: as in ``sliding``.
      **arguments: further ones of it.
    """
    wide = {
        name: sliding(answer, patch, **arguments)
        for name, answer in method.answers.items()
    }
    return method._replace(predict=wide[method.ship], answers=wide)


def _starts(size: int, patch: int, overlap: float) -> list[int]:
    """Returns where windows begin along an axis, evenly spread from end to end."""
    room = size - patch
    count = 1 + math.ceil(room / max(1, int(patch * (1 - overlap))))
    return [round(number * room / max(count - 1, 1)) for number in range(count)]
