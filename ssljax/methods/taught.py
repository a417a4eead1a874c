"""The step of a student of a frozen teacher, whatever of its answers is learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    Method,
    Network,
    Outputs,
    PyTree,
    Schedule,
    State,
    Stream,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods import frozen
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    agreement,
    answers,
    check_choice,
    choose,
    follow,
    forward,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
)
from ssljax.schedules import value


class Lesson(NamedTuple):
    """What a loss may look at, all of the rows that are taught."""

    own: Outputs  # the student's
    theirs: Outputs  # the teacher's, stopped
    label: Array  # [rows] int32: known, or what the teacher says
    index: Array  # type: ignore[assignment]  # [rows] int32, of the source
    params: dict[str, PyTree]  # of all that is trained
    state: State
    key: Array


class Found(NamedTuple):
    """What a loss made of a lesson."""

    loss: Array  # [] float32, weighted
    terms: dict[str, Array]  # unweighted
    stats: dict[str, PyTree] = {}
    memory: dict[str, PyTree] = {}


def beside(
    found: Found,
    lesson: Lesson,
    weight: float | Schedule,
    temperature: float,
) -> Found:
    """Returns a loss with KD of the answers beside it; 0 leaves it alone."""
    if not weight:
        return found
    rows = losses.distillation(
        lesson.own['logits'], lesson.theirs['logits'], temperature=temperature
    )
    term = losses.masked_mean(rows)
    return found._replace(
        loss=found.loss + value(weight, lesson.state.step) * term,
        terms={**found.terms, 'distillation': term},
    )


class More(NamedTuple):
    """What a method has beside student and teacher; of what both answer at first."""

    networks: Mapping[str, tuple[Network, PyTree]] = {}  # trained too
    memory: Mapping[str, PyTree] = {}
    frozen: Mapping[str, PyTree] = {}


def taught(
    network: Network,
    teacher_network: Network | None,
    optimizer: Optimizer,
    task: Task,
    loss: Callable[[Lesson], Found],
    *,
    view: str,
    target_view: str | None,
    target_from: str,
    on: str,
    label_weight: float | Schedule,
    ratio: float,
    teacher: Teacher | None,
    ship: str | None,
    more: Callable[[Array, Outputs, Outputs, dict], More] | None = None,
    entry: str | None = None,
) -> Method:
    r"""Returns the Method of :math:`L = D + \beta\,\mathrm{CE}(y, f(x_l))`.

    Args:
      network: the student's.
      teacher_network: of ``given['teacher']``, see ``frozen``.
      optimizer: of every trained network.
      task: whose labels and inputs these are.
      loss: D, of a Lesson.
      view: what the student sees.
      target_view: what the teacher sees; None is the same.
      target_from: see ``frozen``.
      on: 'unlabelled' or 'labelled', the rows that are taught.
      label_weight: beta.
      ratio: unlabelled rows for each labelled one.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.
      more: ``(key, own, theirs, given) -> More`` by both networks' outputs as shapes,
        the teacher's as arrays if they come with the batch.
      entry: a part of both networks to run instead of the whole, where there is one.

    Raises:
      InputError: if an option has no such value.
    """
    check_choice('on', on, ('unlabelled', 'labelled'))
    extra = frozen.fields(target_from)
    seen = target_view or view
    views = tuple(dict.fromkeys((view, seen)))
    found = answers(network, teacher)
    ship = choose(ship, found)
    runner = network
    if entry is not None:
        runner = network._replace(apply=network.parts.get(entry, network.apply))
    know = bool(label_weight) or on == 'labelled'

    def theirs_of(state, batch, like):
        return frozen.opinion(
            teacher_network,
            task,
            state,
            batch[on],
            like,
            view=seen,
            target_from=target_from,
            entry=entry,
        )

    def init(key, batch, given=None):
        given = dict(given or {})
        example = inputs_of(task, batch[on][view])
        shown = inputs_of(task, batch[on][seen])
        kept = frozen.kept(teacher_network, shown, given, target_from)
        extras = More()
        if more is not None:

            def first(key):
                fresh = network.init(key, example)
                own, _ = runner.apply(fresh, example, train=False)
                blank = State(0, key, {}, {}, {}, {}, kept)  # type: ignore[arg-type]
                return own, theirs_of(blank, batch, own['logits'])

            own, theirs = jax.eval_shape(first, jax.random.key(0))
            extras = more(key, own, theirs, given)
        averaged = remember(teacher)
        return start(
            key,
            {'student': (network, example), **extras.networks},
            optimizer,
            given,
            memory=lambda params, stats: {**averaged(params, stats), **extras.memory},
            frozen={**kept, **extras.frozen},
        )

    def objective(params, state, batch, key):
        body_key, own_key = jax.random.split(key)
        streams = [batch[on]]
        if label_weight and on != 'labelled':
            streams.insert(0, batch['labelled'])
        outputs, stats = forward(
            runner,
            student_of(params, state.stats),
            [inputs_of(task, stream[view]) for stream in streams],
            joint=False,
            train=True,
            key=body_key,
        )
        own = outputs[-1]
        theirs = theirs_of(state, batch, own['logits'])
        guess = jnp.argmax(theirs['logits'], axis=-1)
        label = batch[on][view]['label'] if on == 'labelled' else guess
        lesson = Lesson(own, theirs, label, batch[on]['index'], params, state, own_key)
        made = loss(lesson)
        supervised: dict[str, Any] = {}
        if label_weight:
            example = batch['labelled'][view]
            supervised = supervised_terms(task, outputs[0], example)
        total = made.loss
        total += value(label_weight, state.step) * sum(supervised.values())
        metrics = {
            **loss_metrics(made.terms, supervised),
            'agreement': agreement(own['logits'], theirs['logits']),
        }
        return total, Aux(metrics, {'student': stats, **made.stats}, made.memory)

    needs = {}
    if know:
        fields = extra if on == 'labelled' else ()
        needs['labelled'] = Stream((*task.example, *fields), views)
    if on == 'unlabelled':
        needs['unlabelled'] = Stream((*task.inputs, *extra), views, ratio)
    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs=needs,
        answers=found,
        ship=ship,
    )
