"""The usual step: one objective, its gradients, the optimizers, what comes after.

A method that needs another order (look-ahead, generator and critic) writes its own step
from ``apply_gradients``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from ssljax import shards
from ssljax.contracts import Array, InputError, Method, PyTree, State, Variables
from ssljax.methods.accumulate import Accumulated, in_parts, parts_of, plain
from ssljax.views import step_key

One: TypeAlias = optax.GradientTransformation | Accumulated
Optimizer: TypeAlias = One | Mapping[str, One]
"""One transformation for every trained network, or one a network, by its name."""


class Aux(NamedTuple):
    """What an objective found beside its loss."""

    metrics: dict[str, Any]
    stats: dict[str, PyTree] = {}  # new statistics, by network
    memory: dict[str, PyTree] = {}  # new entries of State.memory


def optimizer_for(optimizer: Optimizer, name: str) -> One:
    """Returns the transformation that moves network ``name``.

    Raises:
      InputError: if a dict of optimizers lacks the name.
    """
    if isinstance(optimizer, Mapping):
        if name not in optimizer:
            raise InputError(
                f'optimizer has groups {sorted(optimizer)} and none for the network '
                f'{name!r}; add it.'
            )
        return optimizer[name]
    return optimizer


def apply_gradients(
    optimizer: Optimizer, grads: dict[str, PyTree], state: State
) -> State:
    """Moves the networks that have gradients, each by its own optimizer; no other.

    An idle network's optimizer is not called at all: Adam moves parameters also under
    zero gradients.

    Raises:
      InputError: if the optimizer is ``accumulated``: these gradients are of all rows.
    """
    if parts_of(optimizer) > 1:
        raise InputError(
            'This method takes the gradients of a whole batch and can not accumulate '
            'them; give it an optimizer that is not accumulated.'
        )
    params, opt = dict(state.params), dict(state.opt)
    for name, grad in grads.items():
        updates, opt[name] = optimizer_for(optimizer, name).update(
            grad, state.opt[name], state.params[name]
        )
        params[name] = optax.apply_updates(state.params[name], updates)
    return state._replace(params=params, opt=opt)


def gradients(objective: Callable, parts: int = 1) -> Callable:
    """Returns ``(params, *args) -> ((loss [], aux), grads)``, for all rows there are.

    Inside ``jax.shard_map`` each device goes back through its own rows, and what it
    finds is added up once, at the end.

    Args:
      objective: ``(params, *args) -> (loss [], aux)``; the rows are among ``args``. A
        loss that is a mean over the device's rows alone counts as a part of the mean.
      parts: that a batch is cut into; above 1, ``args`` are (state, batch, key) and
        ``aux`` is an Aux (see ``accumulate.in_parts``).
    """

    def whole(params, *args):
        loss, aux = objective(params, *args)
        return shards.mean(loss), aux

    grad = in_parts(jax.value_and_grad(whole, has_aux=True), parts)

    def run(params: PyTree, *args: PyTree) -> tuple[tuple[Array, Any], PyTree]:
        found, grads = grad(shards.spread(params, like=args), *args)
        return found, shards.total(grads)

    return run


def gradient_step(objective: Callable, optimizer: Optimizer) -> Callable:
    """Returns ``(state, batch, key) -> (state, metrics)``: moves all but ``step``.

    Statistics and scalar metrics that differ between the devices of a
    ``jax.shard_map`` are averaged; memory is the objective's own affair.

    Args:
      objective: ``(params, state, batch, key) -> (loss [], Aux)``. ``params`` is what
        gradients are taken of, all of ``state.params``.
      optimizer: one transformation, or one by network name.
    """
    grad = gradients(objective, parts_of(optimizer))
    mover = plain(optimizer)

    def move(state: State, batch: Any, key: Array) -> tuple[State, dict[str, Array]]:
        (loss, aux), grads = grad(state.params, state, batch, key)
        new = apply_gradients(mover, grads, state)
        new = new._replace(
            stats={**state.stats, **shards.mean(aux.stats)},
            memory={**state.memory, **aux.memory},
        )
        return new, {'loss': loss, **jax.tree.map(_of_all, aux.metrics)}

    return move


def _of_all(metric: Any) -> Any:
    """A scalar for all devices; rows stay where they are."""
    return metric if jnp.ndim(metric) else shards.mean(metric)


def learner(
    objective: Callable,
    optimizer: Optimizer,
    after: Callable[[State], State] = lambda state: state,
) -> Callable:
    """Returns ``step(state, batch) -> (state, metrics)``: one gradient step.

    Args:
      objective: as in ``gradient_step``; its key is ``fold_in(state.key, state.step)``.
      optimizer: one transformation, or one by network name.
      after: ``state -> state`` once parameters, statistics and memory have moved, with
        ``state.step`` still the step's own number: teachers are updated here.
    """
    move = gradient_step(objective, optimizer)

    def step(state: State, batch: Any) -> tuple[State, dict[str, Array]]:
        new, metrics = move(state, batch, jax.random.fold_in(state.key, state.step))
        return after(new)._replace(step=state.step + 1), metrics

    return step


def prepared(method: Method, prepare: Callable) -> Method:
    """Returns the method on raw batches: ``prepare(key, raw)`` runs inside its step."""

    def init(key, batch, given=None):
        return method.init(key, prepare(key, batch), given or {})

    def step(state, batch):
        key = step_key(state.key, state.step)
        return method.step(state, prepare(key, batch))

    return method._replace(init=init, step=step)


def start(
    key: Array,
    networks: Mapping[str, tuple[Any, PyTree]],
    optimizer: Optimizer,
    given: Mapping[str, Any],
    *,
    memory: Callable[[dict, dict], dict] = lambda params, stats: {},
    frozen: Mapping[str, PyTree] | None = None,
    alike: Mapping[str, str] | None = None,
) -> State:
    """Builds a State that aliases nothing the caller holds.

    Args:
      key: typed PRNG key [] of the run; each network starts from its name folded in.
      networks: name -> (Network, inputs [B, ...] to shape it by).
      optimizer: as in ``learner``.
      given: name -> Variables to start from, also only a part of them.
      memory: ``(params, stats) -> State.memory``.
      frozen: ``State.frozen``; its names are free in ``given``.
      alike: name -> an earlier name of ``networks``, whose start it shares unless it is
        given one.

    Raises:
      InputError: if ``given`` names an unknown network or does not fit it, if
        ``optimizer`` lacks one, or if the inputs are uint8.
    """
    unknown = set(given) - set(networks) - set(frozen or {})
    if unknown:
        raise InputError(
            f'given has {sorted(unknown)}; this method has the networks '
            f'{sorted(networks)}.'
        )
    params: dict[str, PyTree] = {}
    stats: dict[str, PyTree] = {}
    opt = {}
    for name, (network, inputs) in networks.items():
        _check_inputs(inputs)
        own = jax.random.fold_in(key, zlib.crc32(name.encode()))
        twin = (alike or {}).get(name)
        if twin and name not in given:
            variables = Variables(params[twin], stats[twin])
        else:
            variables = network.init(own, inputs)
        if name in given:
            variables = _over(variables, given[name], f'given[{name!r}]')
        params[name], stats[name] = variables
        opt[name] = optimizer_for(optimizer, name).init(variables.params)
    # One copy at the end: some optimizers keep the very parameters they start from.
    return copy(
        State(
            step=jnp.zeros((), jnp.int32),
            key=key,
            params=params,
            stats=stats,
            opt=opt,
            memory=memory(params, stats),
            frozen=dict(frozen or {}),
        )
    )


def copy(tree: PyTree) -> PyTree:
    """A copy of every array: donation deletes what is aliased."""
    return jax.tree.map(lambda x: jnp.array(x, copy=True), tree)


def _over(initial: Variables, given: Variables, where: str) -> Variables:
    if not isinstance(given, Variables):
        raise InputError(
            f'{where} is a {type(given).__name__}; give contracts.Variables(params, '
            'stats), or Variables(params) alone.'
        )
    return Variables(*(merge(a, b, where) for a, b in zip(initial, given, strict=True)))


def merge(initial: PyTree, given: PyTree, where: str) -> PyTree:
    """Puts the given leaves over the initial ones; what is not given stays.

    Raises:
      InputError: if a given leaf does not exist or has another shape.
    """
    if not (isinstance(initial, Mapping) and isinstance(given, Mapping)):
        if jax.tree.structure(initial) != jax.tree.structure(given):  # type: ignore
            raise InputError(
                f'{where} has structure {jax.tree.structure(given)}; the network has '
                f'{jax.tree.structure(initial)}.'
            )
        for old, new in zip(
            jax.tree.leaves(initial), jax.tree.leaves(given), strict=True
        ):
            if jnp.shape(old) != jnp.shape(new):
                raise InputError(
                    f'{where} has shape {jnp.shape(new)}; the network has '
                    f'{jnp.shape(old)} there.'
                )
        return jax.tree.map(
            lambda old, new: jnp.asarray(new, old.dtype), initial, given
        )
    unknown = set(given) - set(initial)
    if unknown:
        raise InputError(
            f'{where} has {sorted(unknown, key=str)}; the network has '
            f'{sorted(initial, key=str)} there.'
        )
    return {
        name: merge(initial[name], given[name], f'{where}[{name!r}]')
        if name in given
        else initial[name]
        for name in initial
    }


def _check_inputs(inputs: PyTree) -> None:
    for leaf in jax.tree.leaves(inputs):
        if jnp.result_type(leaf) == jnp.uint8:
            raise InputError(
                'The inputs are uint8; convert them to float32, images to [0, 1] by '
                'dividing by 255.'
            )
