"""The nouns: what a network, a teacher, a rule, a task and a method are.

Everything here is a NamedTuple of functions and arrays, so that any part can be
replaced by a plain function of the same signature, and every state is a pytree
without registration. Nothing is imported but jax.

A **batch** is a dict of named streams. ``batch['labelled']`` holds the stream's raw
fields (``image [B, H, W, channels]``, ``label [B]``, ...), ``index [B] int32`` (the row
in the Source, stable for ever) and one dict a view, with the same fields as that view
shows them and, if the view moved the geometry, its matrix ``warp [B, 3, 3]``::

    batch['labelled']['weak']['image']      # [B, H, W, channels] float32
    batch['labelled']['weak']['label']      # [B] int32
    batch['unlabelled']['strong']['image']  # [U, H, W, channels] float32

A batch fresh from a feed has no views yet; ``views.prepare`` adds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

Array = jax.Array
PyTree = Any
Outputs = dict[str, Any]
"""What a network answers: 'logits' [B, ..., C], 'features' [B, D], ..."""
Example = dict[str, Any]
"""Fields by name. Without a batch axis for one example, with one for a batch."""
View = Callable[[Array, Example], Example]
"""``(key, example) -> example``: one example in, one example out, key consumed."""
Schedule = Callable[[Any], Any]
"""``step -> float``; every moving number is ``float | Schedule``."""


IGNORED = 255
"""The class of sites of a mask that nobody labelled, or that are filled up around an
image: they teach nothing and are not scored."""


class InputError(ValueError):
    """What the user gave can't be used.

    The message is one sentence or two: the argument's name, what was found, what to
    do. Commands print it without a traceback and exit with status 2.
    """


class Variables(NamedTuple):
    """All arrays that a network runs with."""

    params: PyTree  # what gradients move
    stats: PyTree = {}  # what a forward pass moves: batch-norm statistics


class Network(NamedTuple):
    """A model seen as functions; made by ``models.from_nnx`` or ``models.from_linen``.

    ``train`` chooses batch or running statistics and nothing else; ``key=None`` means
    no noise. Papers use all four combinations. Not updating the statistics is dropping
    the returned ones.
    """

    init: Callable[..., Variables]  # (key, inputs) -> Variables
    apply: Callable[..., tuple[Outputs, PyTree]]
    # (variables, inputs, *, train: bool, key=None) -> (Outputs, stats)
    parts: Mapping[str, Callable] = MappingProxyType({})
    # more entry points over the same variables, same signature: 'encode', 'head', ...


class Teacher(NamedTuple):
    """Where target parameters come from, and how they follow a student."""

    init: Callable  # (variables) -> TeacherState; copies, so it never aliases
    update: Callable  # (state, variables, *, step, mask=None) -> TeacherState
    variables: Callable  # (state) -> variables to run


class Evidence(NamedTuple):
    """What was seen; a rule never changes it."""

    step: Array  # [] int32
    key: Array | None = None
    index: Array | None = None  # type: ignore[assignment]  # [U] int32, Source row
    probs_labelled: Array | None = None  # [B, C] float32
    labels: Array | None = None  # [B] int32
    features: Array | None = None  # [U, D]
    extra: Any = None


class Targets(NamedTuple):
    """What a student is taught, and how much each site of it counts."""

    value: Any  # [..., C] float32 distribution, [...] int32 ids, or a pytree
    weight: Any  # float32, leading axes of value, or {loss name: weight}


class TargetRule(NamedTuple):
    """What the teacher's opinion becomes. Rules chain, in optax's order."""

    init: Callable  # (targets) -> state; shapes alone count, as in optax
    update: Callable  # (targets, state, evidence) -> (targets, state)


class Metric(NamedTuple):
    """A score of a whole set: jitted rows a batch, one numpy reduction at the end."""

    rows: Callable  # (prediction, example) -> pytree [B, ...]; jitted, small
    result: Callable  # (rows of the whole set, numpy) -> {name: float}


class Task(NamedTuple):
    """What differs between classification, landmarks, segmentation, detection."""

    example: Mapping[str, jax.ShapeDtypeStruct]  # one labelled example, no batch axis
    inputs: tuple[str, ...]  # fields that the network eats: one array, or their dict
    decode: Callable  # (outputs) -> prediction (pytree)
    supervised: Callable  # (outputs, example) -> {name: [B]}
    consistency: Callable | None  # None: the method brings its own
    # (outputs, Targets) -> {name: [U, ...]}, unweighted
    transport: Callable
    # (prediction, warp_from, warp_to) -> prediction in the other view's frame
    metrics: Mapping[str, Metric]
    score: str = 'accuracy'  # of all scores the one to choose by; '-nme': the lower


def inputs_of(task: Task, example: Example) -> PyTree:
    """Returns what the network eats of an example: one field, or a dict of several."""
    if len(task.inputs) == 1:
        return example[task.inputs[0]]
    return {name: example[name] for name in task.inputs}


class State(NamedTuple):
    """All that a restart needs."""

    step: Array  # [] int32, finished updates
    key: Array  # [] typed PRNG key; noise of a step is fold_in(key, step)
    params: dict[str, PyTree]  # by network name
    stats: dict[str, PyTree]  # by network name
    opt: dict[str, PyTree]  # by optimizer group, which is a network name
    memory: dict[str, PyTree]  # teachers, rules, queues, tables by index
    frozen: dict[str, PyTree]  # external networks, class vectors; saved once


class Stream(NamedTuple):
    """What a method wants of one stream of a batch."""

    fields: tuple[str, ...]
    views: tuple[str, ...] = ()
    ratio: float = 1.0  # rows for each row of batch_size


class Method(NamedTuple):
    """One way of learning: start, step, answer.

    ``step`` returns metrics beside the state: scalars are logged; arrays with a batch
    axis are rows, the answers of the step. Loss terms are named ``loss`` (the total)
    and ``loss/<term>``.
    """

    init: Callable  # (key, batch, given={}) -> State; given[name] = Variables, copied
    step: Callable  # (State, batch) -> (State, metrics)
    predict: Callable  # (State, inputs, *, key=None) -> Outputs, by the shipped weights
    needs: Mapping[str, Stream]
    answers: Mapping[str, Callable] = MappingProxyType({})
    # predict by each set of weights, {'student': ..., 'teacher': ...}, for evaluation
    ship: str = 'student'  # which of them predict is
