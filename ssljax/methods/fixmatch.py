"""FixMatch: a confident answer on the weak view is the label of the strong one."""

from __future__ import annotations

from typing import Any, Literal

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.mixed_inputs import mixed_inputs
from ssljax.methods.parts import task_of


def fixmatch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    threshold: float | Schedule = 0.95,
    prior: Any = None,
    mixup: float = 0.0,
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
      prior: what answers are aligned to on the whole before they are thresholded, over
        the last 128 batches: 'uniform', 'labels', 'labelled' or probabilities [C], see
        ``targets.align_by_queue``; None for no alignment.
      mixup: alpha of ``mixed_inputs``, labelled with strong rows and these with those;
        0.75 in the audio comparison, 0 for none.
      target_from: who answers on the weak view; the paper's is the student.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: default True, one pass over [labelled; weak; strong] as published; it also
        runs backward through the weak rows. False is cheaper, and the same mathematics
        for networks without batch statistics.
      teacher: an average of the student for evaluation (0.999 in the paper).
      ship: whose weights ``predict`` uses.

    Source: Sohn et al. 2020, arXiv 2001.07685; ``prior`` is ReMixMatch's alignment,
    ``mixup`` of Cances et al. 2022, arXiv 2102.08183.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    rule = targets.chain(targets.threshold(threshold), targets.harden())
    if prior is not None:
        rule = targets.chain(targets.align_by_queue(prior, 128), rule)
    method = consistency(
        network,
        optimizer,
        task,
        rule=rule,
        target_from=target_from,
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
    if not mixup:
        return method
    labelled, strong = ('labelled', 'weak'), ('unlabelled', 'strong')
    partners = {labelled: strong, strong: labelled}
    return mixed_inputs(method, task, partners, alpha=mixup)
