"""Adversarial views: the small step that changes an answer most.

They ask the model itself, so a method calls them; ``prepare`` can't. Inside, only the
inputs are differentiated, and what comes back is a constant: no gradient reaches the
weights through the attack.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError, PyTree
from ssljax.views.prepare import row_keys


def fgsm(loss: Callable[[PyTree], Array], inputs: PyTree, *, size: float) -> PyTree:
    r"""Fast gradient sign: every number moves by ``size`` to where the loss is higher.

    .. math:: x + \epsilon\,\mathrm{sign}(\nabla_x \ell(x))

    Args:
      loss: ``inputs -> [...]``, summed here.
      inputs: a pytree of floats; not clipped afterwards.
      size: epsilon >= 0, in the units of the inputs.

    Raises:
      InputError: if an input is not of floats.

    Source: Goodfellow et al. 2014, arXiv 1412.6572.
    """
    _check(inputs)
    slope = jax.grad(lambda x: jnp.sum(loss(x)))(inputs)
    moved = jax.tree.map(lambda x, g: x + size * jnp.sign(g), inputs, slope)
    return jax.lax.stop_gradient(moved)


def virtual(
    logits_of: Callable[[Array], Array],
    inputs: Array,
    key: Array,
    *,
    size: float,
    iterations: int = 1,
) -> Array:
    r"""Virtual adversary: a step of a given length that moves the distribution most.

    From a random direction, power iteration towards the first eigenvector of the
    second derivative of :math:`\mathrm{KL}(p(x) \| p(x+d))` at :math:`d = 0`:

    .. math:: d \leftarrow J^\top\big(\mathrm{diag}(p) - p p^\top\big) J d, \quad
        d \leftarrow d / |d|_2, \quad x + \epsilon\,d

    with J the derivative of the logits. The paper takes this product as a difference
    quotient over :math:`\xi d`, whose limit of small :math:`\xi` it is; in float32 the
    quotient is lost in rounding (at its 1e-6 the direction is any).

    Args:
      logits_of: ``inputs -> [B, ..., C]``; it must be differentiable forwards, and draw
        the same noise at every call.
      inputs: [B, ...] floats.
      key: of the first direction, one for each row.
      size: epsilon, the step's length over all axes but the first.
      iterations: of power iteration, at least 1.

    Returns:
      [B, ...]; a row whose distribution no step changes stays as it is.

    Raises:
      InputError: if the inputs are not one array of floats, or there is no iteration.

    Source: Miyato et al. 2017 (VAT), arXiv 1704.03976, section 3.3.
    """
    _check(inputs)
    if not hasattr(inputs, 'dtype'):
        raise InputError('inputs is a tree; give the one array that is to move.')
    if iterations < 1:
        raise InputError(f'iterations is {iterations}; give at least 1.')
    inputs = jax.lax.stop_gradient(inputs)
    keys = row_keys(key, shards.row_numbers(inputs.shape[0], like=inputs))
    draw = jax.vmap(lambda one: jax.random.normal(one, inputs.shape[1:]))
    direction = _unit(draw(keys))
    logits, push = jax.linearize(logits_of, inputs)
    pull = jax.linear_transpose(push, inputs)
    for _ in range(iterations):
        change = push(direction.astype(inputs.dtype))
        (direction,) = pull(_fisher(logits, change).astype(logits.dtype))
        direction = _unit(direction)
    moved = inputs + (size * direction).astype(inputs.dtype)
    return jax.lax.stop_gradient(moved)


def _fisher(logits: Array, change: Array) -> Array:
    """``(diag(p) - p p^T) change``, float32 [..., C], of logits [..., C]."""
    probs = jax.nn.softmax(logits.astype(jnp.float32))
    # From the most probable class on: where p is nearly 1, nothing cancels then.
    best = jnp.argmax(logits, axis=-1, keepdims=True)
    change = change.astype(jnp.float32)
    change = change - jnp.take_along_axis(change, best, axis=-1)
    return probs * (change - jnp.sum(probs * change, axis=-1, keepdims=True))


def _unit(x: Array) -> Array:
    """Rows of length 1, float32; rows of zeros stay."""
    flat = x.astype(jnp.float32).reshape(x.shape[0], -1)
    # Their squares might underflow: a sure answer hardly moves.
    largest = jnp.max(jnp.abs(flat), axis=-1, keepdims=True)
    flat = flat / jnp.where(largest > 0, largest, 1.0)
    length = jnp.sqrt(jnp.sum(flat**2, axis=-1, keepdims=True))
    return (flat / jnp.where(length > 0, length, 1.0)).reshape(x.shape)


def _check(inputs: PyTree) -> None:
    for leaf in jax.tree.leaves(inputs):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise InputError(
                f'inputs has {leaf.dtype}; an adversary moves floats: images, waves, '
                'or the embeddings of tokens.'
            )
