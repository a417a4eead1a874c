"""LELP: a teacher of few classes teaches many, by where its features lie in each."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    InputError,
    Method,
    Network,
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
    choose,
    follow,
    forward,
    loss_metrics,
    remember,
    student_of,
    task_of,
)
from ssljax.solvers.subspaces import Subspaces, coordinates


def lelp(
    network: Network,
    teacher_network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    temperature: float = 1.0,
    subclass_temperature: float = 0.5,
    view: str = 'weak',
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Distils a frozen teacher's classes, each split into pseudo-subclasses.

    .. math:: L = \frac{T^2}{U}\sum_i \mathrm{CE}\Big(p_c(u_i)\,
        \mathrm{softmax}_s\frac{z_{cs}(u_i)}\beta,\; f(u_i) / T\Big), \quad
        z_{cs} = v_{cs} \cdot (h_T(u_i) - \mu_c)

    The teacher and the subspaces of its features are given, ``init(key, batch,
    given={'teacher': variables, 'subspaces': Subspaces})``, and stay in
    ``State.frozen``; the sweep 'subspaces' of ``programs.stages`` finds the latter. The
    student has S logits a class. What it answers are classes, by the sum over theirs.

    Args:
      network: the student's, of C S classes.
      teacher_network: of the given variables; answers 'logits' [U, C] and 'features'.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      temperature: T > 0, of the teacher's p and of the joint logits.
      subclass_temperature: beta > 0, in deviations of the coordinates.
      view: what both see.
      ratio: unlabelled rows for each of the batch size.
      teacher: an average of the student for evaluation; not who teaches here.
      ship: whose weights ``predict`` uses; default the average where there is one.

    Raises:
      InputError: by ``init``, if what is given is missing or does not fit.

    Source: LELP 2024, arXiv 2409.20449, with the labels left out (alpha = 0), as there;
    the factor T^2 is ours.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    found = {name: _of_classes(one) for name, one in answers(network, teacher).items()}
    ship = choose(ship, found)

    def init(key, batch, given=None):
        given = given or {}
        example = inputs_of(task, batch['unlabelled'][view])
        kept: dict[str, Any] = {}
        kept |= frozen.kept(teacher_network, example, given, 'teacher')
        kept['subspaces'] = _checked(given.get('subspaces'))
        return start(
            key,
            {'student': (network, example)},
            optimizer,
            given,
            memory=remember(teacher),
            frozen=kept,
        )

    def objective(params, state, batch, key):
        (outputs,), stats = forward(
            network,
            student_of(params, state.stats),
            [inputs_of(task, batch['unlabelled'][view])],
            joint=False,
            train=True,
            key=key,
        )
        logits = jnp.asarray(outputs['logits'], jnp.float32)
        subspaces = state.frozen['subspaces']
        own = losses.class_logits(logits, len(subspaces.means))
        lesson = frozen.opinion(
            teacher_network,
            task,
            state,
            batch['unlabelled'],
            own,
            view=view,
            target_from='teacher',
        )
        scores = coordinates(subspaces, lesson['features'])
        theirs = jnp.asarray(lesson['logits'], jnp.float32)
        probs = jax.nn.softmax(theirs / temperature)
        targets = losses.subclass_targets(
            probs, scores, temperature=subclass_temperature
        )
        per_row = losses.cross_entropy(logits / temperature, targets)
        loss = temperature**2 * losses.masked_mean(per_row)
        metrics = {
            **loss_metrics({'distillation': loss}),
            'agreement': agreement(own, theirs),
        }
        return loss, Aux(metrics, {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={'unlabelled': Stream(task.inputs, (view,), ratio)},
        answers=found,
        ship=ship,
    )


def _of_classes(answer):
    """Answers classes in the place of their subclasses."""

    def predict(state, inputs, *, key=None):
        outputs = answer(state, inputs, key=key)
        classes = len(state.frozen['subspaces'].means)
        logits = losses.class_logits(outputs['logits'], classes)
        return {**outputs, 'logits': logits, 'subclass_logits': outputs['logits']}

    return predict


def _checked(given: Subspaces | None) -> Subspaces:
    if not isinstance(given, Subspaces):
        raise InputError(
            f"given['subspaces'] is a {type(given).__name__}; give Subspaces of the "
            "teacher's features, by solvers.subspaces or the sweep 'subspaces'."
        )
    return given
