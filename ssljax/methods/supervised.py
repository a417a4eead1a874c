"""Supervised: labels alone, the baseline of everything."""

from __future__ import annotations

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


def supervised(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    view: str = 'weak',
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
      teacher: an average of the student for evaluation, as every later method has.
      ship: whose weights ``predict`` uses; default the teacher where there is one.

    Example::

      method = methods.supervised(network, optax.adam(1e-3), num_classes=10)
      state = method.init(key, batch)
      state, metrics = jax.jit(method.step, donate_argnums=0)(state, batch)
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks = {'student': (network, inputs_of(task, batch['labelled'][view]))}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        example = batch['labelled'][view]
        student = student_of(params, state.stats)
        outputs, stats = network.apply(
            student, inputs_of(task, example), train=True, key=key
        )
        terms = supervised_terms(task, outputs, example)
        return sum(terms.values()), Aux(loss_metrics(terms), {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={'labelled': Stream(tuple(task.example), (view,))},
        answers=found,
        ship=ship,
    )
