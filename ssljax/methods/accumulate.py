"""Gradient accumulation: a batch that does not fit, slice after slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ssljax import shards
from ssljax.contracts import InputError, PyTree


class Accumulated(NamedTuple):
    """An optimizer that wants the gradients of a batch in parts."""

    init: Callable
    update: Callable
    parts: int


def accumulated(
    optimizer: optax.GradientTransformation, parts: int
) -> optax.GradientTransformation | Accumulated:
    """Returns the optimizer, for which a step takes its batch in equal parts.

    They pass one after the other, at the memory of one, and the optimizer moves once by
    the mean of their gradients. Every stream is cut alike: part j has the rows j,
    j + parts, ..., so that each device has rows of all parts.

    The same as the whole batch at once, but for rounding, where a loss is a mean over
    rows. Batch statistics, noise, and what a rule or a loss makes of a batch as a whole
    (a mean over the kept rows, InfoNCE) are of each part by itself; statistics and
    memory pass from part to part.

    Args:
      optimizer: of one network. What wraps the result in turn forgets the parts, so
        this comes last.
      parts: at least 1, which changes nothing.

    Raises:
      InputError: if parts is below 1; when traced, if a stream does not divide, or from
        a method whose step takes its gradients itself.

    Example::

      method = methods.fixmatch(
          network, methods.accumulated(optax.adam(1e-3), 4), num_classes=10
      )
    """
    if parts != int(parts) or parts < 1:
        raise InputError(f'parts is {parts}; give a whole number, 1 or more.')
    if parts == 1:
        return optimizer
    return Accumulated(optimizer.init, optimizer.update, int(parts))


def parts_of(optimizer: Any) -> int:
    """Returns in how many parts an optimizer, or one a network, takes a batch.

    Raises:
      InputError: if the networks differ.
    """
    each = optimizer.values() if isinstance(optimizer, Mapping) else [optimizer]
    found = {getattr(one, 'parts', 1) for one in each}
    if len(found) > 1:
        raise InputError(
            f'The optimizers take a batch in {sorted(found)} parts; accumulate all '
            'networks alike.'
        )
    return found.pop()


def plain(optimizer: Any) -> Any:
    """Returns the optimizer, or those by network, as it was before ``accumulated``."""
    if isinstance(optimizer, Mapping):
        return {name: plain(one) for name, one in optimizer.items()}
    if isinstance(optimizer, Accumulated):
        return optax.GradientTransformation(optimizer.init, optimizer.update)
    return optimizer


def in_parts(grad: Callable, parts: int) -> Callable:
    """Returns ``grad``, taken of a batch part by part.

    Args:
      grad: ``(params, state, batch, key) -> ((loss [], Aux), gradients)``.
      parts: that each stream is cut into.

    Returns:
      A function like ``grad``. Loss, gradients and scalar metrics are means over the
      parts, rows among the metrics are in the order of the batch, statistics and memory
      are those after the last part.
    """
    if parts == 1:
        return grad

    def run(params, state, batch, key):
        def one(carry, j):
            moving, total = carry
            part = jax.tree.map(lambda x: x[:, j], cut)
            here = state._replace(**moving)
            (loss, aux), grads = grad(params, here, part, jax.random.fold_in(key, j))
            moving = {
                'stats': {**here.stats, **shards.mean(aux.stats)},
                'memory': {**here.memory, **aux.memory},
            }
            total = jax.tree.map(jnp.add, total, grads)
            return (moving, total), (loss, aux._replace(stats={}, memory={}))

        cut = _cut(batch, parts)
        start = {'stats': state.stats, 'memory': state.memory}
        zeros = jax.tree.map(jnp.zeros_like, params)
        (moved, total), (loss, aux) = jax.lax.scan(
            one,
            (start, zeros),
            jnp.arange(parts),
            # A convolution inside a loop is many times slower on CPU.
            unroll=parts if jax.default_backend() == 'cpu' else 1,
        )
        aux = aux._replace(metrics=jax.tree.map(_whole, aux.metrics), **moved)
        return (loss.mean(), aux), jax.tree.map(lambda x: x / parts, total)

    return run


def _cut(batch: PyTree, parts: int) -> PyTree:
    """Rows [n, ...] of every stream as [n / parts, parts, ...]."""

    def leaf(path, x):
        if x.shape[0] % parts:
            raise InputError(
                f'The batch has {x.shape[0]} rows in its stream '
                f'{jax.tree_util.keystr(path[:1], simple=True)!r}, on each device '
                f'where it lies on several, which {parts} parts can not share; choose '
                'batch_size, ratio and accumulate so that they can.'
            )
        return x.reshape(x.shape[0] // parts, parts, *x.shape[1:])

    return jax.tree_util.tree_map_with_path(leaf, batch)


def _whole(metric):
    """Scalars [parts] to their mean, rows [parts, n / parts, ...] to [n, ...]."""
    if metric.ndim == 1:
        return metric.mean()
    return jnp.swapaxes(metric, 0, 1).reshape(-1, *metric.shape[2:])
