"""What the steps of methods share: forward passes, terms, answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses, shards, tasks
from ssljax.contracts import (
    Array,
    InputError,
    Network,
    Outputs,
    PyTree,
    State,
    TargetRule,
    Targets,
    Task,
    Teacher,
    Variables,
)
from ssljax.methods.joint import join, split
from ssljax.targets import from_prediction


def task_of(task: Task | None, num_classes: int | None, consistency: Callable) -> Task:
    """Returns ``task``, or classification where only ``num_classes`` is given.

    Where the task leaves its consistency to the method, it is ``consistency``.

    Raises:
      InputError: if neither or both are given.
    """
    if (task is None) == (num_classes is None):
        raise InputError('Give either task or num_classes, not both and not neither.')
    if task is not None:
        return task if task.consistency else tasks.consistent(task, consistency)
    assert num_classes is not None  # one of the two, as checked above
    return tasks.classification(num_classes, consistency=consistency)


def check_shares(**numbers: Any) -> None:
    """Refuses numbers outside of [0, 1]; a schedule is not looked at."""
    for name, number in numbers.items():
        if not callable(number) and not 0 <= number <= 1:
            raise InputError(f'{name} is {number}; give a number from 0 to 1.')


def check_clips(task: Task) -> None:
    """Refuses a task of single images, or of clips that nothing can move in."""
    frames = task.example['annotated'].shape if 'annotated' in task.example else ()
    if not frames or frames[0] < 2:
        raise InputError(
            'task is of single images; give one of clips of two frames or more.'
        )


def forward(
    network: Network,
    variables: Variables,
    views: Sequence[PyTree],
    *,
    joint: bool,
    train: bool,
    key: Array | None,
) -> tuple[list[Outputs], PyTree]:
    """Runs a network over several views of a batch.

    Jointly, the rows of all views share one pass and so one set of batch statistics
    (FixMatch's official code); a joint pass also runs backward through rows that carry
    no gradient. Separately, each view has its own batch statistics, and the running
    ones move by the first view only (the labelled one, by convention).

    Args:
      network: the network.
      variables: what it runs with.
      views: inputs, pytrees of [rows, ...].
      joint: one pass or one a view.
      train: batch statistics or running ones.
      key: noise; each pass folds its own number in. None is no noise.

    Returns:
      Outputs a view, and the new statistics.
    """
    if joint and len(views) > 1:
        outputs, stats = network.apply(variables, join(views), train=train, key=key)
        return split(outputs, like=views), stats
    answers: list[Outputs] = []
    stats = variables.stats
    for i, view in enumerate(views):
        own = None if key is None else jax.random.fold_in(key, i)
        answer, moved = network.apply(variables, view, train=train, key=own)
        answers.append(answer)
        stats = moved if i == 0 else stats
    return answers, stats


def supervised_terms(
    task: Task, outputs: Outputs, example: Any, weight: Array | None = None
) -> dict[str, Array]:
    """Mean of each supervised term, {name: float32 []}.

    Args:
      task: whose terms.
      outputs: on the labelled batch.
      example: its fields.
      weight: [B]; the mean is over the weights then, as in UDA. None is every row.
    """
    over = 'all' if weight is None else 'kept'
    terms = task.supervised(outputs, example)
    return {name: losses.masked_mean(x, weight, over=over) for name, x in terms.items()}


def consistency_terms(
    task: Task, outputs: Outputs, targets: Targets, over: str | float
) -> dict[str, Array]:
    """Weighted mean of each consistency term, {name: float32 []}."""

    def weight(name):
        if isinstance(targets.weight, Mapping):
            return targets.weight[name]
        return targets.weight

    assert task.consistency is not None  # task_of has filled it
    terms = task.consistency(outputs, targets)
    return {
        name: losses.masked_mean(x, weight(name), over=over)
        for name, x in terms.items()
    }


def utilisation(targets: Targets) -> Array:
    """Share of sites that teach at all, float32 [] in [0, 1]."""
    leaves = [jnp.asarray(w) for w in jax.tree.leaves(targets.weight)]
    kept = jnp.stack([jnp.sum(w > 0) for w in leaves])
    return shards.mean(jnp.sum(kept) / sum(w.size for w in leaves))


def lesson_metrics(
    targets: Targets,
    opinion: PyTree,
    own: PyTree,
    labelled: PyTree,
    example: Mapping[str, Any],
) -> dict[str, Array]:
    """What a step's lesson is like, {name: float32 []}; nothing but for classes.

    Where predictions are distributions [..., C]: 'targets/confidence' and
    'targets/highest_confidence' of who teaches, 'targets/disagreement', the share of
    sites where its class is not the student's. Of the pseudo-labels that pass:
    'targets/largest_class', the share of the most frequent one,
    'targets/class_entropy' of all in [0, 1], 1 for even ones, and, where there are
    labels, 'targets/label_share', the share of that class among them. And
    'labels/accuracy', of the student on its labels.

    Args:
      targets: what is taught.
      opinion: what was predicted of whom is taught, before the rule.
      own: what the student predicts of the same.
      labelled: what it predicts of the labelled rows.
      example: their fields.
    """
    if not hasattr(opinion, 'dtype'):
        return {}
    probs, own, labelled = (
        jax.lax.stop_gradient(jnp.asarray(x, jnp.float32))
        for x in (opinion, own, labelled)
    )
    number = probs.shape[-1]
    ids, sure = jnp.argmax(probs, -1), jnp.max(probs, -1)
    value, weight = targets.value, targets.weight
    taught = ids
    if hasattr(value, 'dtype') and value.shape == probs.shape:
        taught = jnp.argmax(value, -1)  # what an alignment made of it
    elif hasattr(value, 'dtype') and value.shape == ids.shape:
        taught = value
    passed = jnp.ones(ids.shape, jnp.float32)
    if hasattr(weight, 'dtype') and weight.shape == ids.shape:
        passed = jnp.asarray(weight > 0, jnp.float32)
    counts = shards.total(_histogram(taught, passed, number))
    shares = counts / jnp.maximum(counts.sum(), 1)
    surprise = -shares * jnp.log(jnp.maximum(shares, 1e-12))
    found = {
        'targets/confidence': sure.mean(),
        'targets/highest_confidence': shards.most(sure.max()),
        'targets/largest_class': shares.max(),
        'targets/class_entropy': surprise.sum() / np.log(number),
    }
    if own.shape == probs.shape:
        differ = jnp.argmax(own, -1) != ids
        found['targets/disagreement'] = jnp.mean(jnp.asarray(differ, jnp.float32))
    label = example.get('label', example.get('mask'))
    if label is not None and label.shape == labelled.shape[:-1]:
        known = jnp.asarray((label >= 0) & (label < number), jnp.float32)
        right = jnp.asarray(jnp.argmax(labelled, -1) == label, jnp.float32)
        of_class = shards.total(_histogram(label, known, number))
        total = jnp.maximum(of_class.sum(), 1)
        found['targets/label_share'] = of_class[jnp.argmax(shares)] / total
        found['labels/accuracy'] = shards.total((known * right).sum()) / total
    return found


def agreement(own: Array, other: Array) -> Array:
    """Returns the share of rows [...] whose logits [..., C] name the same class, []."""
    same = jnp.argmax(own, axis=-1) == jnp.argmax(other, axis=-1)
    return jnp.mean(same, dtype=jnp.float32)


def _histogram(ids: Array, weight: Array, number: int) -> Array:
    """Weight of each class, [number] float32; a sum over rows, wherever they lie."""
    of_class = ids[..., None] == jnp.arange(number).reshape((1,) * ids.ndim + (-1,))
    return jnp.sum(of_class * weight[..., None], axis=tuple(range(ids.ndim)))


def distance_metric(
    teacher: Teacher | None, state: State, student: Variables
) -> dict[str, Array]:
    """'teacher/distance': of weights, against the student's norm; nothing of none."""
    if teacher is None:
        return {}
    followed = teacher.variables(state.memory['teacher']).params
    student = jax.lax.stop_gradient(student.params)
    apart = jax.tree.map(lambda a, b: a - jnp.asarray(b, a.dtype), followed, student)
    norm = jnp.maximum(_norm(student), 1e-12)
    return {'teacher/distance': shards.mean(_norm(apart) / norm)}


def _norm(tree: PyTree) -> Array:
    squares = [
        jnp.sum(jnp.square(jnp.asarray(x, jnp.float32))) for x in jax.tree.leaves(tree)
    ]
    return jnp.sqrt(jnp.sum(jnp.stack(squares)))


def loss_metrics(*groups: Mapping[str, Array]) -> dict[str, Array]:
    """Names terms as the trainer logs and watches them.

    Raises:
      InputError: if two groups share a name, of which one would be lost.
    """
    metrics = {f'loss/{name}': x for group in groups for name, x in group.items()}
    if len(metrics) < sum(len(group) for group in groups):
        names = sorted(name for group in groups for name in group)
        raise InputError(
            f'The loss terms are named {names}; a task must name its supervised and '
            'its consistency terms differently.'
        )
    return metrics


def student_of(params: dict[str, PyTree], stats: dict[str, PyTree]) -> Variables:
    """The student's variables of State.params and State.stats."""
    return Variables(params['student'], stats['student'])


def opinion_of(
    network: Network, task: Task, inputs: PyTree
) -> Callable[[Variables], Targets]:
    """Returns ``variables -> Targets``: the shapes that a rule will see."""

    def opinion(variables):
        outputs, _ = network.apply(variables, inputs, train=False)
        return from_prediction(task.decode(outputs))

    return lambda variables: jax.eval_shape(opinion, variables)


def remember(
    teacher: Teacher | None,
    rule: TargetRule | None = None,
    opinion: Callable[[Variables], Targets] | None = None,
) -> Callable[[dict, dict], dict]:
    """Returns ``(params, stats) -> State.memory`` for a student's teacher and rule.

    Args:
      teacher: or None.
      rule: or None; its state is shaped by what it will see.
      opinion: that, as ``opinion_of`` has it.
    """

    def memory(params, stats):
        kept = {}
        if rule is not None and opinion is not None:
            kept['rule'] = rule.init(opinion(student_of(params, stats)))
        if teacher is not None:
            kept['teacher'] = teacher.init(student_of(params, stats))
        return kept

    return memory


def follow(teacher: Teacher | None) -> Callable[[State], State]:
    """Returns ``state -> state`` that moves the teacher after the student, if any."""
    if teacher is None:
        return lambda state: state

    def after(state: State) -> State:
        student = student_of(state.params, state.stats)
        moved = teacher.update(state.memory['teacher'], student, step=state.step)
        return state._replace(memory={**state.memory, 'teacher': moved})

    return after


def answers(network: Network, teacher: Teacher | None) -> dict[str, Callable]:
    """Returns predict by the student and, where there is one, by its teacher.

    Each is ``(State, inputs, *, key=None) -> Outputs`` with running statistics.
    """
    found = {'student': answer_of(network, 'student')}
    if teacher is not None:
        found['teacher'] = answer_of(network, 'teacher', teacher)
    return found


def answer_of(network: Network, name: str, teacher: Teacher | None = None) -> Callable:
    """Returns predict by one set of weights, with running statistics.

    Args:
      network: that runs with them.
      name: of a trained network, or of the entry of State.memory of a teacher.
      teacher: that keeps the weights; None for a trained network.
    """

    def predict(state: State, inputs: PyTree, *, key: Array | None = None) -> Outputs:
        if teacher is None:
            variables = Variables(state.params[name], state.stats[name])
        else:
            variables = teacher.variables(state.memory[name])
        return network.apply(variables, inputs, train=False, key=key)[0]

    return predict


def together(found: Mapping[str, Any]) -> Any:
    """Returns predict by the mean of the probabilities of several networks."""
    members = tuple(found.values())

    def predict(state: State, inputs: PyTree, *, key: Array | None = None) -> Outputs:
        probs = [
            jax.nn.softmax(member(state, inputs, key=key)['logits'])
            for member in members
        ]
        return {'logits': jnp.log(jnp.maximum(sum(probs) / len(probs), 1e-30))}

    return predict


def choose(ship: str | None, found: Mapping[str, Callable]) -> str:
    """Returns the name of the weights to ship: ``ship``, or the teacher's if any.

    Raises:
      InputError: if there are none of that name.
    """
    ship = ship or ('teacher' if 'teacher' in found else 'student')
    check_choice('ship', ship, found)
    return ship


def check_choice(name: str, choice: str, known: Iterable[str]) -> None:
    """Refuses an option's unknown value, which would silently do something else.

    Raises:
      InputError: if ``choice`` is none of ``known``.
    """
    if choice not in (known := list(known)):
        raise InputError(
            f'{name} is {choice!r}; here it can be {" or ".join(map(repr, known))}.'
        )
