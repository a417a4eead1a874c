"""Supervised: labels alone, the baseline of everything."""

from __future__ import annotations

import jax

from ssljax import losses
from ssljax.contracts import Method, Network, Stream, Task, Teacher, inputs_of
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
    task_of,
)
from ssljax.views import mixing


def supervised(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    view: str = 'weak',
    mixup: float = 0.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    """Learns from the labelled stream and nothing else.

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      view: the labelled view that is trained on: 'weak', or 'strong' for the fair
        baseline of methods that use strong views.
      mixup: alpha of MixUp among the rows, of what the network sees and of the losses,
        which for cross-entropy is that of labels; 0 for none.
      teacher: an average of the student for evaluation, as every later method has.
      ship: whose weights ``predict`` uses; default the teacher where there is one.

    Example::

      method = methods.supervised(network, optax.adam(1e-3), num_classes=10)
      state = method.init(key, batch)
      state, metrics = jax.jit(method.step, donate_argnums=0)(state, batch)

    Source: MixUp is of Zhang et al. 2017, arXiv 1710.09412.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks = {'student': (network, inputs_of(task, batch['labelled'][view]))}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        example = seen = batch['labelled'][view]
        student = student_of(params, state.stats)
        if mixup:
            key, share_key, partner_key = jax.random.split(key, 3)
            rows = len(batch['labelled']['index'])
            partner = mixing.partners(partner_key, rows)
            share = mixing.shares(share_key, rows, alpha=mixup)
            fields = {name: example[name] for name in task.inputs}
            seen = mixing.mixup(share_key, fields, partner, alpha=mixup)
        outputs, stats = network.apply(
            student, inputs_of(task, seen), train=True, key=key
        )
        terms = supervised_terms(task, outputs, example)
        if mixup:
            own = task.supervised(outputs, example)
            other = jax.tree.map(lambda x: x[partner], example)
            terms = {
                name: losses.masked_mean(share * own[name] + (1 - share) * x)
                for name, x in task.supervised(outputs, other).items()
            }
        return sum(terms.values()), Aux(loss_metrics(terms), {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={'labelled': Stream(tuple(task.example), (view,))},
        answers=found,
        ship=ship,
    )
