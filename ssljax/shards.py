"""Rows that lie on several devices: what concerns all of them, and what only its own.

Under ``jit`` a batch that is split over devices is one array, the compiler adds what
has to be sent, and nothing here does anything. Inside ``jax.shard_map`` each device
sees its own rows only: then ``total``, ``mean`` and ``gather`` reach over all of them.
They find the axes of the mesh in the types of the arrays (``check_vma``, which is on by
default), so that a loss, a rule or a method needs no argument for either case::

    shards.mean(probs.mean(0))  # [C], of the whole batch, inside shard_map or not
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from ssljax.contracts import Array, PyTree

BATCH = ('data', 'fsdp')
"""Axes of a mesh that split the rows of a batch, the outer one first."""


def axes(tree: PyTree) -> tuple[str, ...]:
    """Returns the mesh axes over which some leaf differs, in the order of the mesh.

    Outside of ``jax.shard_map`` there are none.
    """
    found = {
        name for leaf in jax.tree.leaves(tree) for name in jax.typeof(leaf).mat.varying
    }
    return tuple(n for n in jax.sharding.get_abstract_mesh().axis_names if n in found)


def total(tree: PyTree) -> PyTree:
    """Returns the sum over the devices, leaf by leaf; what does not differ stays."""
    return _reduced(jax.lax.psum, tree)


def mean(tree: PyTree) -> PyTree:
    """Returns the mean over the devices, leaf by leaf; what does not differ stays."""
    return _reduced(jax.lax.pmean, tree)


def most(tree: PyTree) -> PyTree:
    """Returns the largest over the devices, leaf by leaf."""
    return _reduced(jax.lax.pmax, tree)


def gather(tree: PyTree) -> PyTree:
    """Returns the rows [n, ...] of all devices [N, ...], in the order of the batch.

    Leaves that do not differ between devices have all rows already, and stay.
    """

    def all_rows(x, names):
        return jax.lax.all_gather(x, names, tiled=True, to='invarying')

    return _reduced(all_rows, tree)


def count(like: PyTree) -> int:
    """Returns over how many devices ``like`` is spread; 1 outside of shard_map."""
    sizes = jax.sharding.get_abstract_mesh().shape
    return math.prod(sizes[name] for name in axes(like))


def row_numbers(rows: int, like: PyTree) -> Array:
    """Returns the numbers [rows] int32 of this device's rows in the whole batch.

    Args:
      rows: on this device.
      like: arrays spread as the rows are.
    """
    own = jnp.arange(rows, dtype=jnp.int32)
    names = axes(like)
    return own + rows * jax.lax.axis_index(names) if names else own


def own_key(key: Array, like: PyTree) -> Array:
    """Returns a key [] for noise on rows: of each device its own, where they differ."""
    names = tuple(name for name in axes(like) if name not in axes(key))
    return jax.random.fold_in(key, jax.lax.axis_index(names)) if names else key


def spread(tree: PyTree, like: PyTree) -> PyTree:
    """Returns the tree typed as different wherever ``like`` is.

    Gradients of what is spread are of the device's own rows: ``total`` adds them up, in
    one message, where each use would send its own.
    """

    def typed(x):
        names = tuple(name for name in axes(like) if name not in axes(x))
        return jax.lax.pcast(x, names, to='varying') if names else x

    return jax.tree.map(typed, tree)


def by_rows(fn: Callable, *trees: PyTree) -> PyTree:
    """Calls a function of rows, device by device where they lie on several.

    Under ``jit`` in a mesh (``jax.set_mesh``) with axes named in ``BATCH``, nothing
    that the function does can make rows travel. Elsewhere it is ``fn(*trees)``.

    Args:
      fn: of arrays [rows, ...] to arrays [rows, ...], each row of its own.
      *trees: its arguments.
    """
    mesh = jax.sharding.get_abstract_mesh()
    kinds = dict(zip(mesh.axis_names, mesh.axis_types, strict=True))
    split = tuple(n for n in BATCH if kinds.get(n) == AxisType.Auto)
    size = math.prod(mesh.shape[name] for name in split)
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(trees)}
    if size == 1 or any(n % size for n in rows):
        return fn(*trees)
    spec = PartitionSpec(split)
    run = jax.shard_map(
        fn,
        in_specs=(spec,) * len(trees),
        out_specs=spec,
        axis_names=set(split),
        check_vma=False,  # nothing is sent; and anybody's loops and branches pass
    )
    return run(*trees)


def _reduced(collective: Callable, tree: PyTree) -> PyTree:
    def one(x):
        names = axes(x)
        return collective(x, names) if names else x

    return jax.tree.map(one, tree)
