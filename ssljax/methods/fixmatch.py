"""FixMatch: a confident answer on the weak view is the label of the strong one."""

from __future__ import annotations

from typing import Literal

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def fixmatch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    threshold: float | Schedule = 0.95,
    target_from: Literal['student', 'teacher'] = 'student',
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Pseudo-Label across views: weak answers, strong learns.

    .. math:: L_u = \frac1U\sum_i [\max p(w_i) \ge \tau]\,
        \mathrm{CE}(\arg\max p(w_i), f(s_i))

    Divided by the whole unlabelled batch, kept or not, as in the official code.

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      threshold: tau in [0, 1], or a schedule.
      target_from: who answers on the weak view; the paper's is the student.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: default True, one pass over [labelled; weak; strong] as published; it also
        runs backward through the weak rows. False is cheaper, and the same mathematics
        for networks without batch statistics.
      teacher: an average of the student for evaluation (0.999 in the paper).
      ship: whose weights ``predict`` uses.

    Source: Sohn et al. 2020, arXiv 2001.07685.
    """
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=targets.chain(targets.threshold(threshold), targets.harden()),
        target_from=target_from,
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
