"""Connected components of masks, under jit, of any number of axes."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError


def components(mask: Array, *, connectivity: int | None = None) -> Array:
    """Numbers the connected components of a mask.

    Every site takes the smallest number among its neighbours, and then the number that
    the site of that number has, until nothing changes: the way is halved again and
    again, where neighbours alone would have to walk all of it.

    Args:
      mask: [*S] bool, one to three axes or more.
      connectivity: how many coordinates of neighbours may differ, from 1 (faces) to the
        number of axes (corners, too), which is the default.

    Returns:
      [*S] int32: 0 outside, else 1 + the position of the component's first site in
      row-major order. The numbers have gaps.

    Raises:
      InputError: for another connectivity.
    """
    mask = jnp.asarray(mask, bool)
    axes, nowhere = mask.ndim, mask.size
    reach = axes if connectivity is None else connectivity
    if not 1 <= reach <= axes:
        raise InputError(f'connectivity is {connectivity}; give 1 to {axes}.')
    ways = [
        way
        for way in itertools.product((-1, 0, 1), repeat=axes)
        if 0 < sum(map(abs, way)) <= reach
    ]
    own = jnp.arange(nowhere, dtype=jnp.int32).reshape(mask.shape)
    start = jnp.where(mask, own, nowhere)

    def spread(carry):
        labels, _ = carry
        around = jnp.pad(labels, 1, constant_values=nowhere)
        found = labels
        for way in ways:
            at = [1 + step for step in way]
            ends = [a + n for a, n in zip(at, mask.shape, strict=True)]
            found = jnp.minimum(found, jax.lax.slice(around, at, ends))
        found = jnp.where(mask, found, nowhere)
        numbers = jnp.append(found.reshape(-1), nowhere)
        found = numbers[found]
        return found, jnp.any(found != labels)

    going = shards.spread(jnp.array(True), like=mask)
    labels, _ = jax.lax.while_loop(lambda carry: carry[1], spread, (start, going))
    return jnp.where(mask, labels + 1, 0)


def largest_component(mask: Array, *, connectivity: int | None = None) -> Array:
    """Returns the largest component of a mask [*S] bool; of equals the first.

    Args:
      mask: [*S] bool; an empty one stays empty.
      connectivity: as in ``components``.
    """
    labels = components(mask, connectivity=connectivity)
    sizes = jnp.zeros(labels.size + 1, jnp.int32).at[labels].add(1).at[0].set(0)
    return (labels > 0) & (labels == jnp.argmax(sizes).astype(labels.dtype))


def largest_of_classes(
    ids: Array, num_classes: int, *, connectivity: int | None = None
) -> Array:
    """Keeps the largest component of every class but 0, of each example.

    Args:
      ids: [B, *S] int class ids.
      num_classes: C.
      connectivity: as in ``components``.

    Returns:
      [B, *S] int of the type of ids; 0, the background, where something was removed.

    Source: the pseudo-labels of BCP, arXiv 2305.00673.
    """

    def one(ids, number):
        return largest_component(ids == number, connectivity=connectivity)

    numbers = jnp.arange(1, num_classes, dtype=ids.dtype)
    kept = jax.vmap(jax.vmap(one, (None, 0)), (0, None))(ids, numbers)  # [B, C - 1, *S]
    return jnp.where(kept.any(1), ids, 0)
