"""Distillation: a trained network answers, another one learns to answer the same."""

from __future__ import annotations

import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods import frozen
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    forward,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
    task_of,
)
from ssljax.schedules import value


def distil(
    network: Network,
    teacher_network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    temperature: float = 1.0,
    view: str = 'weak',
    label_weight: float | Schedule = 0.0,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Teaches unlabelled examples by a frozen network's soft answers.

    .. math:: L = \frac1U\sum_i T^2\,\mathrm{KL}\Big(
        \mathrm{softmax}\frac{f_T(u_i)}{T} \Big\|
        \mathrm{softmax}\frac{f(u_i)}{T}\Big) + \beta\,\mathrm{CE}(y, f(x_l))

    The trained network is given, ``init(key, batch, given={'teacher': variables})``,
    and stays in ``State.frozen``. It sees the same view as the student, by its running
    statistics and without noise. No label is needed while ``label_weight`` is 0.

    Args:
      network: the student's, of any size.
      teacher_network: of the given variables.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      temperature: T > 0; the paper has 0.1 from big to small, 1 between equals.
      view: what both see.
      label_weight: beta >= 0, a float or a schedule of the step.
      ratio: unlabelled rows for each labelled one.
      teacher: an average of the student for evaluation; not who teaches here.
      ship: whose weights ``predict`` uses; default the average where there is one.

    Raises:
      InputError: by ``init``, if there is no ``given['teacher']`` or if it does not
        fit ``teacher_network``.

    Source: Chen et al. 2020 (SimCLRv2), arXiv 2006.10029, eq. 2 and 3, by the KL, whose
    gradient is that of its cross-entropy.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        given = given or {}
        example = inputs_of(task, batch['unlabelled'][view])
        frozen.check(teacher_network, example, given.get('teacher'))
        return start(
            key,
            {'student': (network, example)},
            optimizer,
            given,
            memory=remember(teacher),
            frozen={'teacher': given['teacher']},
        )

    def objective(params, state, batch, key):
        unlabelled = inputs_of(task, batch['unlabelled'][view])
        views = [unlabelled]
        if label_weight:
            views = [inputs_of(task, batch['labelled'][view]), unlabelled]
        student = student_of(params, state.stats)
        outputs, stats = forward(
            network, student, views, joint=False, train=True, key=key
        )
        opinion, _ = teacher_network.apply(
            state.frozen['teacher'], unlabelled, train=False
        )
        logits, lesson = outputs[-1]['logits'], opinion['logits']
        per_row = losses.distillation(logits, lesson, temperature=temperature)
        distilled = losses.masked_mean(per_row)
        supervised = {}
        if label_weight:
            supervised = supervised_terms(task, outputs[0], batch['labelled'][view])
        ramp = value(label_weight, state.step)
        loss = distilled + ramp * sum(supervised.values())
        agreed = jnp.argmax(logits, axis=-1) == jnp.argmax(lesson, axis=-1)
        metrics = {
            **loss_metrics({'distillation': distilled}, supervised),
            'agreement': jnp.mean(agreed, dtype=jnp.float32),
        }
        return loss, Aux(metrics, {'student': stats})

    needs = {'unlabelled': Stream(task.inputs, (view,), ratio)}
    if label_weight:
        needs['labelled'] = Stream(tuple(task.example), (view,))
    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs=needs,
        answers=found,
        ship=ship,
    )
