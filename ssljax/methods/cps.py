"""Cross pseudo supervision: two networks, each the other's teacher."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answer_of,
    check_choice,
    choose,
    consistency_terms,
    forward,
    loss_metrics,
    supervised_terms,
    task_of,
)
from ssljax.schedules import value
from ssljax.targets import from_prediction


def cps(
    network: Network,
    optimizer: Optimizer,
    *,
    partner: Network | None = None,
    task: Task | None = None,
    num_classes: int | None = None,
    form: Literal['cross_entropy', 'dice'] = 'cross_entropy',
    weight: float | Schedule = 0.1,
    ratio: float = 1.0,
    joint: bool = True,
    ship: str = 'student',
) -> Method:
    r"""Teaches each of two networks the hard answer of the other, on the same view.

    .. math:: L = L_\mathrm{sup}(f) + L_\mathrm{sup}(g) + \lambda(t)
        \big(\ell(f(u), \arg\max g(u)) + \ell(g(u), \arg\max f(u))\big)

    Both learn from every site, however unsure the other is. What keeps them apart is
    where they start, or, in cross teaching, what they are: a convolutional network and
    a transformer, with ``form='dice'``.

    Args:
      network: f, the student.
      optimizer: one transformation for both, or {'student': ..., 'partner': ...}.
      partner: g; None is the same kind of network from other random weights.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      form: :math:`\ell`, unless the task has its own: the mean over all sites, or the
        Dice loss of the batch, the mean over all classes.
      weight: lambda; in the papers a ramp up to 0.1.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for a network's two streams, as published, or one each.
      ship: whose weights ``predict`` uses: 'student' or 'partner'.

    Raises:
      InputError: if an option has no such value.

    Source: Chen et al. 2021, arXiv 2106.01226; Luo et al. 2021 (cross teaching), arXiv
    2112.04894; both as in HiLab-git/SSL4MIS.
    """
    check_choice('form', form, ('cross_entropy', 'dice'))
    task = task_of(task, num_classes, losses.cross_entropy)
    both = {'student': network, 'partner': partner or network}
    found = {name: answer_of(one, name) for name, one in both.items()}
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = inputs_of(task, batch['labelled']['weak'])
        networks = {name: (one, example) for name, one in both.items()}
        return start(key, networks, optimizer, given or {})

    def objective(params, state, batch, key):
        labelled = batch['labelled']['weak']
        views = [inputs_of(task, x) for x in (labelled, batch['unlabelled']['weak'])]
        supervised: dict[str, Array] = {}
        crossed: dict[str, Array] = {}
        stats, answered, lessons = {}, {}, {}
        for i, (name, one) in enumerate(both.items()):
            (on_labels, answered[name]), stats[name] = forward(
                one,
                Variables(params[name], state.stats[name]),
                views,
                joint=joint,
                train=True,
                key=jax.random.fold_in(key, i),
            )
            for term, x in supervised_terms(task, on_labels, labelled).items():
                supervised[f'{name}_{term}'] = x
            opinion = from_prediction(task.decode(answered[name]))
            ids = jnp.argmax(opinion.value, axis=-1)
            lessons[name] = opinion._replace(value=ids)

        for name, other in zip(both, reversed(both), strict=True):
            if form == 'dice':
                probs, ids = task.decode(answered[name]), lessons[other].value
                terms = {'dice': losses.dice_loss(probs, ids).mean()}
            else:
                terms = consistency_terms(task, answered[name], lessons[other], 'all')
            crossed |= {f'{name}_crossed_{term}': x for term, x in terms.items()}

        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(crossed.values())
        metrics = {**loss_metrics(supervised, crossed), 'weight': ramp}
        return loss, Aux(metrics, stats)

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )
