"""Federated: clients train apart, only their weights are averaged."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import shards
from ssljax.contracts import Array, InputError, Method, PyTree, State

OWN = ('params', 'stats', 'opt', 'memory')
"""Fields of a State that each client has of its own, on a leading axis."""

AXES: Any = State(*(0 if name in OWN else None for name in State._fields))  # type: ignore
"""The same for ``vmap``."""


def federated(
    method: Method,
    *,
    clients: int,
    local_steps: int,
    weights: Sequence[float] | None = None,
) -> Method:
    r"""Runs a method at every client, and averages every ``local_steps`` steps.

    .. math:: \theta \leftarrow \sum_k \frac{n_k}{\sum_j n_j}\,\theta_k

    The State is the method's with a leading axis of clients on parameters, statistics,
    optimizers and memory. All floats but the optimizers' are averaged, teachers too;
    optimizers and counters stay with their client. Clients start alike and draw their
    noise apart.

    A batch holds one part for each client, all of the same size, one after the other:
    ``image [clients * B, ...]``. Inside ``jax.shard_map`` it is dealt out anew, so that
    each device has a part of every client's.

    Args:
      method: what each client runs on its own part.
      clients: K, at least 1.
      local_steps: steps between two averages, at least 1.
      weights: [K] n_k >= 0, the rows of each client; None weighs them alike.

    Returns:
      The method of the federation. It predicts by the average, also between rounds; its
      scalar metrics are means over clients.

    Raises:
      InputError: if a number can't be used; when traced, if a batch does not divide.

    Source: McMahan et al. 2017 (FedAvg), arXiv 1602.05629; every client takes part in
    every round.
    """
    if clients < 1 or local_steps < 1:
        raise InputError(
            f'clients is {clients} and local_steps {local_steps}; give at least 1.'
        )
    share = _shares(clients, weights)

    def apart(batch: PyTree) -> PyTree:
        def leaf(x):
            rows = shards.gather(x)
            if rows.shape[0] % (clients * shards.count(x)):
                raise InputError(
                    f'The batch has {rows.shape[0]} rows in a stream; they must divide '
                    f'among {clients} clients on {shards.count(x)} devices.'
                )
            return _own(rows.reshape(clients, -1, *rows.shape[1:]), 1, like=x)

        return jax.tree.map(leaf, batch)

    def init(key, batch, given=None):
        own = jax.tree.map(lambda x: x[0], apart(batch))
        state = method.init(key, own, given or {})
        return _map(lambda x: jnp.broadcast_to(x[None], (clients, *x.shape)), state)

    def local(state: State, client: Array, batch: PyTree):
        own = state._replace(key=jax.random.fold_in(state.key, client))
        moved, metrics = method.step(own, batch)
        return moved._replace(key=state.key, frozen=state.frozen), metrics

    def step(state: State, batch):
        everywhere = jax.vmap(local, in_axes=(AXES, 0, 0), out_axes=(AXES, 0))
        moved, metrics = everywhere(state, jnp.arange(clients), apart(batch))
        done = moved.step % local_steps == 0

        def round_end(x):
            mean = jnp.broadcast_to(_mean(x, share)[None], x.shape)
            return jnp.where(done, mean, x) if _is_float(x) else x

        averaged = _map(round_end, moved, ('params', 'stats', 'memory'))
        return averaged, jax.tree.map(_metric, metrics)

    def by_average(answer):
        def predict(state, inputs, *, key=None):
            return answer(_map(lambda x: _mean(x, share), state), inputs, key=key)

        return predict

    found = {who: by_average(answer) for who, answer in method.answers.items()}
    return Method(
        init=init,
        step=step,
        predict=found[method.ship],
        needs={
            name: stream._replace(ratio=stream.ratio * clients)
            for name, stream in method.needs.items()
        },
        answers=found,
        ship=method.ship,
    )


def _shares(clients: int, weights: Sequence[float] | None) -> Array:
    """[K] float32, sum 1."""
    rows = np.ones(clients) if weights is None else np.asarray(weights, np.float64)
    good = rows.shape == (clients,) and np.isfinite(rows).all() and (rows >= 0).all()
    if not good or rows.sum() <= 0:
        raise InputError(
            f'weights is {weights}; give one number of rows for each of the {clients} '
            'clients, and not all of them 0.'
        )
    return jnp.asarray(rows / rows.sum(), jnp.float32)


def _map(function: Callable, state: State, fields: Sequence[str] = OWN) -> State:
    """The state with a function applied to every array of some fields."""
    return state._replace(
        **{name: jax.tree.map(function, getattr(state, name)) for name in fields}
    )


def _mean(x: Array, share: Array) -> Array:
    """Weighted mean over the first axis; what is no float is the first client's."""
    if not _is_float(x):
        return x[0]
    # Accelerators would round the factors of a plain product to 8 or 11 bits.
    product = functools.partial(jnp.tensordot, precision=jax.lax.Precision.HIGHEST)
    return product(share, x.astype(jnp.float32), 1).astype(x.dtype)


def _metric(x: Array) -> Array:
    """[K] scalars to their mean, [K, B, ...] rows to the rows of the batch."""
    if x.ndim == 1:
        return x.mean()
    rows = jnp.swapaxes(shards.gather(jnp.swapaxes(x, 0, 1)), 0, 1)
    return _own(rows.reshape(-1, *rows.shape[2:]), 0, like=x)


def _own(x: Array, axis: int, like: Array) -> Array:
    """This device's part of an axis, if ``like`` is spread over several."""
    devices = shards.count(like)
    if devices == 1:
        return x
    own = shards.row_numbers(x.shape[axis] // devices, like)
    return jnp.take(x, own, axis)


def _is_float(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
