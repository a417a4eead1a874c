"""Where arrays lie: a mesh of devices, a table of rules, and how a step is compiled.

One layout serves one chip and a pod alike::

    layout = sharding.layout(fsdp=4)  # all devices: the rest of them are 'data'
    state = sharding.init(layout, method.init, key, batch)
    step = sharding.jit(layout, method.step, state, donate=True)
    state, metrics = step(state, sharding.place(layout, batch))

``programs.Run(folder, layout=layout)`` does the same, and saves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from ssljax import shards
from ssljax.contracts import InputError, PyTree, State, Stream

AXES = (*shards.BATCH, 'model')
"""Axes of the mesh: 'data' splits rows, 'fsdp' rows and parameters, 'model' those."""

Rules = Sequence[tuple[str, str | tuple[str | None, ...]]]
"""(regular expression, how to split) pairs, of which the first that is found counts.

The expression is searched in a path such as ``params/student/block1/0/conv1/kernel``.
The same parameter lies under ``opt/student/.../block1/0/conv1/kernel`` and
``memory/teacher/.../block1/0/conv1/kernel`` too, so that ``block1/0/conv1/kernel$``
splits student, optimizer and teachers alike. How to split is, for each axis of the
array, None or an axis of the mesh, ``(None, None, None, 'model')``, which leaves arrays
with more or fewer axes whole; or one axis of the mesh, for the longest that it divides.
"""
FSDP: Rules = (('', 'fsdp'),)

SMALL = 1024
"""Elements; by one name alone, an array of fewer stays whole on every device."""


class Layout(NamedTuple):
    """A mesh and what lies how on it; made by ``layout``."""

    mesh: Mesh
    rules: Rules
    partition: str  # 'auto' or 'shard_map'


def layout(
    devices: Sequence[jax.Device] | None = None,
    *,
    fsdp: int = 1,
    model: int = 1,
    rules: Rules = FSDP,
    partition: str = 'auto',
) -> Layout:
    """Returns a layout over devices, which share the rows of a batch.

    Args:
      devices: None is all, of all processes.
      fsdp: devices that share parameters, and what follows them in the State, as well
        as rows (Zhao et al., 2023, https://arxiv.org/abs/2304.11277).
      model: devices that share parameters and have the same rows.
      rules: which arrays of the State are split how; what no rule finds is whole on
        every device.
      partition: 'auto' leaves it to the compiler what is sent; batch statistics are of
        the whole batch. 'shard_map' runs the step device by device, what concerns all
        rows is sent by ``ssljax.shards``; batch statistics are as the network says.

    Raises:
      InputError: if the devices can't be shared so, or partition has no such value.
    """
    devices = list(jax.devices() if devices is None else devices)
    if partition not in ('auto', 'shard_map'):
        raise InputError(f"partition is {partition!r}; give 'auto' or 'shard_map'.")
    if fsdp < 1 or model < 1 or len(devices) % (fsdp * model):
        raise InputError(
            f'fsdp, model are {fsdp}, {model}, whose product must divide the '
            f'{len(devices)} devices.'
        )
    if partition == 'shard_map' and fsdp * model > 1:
        raise InputError(
            f"partition is 'shard_map' and fsdp, model are {fsdp}, {model}; there the "
            "state is whole on every device: give 1, 1, or partition 'auto'."
        )
    _check_rules(rules)
    shape = (len(devices) // (fsdp * model), fsdp, model)
    return Layout(_mesh(devices, shape), _hashable(rules), partition)


def whole(layout: Layout) -> NamedSharding:
    """Returns how arrays lie that every device has."""
    return NamedSharding(layout.mesh, PartitionSpec())


def row_shares(layout: Layout) -> int:
    """Returns among how many devices the rows of a batch are shared."""
    return math.prod(layout.mesh.shape[name] for name in shards.BATCH)


def shardings(layout: Layout, tree: PyTree) -> PyTree:
    """Returns the NamedSharding of every array of a State, or of a part of it.

    Args:
      layout: whose rules are applied.
      tree: of arrays or ShapeDtypeStructs.

    Raises:
      InputError: if a rule splits an axis that its devices do not divide.
    """

    def one(path, leaf):
        spec = _spec(layout, _path(path), leaf.shape)
        return NamedSharding(layout.mesh, PartitionSpec(*spec))

    return jax.tree_util.tree_map_with_path(one, tree)


def init(layout: Layout, start: Callable, *args: Any, **options: Any) -> PyTree:
    """Returns ``start(*args)``, each array made where it belongs.

    No device ever holds the whole of what is split.

    Args:
      layout: where.
      start: such as ``method.init``.
      *args: its arguments.
      **options: of ``jax.jit``.
    """
    with jax.set_mesh(layout.mesh):
        where = shardings(layout, jax.eval_shape(start, *args))
        return jax.jit(start, out_shardings=where, **options)(*args)


def place(
    layout: Layout, batch: Mapping[str, Any], *, leading: int = 0
) -> dict[str, Any]:
    """Puts a batch on the devices, each device its own rows.

    Args:
      layout: where.
      batch: ``{stream: {field: [n, ...]}}`` as a feed gives it: numpy, of this process
        its own rows. What is under 'resident' goes to every device.
      leading: axes before the rows, such as one of steps.

    Returns:
      The same of jax arrays, with the rows of all processes.

    Raises:
      InputError: if the devices can't share the rows evenly.
    """
    processes = jax.process_count()
    shares = row_shares(layout) // processes
    by_row = NamedSharding(layout.mesh, PartitionSpec(*[None] * leading, shards.BATCH))

    def put(name, part):
        if name == 'resident':
            where = whole(layout)
        else:
            where = by_row
            uneven = [x for x in jax.tree.leaves(part) if np.shape(x)[leading] % shares]
            if uneven:
                raise InputError(
                    f'The batch has {np.shape(uneven[0])[leading]} rows in its stream '
                    f'{name!r}, which {shares} devices can not share evenly; change '
                    'its size or the number of devices.'
                )
        if processes == 1:
            return jax.device_put(part, where)
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(where, np.asarray(x)), part
        )

    return {name: put(name, part) for name, part in batch.items()}


def move(layout: Layout, tree: PyTree) -> PyTree:
    """Returns copies of the arrays of a State where they belong, of strong types."""
    tree = jax.tree.map(
        lambda x: jnp.asarray(x, x.dtype) if hasattr(x, 'dtype') else jnp.asarray(x),
        tree,
    )
    where = shardings(layout, tree)

    def copies(tree):
        return jax.tree.map(jnp.copy, tree)

    # What lies there already, device_put gives back as it is.
    return jax.jit(copies, out_shardings=where)(jax.device_put(tree, where))


def partitioned(layout: Layout, step: Callable) -> Callable:
    """Returns ``step(state, batch)`` as the layout runs it.

    Args:
      layout: its partition decides: 'auto' is the step itself.
      step: ``(state, batch) -> (state, metrics)``; metrics of no axes are of the whole
        batch, others have its rows.

    Raises:
      InputError: (when called) if the new state differs between devices.
    """
    if layout.partition == 'auto':
        return step

    def sharded(state, batch):
        by_row, everywhere = PartitionSpec(shards.BATCH), PartitionSpec()
        _, metrics = jax.eval_shape(step, state, batch)

        def own(state, batch):
            new, found = step(state, batch)
            for path, leaf in jax.tree_util.tree_leaves_with_path(new):
                if shards.axes(leaf):
                    raise InputError(
                        f'{_path(path)} of the new State is of each device its own; '
                        'reduce it by ssljax.shards.mean, total or gather.'
                    )
            return new, {n: x if x.ndim else shards.mean(x) for n, x in found.items()}

        return jax.shard_map(
            own,
            mesh=layout.mesh,
            in_specs=(
                everywhere,
                {n: everywhere if n == 'resident' else by_row for n in batch},
            ),
            out_specs=(
                everywhere,
                {n: by_row if x.ndim else everywhere for n, x in metrics.items()},
            ),
        )(state, batch)

    return sharded


def jit(layout: Layout, step: Callable, state: State, *, donate: bool) -> Callable:
    """Returns ``step(state, batch) -> (state, metrics)``, compiled for the layout.

    Args:
      layout: where.
      step: such as ``method.step``.
      state: or its shapes; the new one lies as this one.
      donate: whether the state handed in may be overwritten.
    """
    run = jax.jit(
        partitioned(layout, step),
        out_shardings=(shardings(layout, state), None),
        donate_argnums=(0,) * donate,
    )

    def call(state, batch):
        with jax.set_mesh(layout.mesh):
            return run(state, batch)

    return call


def layout_of(tree: PyTree) -> Layout | None:
    """Returns a layout of the mesh on which arrays lie; None if they lie on none."""
    for leaf in jax.tree.leaves(tree):
        sharding = getattr(leaf, 'sharding', None)
        if isinstance(sharding, NamedSharding) and isinstance(sharding.mesh, Mesh):
            if sharding.mesh.axis_names == AXES:
                return Layout(sharding.mesh, (), 'auto')
    return None


def own_rows(count: int) -> slice:
    """Returns which of a batch's rows are of this process."""
    number, processes = jax.process_index(), jax.process_count()
    return slice(number * count // processes, (number + 1) * count // processes)


def check_batch(
    layout: Layout, needs: Mapping[str, Stream], batch_size: int, parts: int = 1
) -> None:
    """Refuses a batch whose rows the devices can't share evenly.

    Args:
      layout: of the devices.
      needs: ``Method.needs``.
      batch_size: rows of a stream of ratio 1.
      parts: slices of a batch, whose rows each device must have too.

    Raises:
      InputError: naming the nearest ``batch_size`` that they can share.
    """
    devices = row_shares(layout)
    shares = devices * parts

    def uneven(size):
        sizes = {name: round(size * one.ratio) for name, one in needs.items()}
        return next((n for n, x in sizes.items() if x % shares or not x), None)

    if (name := uneven(batch_size)) is None:
        return
    near = next(
        size
        for away in range(1, batch_size + shares * 100)
        for size in (batch_size + away, batch_size - away)
        if size > 0 and uneven(size) is None
    )
    raise InputError(
        f'batch_size is {batch_size}, so the {name!r} batch has '
        f'{round(batch_size * needs[name].ratio)} rows, which {devices} devices can '
        f'not share evenly{f" in {parts} slices" * (parts > 1)}; the nearest '
        f'batch_size that they can share is {near}.'
    )


def _mesh(devices: list[jax.Device], shape: tuple[int, ...]) -> Mesh:
    kinds = (AxisType.Auto,) * len(AXES)
    try:
        mesh = jax.make_mesh(shape, AXES, axis_types=kinds, devices=devices)
    except NotImplementedError:  # no such arrangement of a part of a pod is known
        mesh = None
    if mesh is not None and _in_order(mesh):
        return mesh
    # Feeds give process p of P the rows from p n / P on, so that order is kept.
    ordered = sorted(devices, key=lambda d: (d.process_index, d.id))
    return Mesh(np.array(ordered).reshape(shape), AXES, axis_types=kinds)


def _in_order(mesh: Mesh) -> bool:
    """Whether the rows of each process follow those of the one before."""
    owners = [device.process_index for device in mesh.devices.ravel()]
    return owners == sorted(owners)


def _check_rules(rules: Rules) -> None:
    for rule in rules:
        try:
            expression, how = rule
            re.compile(expression)
        except (TypeError, ValueError, re.error) as error:
            raise InputError(
                f'rules holds {rule!r}; give pairs of a regular expression and how to '
                "split, such as ('kernel$', 'fsdp')."
            ) from error
        for name in (how,) if isinstance(how, str) else how:
            if name is not None and name not in AXES:
                raise InputError(
                    f'rules splits by {name!r}; the axes of the mesh are {AXES}.'
                )


def _hashable(rules: Rules) -> Rules:
    return tuple((e, how if isinstance(how, str) else tuple(how)) for e, how in rules)


def _path(path: tuple[Any, ...]) -> str:
    """('params', 'student', '0', 'kernel') of any kinds of keys, by slashes."""
    return jax.tree_util.keystr(path, simple=True, separator='/')


def _spec(layout: Layout, path: str, shape: tuple[int, ...]) -> tuple[str | None, ...]:
    """How the first rule that is found in the path splits an array."""
    for expression, how in layout.rules:
        if not re.search(expression, path):
            continue
        if isinstance(how, str):
            return _longest(layout.mesh.shape[how], how, shape)
        if len(how) != len(shape):
            return ()
        for size, name in zip(shape, how, strict=True):
            if name is not None and size % layout.mesh.shape[name]:
                raise InputError(
                    f'rules splits {path} {shape} by {how}, but {size} rows are '
                    f'not shared evenly by the {layout.mesh.shape[name]} of {name!r}.'
                )
        return how
    return ()


def _longest(parts: int, name: str, shape: tuple[int, ...]) -> tuple[str | None, ...]:
    """Splits the longest axis that divides; the last of several."""
    if parts == 1 or math.prod(shape) < SMALL:
        return ()
    fitting = [(size, i) for i, size in enumerate(shape) if size % parts == 0]
    if not fitting:
        return ()
    _, chosen = max(fitting)
    return tuple(name if i == chosen else None for i in range(len(shape)))
