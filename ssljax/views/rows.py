"""How a batch goes through a view that chooses among operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, View


def row_by_row(view: View) -> View:
    """Lets each example of a batch pay only for the branch that it takes.

    ``vmap`` of ``lax.switch`` and ``lax.cond`` computes every branch for every row and
    selects. On a processor that is many times the work, so there ``vmap`` of the
    returned view is a loop over the rows, in which a branch is a branch: RandAugment
    is more than ten times as fast so (experiments/benchmarks/views.py). On
    accelerators, where a loop over rows is what costs, it is plain ``vmap``. The values
    are the same. A loop over rows that lie on several processors would gather them:
    ``prepare`` has each of them loop over its own, if it is told of the mesh
    (``jax.set_mesh``); other callers can, by ``shards.by_rows``.

    Args:
      view: for one example.
    """

    @jax.custom_batching.custom_vmap
    def one(key, example):
        return view(key, example)

    @one.def_vmap
    def rows(size, batched, key, example):
        def full(x, is_batched):
            if is_batched:
                return x
            return jnp.broadcast_to(x[None], (size, *jnp.shape(x)))

        key, example = jax.tree.map(full, (key, example), tuple(batched))
        result = jax.lax.platform_dependent(
            key,
            example,
            # Through `one` again, so that a batch of batches is a loop in a loop.
            cpu=lambda keys, rows: jax.lax.map(lambda row: one(*row), (keys, rows)),
            default=jax.vmap(view),
        )
        return result, jax.tree.map(lambda _: True, result)

    return one


def literal(values: Sequence[Any], dtype: Any) -> Array:
    """Returns numbers as an array [n] that is computed, not stored.

    For the branches of ``lax.cond`` and ``lax.switch``: inside ``jax.shard_map`` JAX
    can't ``vmap`` over one that holds a stored array (as of 0.12).
    """
    return jnp.stack([jnp.asarray(x, dtype) for x in values])
