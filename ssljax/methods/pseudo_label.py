"""Pseudo-Label: the network's own confident answer is its target."""

from __future__ import annotations

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def pseudo_label(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    threshold: float | Schedule = 0.95,
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    joint: bool = False,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Learns the arg-max of its own answer on the same weak view.

    .. math:: L_u = \frac1U\sum_i [\max p(w_i) \ge \tau]\,
        \mathrm{CE}(\arg\max p(w_i), f(w_i))

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      threshold: tau in [0, 1], or a schedule; the paper keeps every row (0), USB 0.95.
      weight: of the unlabelled loss; papers ramp it linearly over 0.4 of training.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for both streams, or one each.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Lee 2013; threshold and ramp as in USB (2022).
    """
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=targets.chain(targets.threshold(threshold), targets.harden()),
        student_view='weak',
        target_view='weak',
        target_from='student',
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
