"""Noisy Student: under noise, learn what a teacher once said without it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses
from ssljax.contracts import (
    InputError,
    Method,
    Network,
    Schedule,
    Stream,
    Targets,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    consistency_terms,
    follow,
    forward,
    loss_metrics,
    opinion_of,
    remember,
    student_of,
    supervised_terms,
    task_of,
    utilisation,
)
from ssljax.schedules import value


def noisy_student(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    rows: int | Any,
    view: str = 'strong',
    weight: float | Schedule | None = None,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""One generation: a student of a finished teacher's answers on the whole pool.

    .. math:: L = \frac1B\sum_i \mathrm{CE}(y_i, f(s_i)) + \lambda\,
        \frac{\sum_j w_j\,\mathrm{CE}(q_j, f(s_j))}{\sum_j w_j}

    The answers q and their weights w are given, ``init(key, batch, given={'targets':
    Targets(value [N, C], weight [N])})``, a row for each row of the source, and stay in
    ``State.frozen``. Without them the unlabelled rows count for nothing, which trains
    the first teacher. ``programs.rounds`` with the policy 'balanced' runs the
    generations: it answers without noise, and filters and balances the answers.

    The student's noise is the view and what the network draws itself (dropout).

    Args:
      network: the student's; as large as its teacher, or larger.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      rows: of the source that are unlabelled: which [n], or N for the first N.
      view: of all rows.
      weight: lambda; None is ``ratio``, so that each row counts alike as in the
        official code.
      ratio: unlabelled rows for each labelled one, mu; 14 or 28 on ImageNet, 5 on SVHN.
      joint: one pass over both, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation, and for the next generation;
        not who teaches here.
      ship: whose weights ``predict`` uses; default the average where there is one.

    Raises:
      InputError: by ``init``, if the given targets have other shapes.

    Source: Xie et al. 2019, arXiv 1911.04252; google-research/noisystudent.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    size = rows if isinstance(rows, int) else int(np.max(rows)) + 1
    weight = ratio if weight is None else weight
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        given = given or {}
        example = inputs_of(task, batch['labelled'][view])
        variables = jax.eval_shape(network.init, key, example)
        answer = opinion_of(network, task, example)(variables).value
        blank = Targets(jnp.zeros((size, *answer.shape[1:])), jnp.zeros(size))
        lessons = given.get('targets', blank)
        if jax.tree.map(jnp.shape, lessons) != jax.tree.map(jnp.shape, blank):
            raise InputError(
                f"given['targets'] has shapes {jax.tree.map(jnp.shape, lessons)}; give "
                f'{jax.tree.map(jnp.shape, blank)}, a row for each of the source.'
            )
        return start(
            key,
            {'student': (network, example)},
            optimizer,
            given,
            memory=remember(teacher),
            frozen={'targets': lessons},
        )

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled'][view], batch['unlabelled'][view]
        (on_labels, taught), stats = forward(
            network,
            student_of(params, state.stats),
            [inputs_of(task, labelled), inputs_of(task, unlabelled)],
            joint=joint,
            train=True,
            key=key,
        )
        index = batch['unlabelled']['index']
        lesson = jax.tree.map(
            lambda x: x.at[index].get(mode='fill', fill_value=0),
            state.frozen['targets'],
        )
        supervised = supervised_terms(task, on_labels, labelled)
        unsupervised = consistency_terms(task, taught, lesson, 'kept')
        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        metrics = {
            **loss_metrics(supervised, unsupervised),
            'utilisation': utilisation(lesson),
            'weight': ramp,
        }
        return loss, Aux(metrics, {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), (view,)),
            'unlabelled': Stream(task.inputs, (view,), ratio),
        },
        answers=found,
        ship=ship,
    )
