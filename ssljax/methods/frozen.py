"""A frozen teacher: its weights are given and kept, or its answers come with the batch.

Either way it is no part of the gradient. Weights lie in ``State.frozen``, are run by
running statistics and without noise, and are saved once; answers are columns of the
source (``data.cached``), of which a batch has those of its rows.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import (
    Array,
    Example,
    InputError,
    Network,
    Outputs,
    PyTree,
    State,
    Task,
    Variables,
    inputs_of,
)
from ssljax.methods.parts import check_choice
from ssljax.targets.top_answers import all_answers

FIELDS: dict[str, tuple[str, ...]] = {
    'teacher': (),
    'answers': ('teacher_logits',),
    'top_answers': ('teacher_logits', 'teacher_classes'),
}
"""What a stream has beside its own fields, by where the answers come from."""


def fields(target_from: str) -> tuple[str, ...]:
    """Returns the fields of a stream that hold the teacher's answers, () if it is run.

    Raises:
      InputError: if ``target_from`` is none of 'teacher', 'answers', 'top_answers'.
    """
    check_choice('target_from', target_from, FIELDS)
    return FIELDS[target_from]


def kept(
    network: Network | None,
    inputs: PyTree,
    given: dict[str, Variables],
    target_from: str,
) -> dict[str, Variables]:
    """Returns ``State.frozen``, checked; empty where the answers come with the batch.

    Args:
      network: of the given variables.
      inputs: of it, [rows, ...].
      given: as ``Method.init`` takes it, with 'teacher'.
      target_from: as in ``fields``.

    Raises:
      InputError: if there is no network or no ``given['teacher']``, or if the two do
        not fit.
    """
    if target_from != 'teacher':
        return {}
    if network is None:
        raise InputError(
            "teacher_network is None; give the teacher's network, or target_from="
            "'answers' for those that come with the batch."
        )
    check(network, inputs, given.get('teacher'))
    return {'teacher': given['teacher']}


def opinion(
    network: Network | None,
    task: Task,
    state: State,
    stream: Example,
    like: Array,
    *,
    view: str,
    target_from: str,
    entry: str | None = None,
) -> Outputs:
    """Returns what the teacher answers on a stream's rows.

    Args:
      network: of ``State.frozen['teacher']``.
      task: says what of an example is its input.
      state: as the step has it.
      stream: of the batch.
      like: the student's logits [rows, C], whose classes it must have.
      view: that it sees.
      target_from: as in ``fields``.
      entry: a part of the network to run instead of the whole, if it has it.

    Raises:
      InputError: if it answers other classes than the student.
    """
    if target_from == 'teacher':
        assert network is not None  # as init has checked
        run = network.parts.get(entry, network.apply) if entry else network.apply
        teacher = state.frozen['teacher']
        outputs, _ = run(teacher, inputs_of(task, stream[view]), train=False)
    elif target_from == 'answers':
        outputs = {'logits': stream['teacher_logits']}
    else:
        values, classes = stream['teacher_logits'], stream['teacher_classes']
        outputs = {'logits': all_answers(values, classes, like.shape[-1])}
    theirs, ours = jnp.shape(outputs['logits'])[-1], like.shape[-1]
    if theirs != ours:
        raise InputError(
            f'The teacher answers {theirs} classes and the student {ours}; what is '
            'distilled must have the same.'
        )
    return jax.lax.stop_gradient(outputs)


def check(network: Network, inputs: PyTree, given: Variables | None) -> None:
    """Refuses a teacher that is missing, or another network's.

    Raises:
      InputError: if so; it names the first array that differs.
    """
    if given is None:
        raise InputError(
            "given has no 'teacher', which is to be distilled; pass the Variables of a "
            'trained teacher_network.'
        )
    fresh = jax.eval_shape(network.init, jax.random.key(0), inputs)
    found, wanted = (
        {jax.tree_util.keystr(p): jnp.shape(x) for p, x in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (given, fresh))
    )
    for path in sorted(found.keys() | wanted.keys()):
        if found.get(path) != wanted.get(path):
            raise InputError(
                f"given['teacher']{path} has shape {found.get(path)} and "
                f"teacher_network's {wanted.get(path)}; build the network as the "
                'teacher was built.'
            )
