"""Which rows of a pool to take next, by what a network answers on it.

Beside these, ``k_centre`` covers features (Sener & Savarese 2018) or the answers
(PCoreSet), and ``robust_sampling`` asks a teacher that errs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


def entropy(probs: Array) -> Array:
    """Returns how open answers are, in nats: [...] of [..., C]."""
    return -jnp.sum(probs * jnp.log(jnp.where(probs > 0, probs, 1.0)), axis=-1)


def margin(probs: Array) -> Array:
    """Returns how far the first class is before the second: [...] of [..., C].

    Uncertain rows have a small one; RAD's gain is one less it.
    """
    best = jax.lax.top_k(probs, 2)[0]
    return best[..., 0] - best[..., 1]


def highest(scores: Array, count: int) -> Array:
    """Returns the rows [count] int32 of the highest scores [N], the best first."""
    _check(count, len(scores))
    return jax.lax.top_k(scores, count)[1].astype(jnp.int32)


def highest_of_classes(probs: Array, count: int) -> Array:
    """Mines a pool: for each class the rows that are most probably of it.

    Args:
      probs: [N, C] float, a teacher's answers.
      count: how many of each class, at most N.

    Returns:
      int32 [C, count], the surest first. A row can be of two classes: the mined set is
      ``np.unique`` of it.

    Raises:
      InputError: if there are not ``count`` rows.

    Source: Cui et al. 2021 (SSLD), arXiv 2103.05959.
    """
    _check(count, len(probs))
    return jax.lax.top_k(probs.T, count)[1].astype(jnp.int32)


def class_balanced(key: Array, guess: Array, known: Array, count: int) -> Array:
    """Any rows of the classes of which the fewest are known, evening them out.

    The next row is always of the class that has the fewest, known and taken together.
    (PCoreSet's code divides the number by inverse frequencies, and fills up at random.)

    Args:
      key: PRNG key, consumed; it chooses within classes and among equals.
      guess: [N] int32 in [0, C), the class that the network answers.
      known: [C] int32, how many labels there are of each.
      count: how many to take, at most N.

    Returns:
      int32 [count], in the order taken.

    Raises:
      InputError: if there are not ``count`` rows.
    """
    rows = len(guess)
    _check(count, rows)
    guess = jnp.asarray(guess)
    shuffled = jax.random.permutation(key, rows)
    by_class = shuffled[jnp.argsort(guess[shuffled], stable=True)]
    own = guess[by_class]
    place = jnp.arange(rows) - jnp.searchsorted(own, own, side='left')
    # What its class will have when it is a row's turn.
    turn = jnp.zeros(rows, jnp.int32).at[by_class].set(place.astype(jnp.int32))
    turn = turn + jnp.asarray(known, jnp.int32)[guess]
    order = shuffled[jnp.argsort(turn[shuffled], stable=True)]
    return order[:count].astype(jnp.int32)


def badge(
    key: Array, probs: Array, count: int, *, features: Array | None = None
) -> Array:
    r"""Rows whose gradients are large and unlike: k-means++ over the last layer's.

    .. math:: g_i = (p_i - e_{\hat y_i}) \otimes h_i, \quad
        \Pr(i) \propto \min_{s \in S} \|g_i - g_s\|^2

    with the answer taken for the label; the first is the one with the longest gradient.
    Distances come from those of the two factors, so that no [N, C D] array is made.

    Args:
      key: PRNG key, consumed.
      probs: p, [N, C] float.
      count: how many to take, at most N.
      features: h, [N, D] float, what the last layer eats; None is the gradient of its
        bias alone, which knows the answers only.

    Returns:
      int32 [count], in the order taken, none twice.

    Raises:
      InputError: if there are not ``count`` rows.

    Source: Ash et al. 2020, arXiv 1906.03671, algorithm 1, and its code for the first.
    """
    rows = len(probs)
    _check(count, rows)
    probs = jnp.asarray(probs, jnp.float32)
    errors = probs - jax.nn.one_hot(jnp.argmax(probs, axis=-1), probs.shape[-1])
    features = jnp.asarray(
        jnp.ones((rows, 1)) if features is None else features, jnp.float32
    )
    square = jnp.sum(errors**2, axis=-1) * jnp.sum(features**2, axis=-1)

    def nearer(distance, row):
        """Squared distances [N] to the nearest taken row, once ``row`` is one."""
        exact = jax.lax.Precision.HIGHEST
        alike = jnp.matmul(errors, errors[row], precision=exact)
        alike = alike * jnp.matmul(features, features[row], precision=exact)
        own = jnp.maximum(square + square[row] - 2 * alike, 0.0)
        return jnp.minimum(distance, own).at[row].set(-jnp.inf)

    def pick(carry, key):
        distance, row = carry
        distance = nearer(distance, row)
        # Twins of taken rows are possible, if nothing else is left; taken ones never.
        tiny = jnp.finfo(jnp.float32).tiny
        free = jnp.log(jnp.maximum(distance, tiny))
        logits = jnp.where(jnp.isneginf(distance), -jnp.inf, free)
        chosen = jax.random.categorical(key, logits).astype(jnp.int32)
        return (distance, chosen), row

    first = jnp.argmax(square).astype(jnp.int32)
    start = jnp.full(rows, jnp.inf), first
    return jax.lax.scan(pick, start, jax.random.split(key, count))[1]


def _check(count: int, rows: int) -> None:
    if not 0 <= count <= rows:
        raise InputError(f'count is {count}; {rows} rows are left to choose from.')
