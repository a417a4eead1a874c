"""A projector on top of a network: the embeddings that are compared with each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import (
    Array,
    InputError,
    Network,
    Outputs,
    PyTree,
    State,
    Teacher,
    Variables,
)
from ssljax.losses.contrastive import unit
from ssljax.methods import parts


def networks(
    network: Network, projector: Network, inputs: PyTree
) -> dict[str, tuple[Network, PyTree]]:
    """Returns what ``learner.start`` builds 'student' and 'projector' of.

    Args:
      network: answers 'features' [rows, D].
      projector: eats them, answers 'logits' [rows, any].
      inputs: of the network.

    Raises:
      InputError: if the network has no features [rows, D].
    """

    def run(key):
        return network.apply(network.init(key, inputs), inputs, train=True)[0]

    found = jax.eval_shape(run, jax.random.key(0))
    shape = getattr(found.get('features'), 'shape', None)
    if shape is None or len(shape) != 2:
        raise InputError(
            f"The network answers {sorted(found)}, 'features' of shape {shape}; "
            'embeddings are made of [rows, D].'
        )
    features = jnp.zeros(shape, found['features'].dtype)
    return {'student': (network, inputs), 'projector': (projector, features)}


def width(projector: Network, features: Array) -> int:
    """Returns how many numbers an embedding has, D of 'embedding' [rows, D]."""

    def run(key):
        return projector.apply(projector.init(key, features), features, train=True)[0]

    return jax.eval_shape(run, jax.random.key(0))['logits'].shape[-1]


def embed(
    network: Network,
    projector: Network,
    params: dict[str, PyTree],
    stats: dict[str, PyTree],
    views: Sequence[PyTree],
    *,
    joint: bool,
    key: Array | None,
) -> tuple[list[Outputs], dict[str, PyTree]]:
    """Runs network and projector over several views, as ``parts.forward`` does.

    Args:
      network: that of 'student'.
      projector: that of 'projector'.
      params: of both, by name.
      stats: of both, by name.
      views: inputs, pytrees of [rows, ...].
      joint: one pass or one a view.
      key: noise; None is none.

    Returns:
      Outputs a view, with 'embedding' [rows, D] float32 of length 1, and the new
      statistics of both.
    """
    keys = [None, None] if key is None else jax.random.split(key)
    outputs, moved = parts.forward(
        network,
        parts.student_of(params, stats),
        views,
        joint=joint,
        train=True,
        key=keys[0],
    )
    projected, heads = parts.forward(
        projector,
        _head(params, stats),
        [answer['features'] for answer in outputs],
        joint=joint,
        train=True,
        key=keys[1],
    )
    embedded = [
        {**answer, 'embedding': unit(head['logits'])}
        for answer, head in zip(outputs, projected, strict=True)
    ]
    return embedded, {'student': moved, 'projector': heads}


def remember(teacher: Teacher | None) -> Callable[[dict, dict], dict]:
    """Returns ``(params, stats) -> {'projector_teacher': ...}``, {} for no teacher."""
    if teacher is None:
        return lambda params, stats: {}
    return lambda params, stats: {
        'projector_teacher': teacher.init(_head(params, stats))
    }


def follow(teacher: Teacher | None) -> Callable[[State], State]:
    """Returns ``state -> state`` that moves the projector's average, if any."""
    if teacher is None:
        return lambda state: state

    def after(state: State) -> State:
        old = state.memory['projector_teacher']
        new = teacher.update(old, _head(state.params, state.stats), step=state.step)
        return state._replace(memory={**state.memory, 'projector_teacher': new})

    return after


def averages(teacher: Teacher, memory: dict[str, PyTree]) -> tuple[dict, dict]:
    """Returns the averaged params and stats of both, as ``embed`` takes them."""
    student = teacher.variables(memory['teacher'])
    head = teacher.variables(memory['projector_teacher'])
    return (
        {'student': student.params, 'projector': head.params},
        {'student': student.stats, 'projector': head.stats},
    )


def _head(params: dict[str, PyTree], stats: dict[str, PyTree]) -> Variables:
    return Variables(params['projector'], stats['projector'])
