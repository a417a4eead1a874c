"""Pi-model: two noisy answers of one network agree."""

from __future__ import annotations

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def pi_model(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    weight: float | Schedule = 10.0,
    ratio: float = 1.0,
    joint: bool = False,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Draws two weak views together, the second one's answer being the target.

    .. math:: L_u = \frac1{UC}\sum_i \|p(a_i) - \mathrm{sg}\,p(b_i)\|^2

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      weight: of the unlabelled loss; papers ramp it linearly over 0.4 of training.
      ratio: unlabelled rows for each labelled one.
      joint: default False: running statistics move by the labelled rows only, as in
        USB.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Laine & Aila 2016, arXiv 1610.02242; the stopped second view as in USB
    (the paper lets both move).
    """
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.mean_squared_error),
        rule=targets.chain(),
        student_view='weak',
        target_view='weak2',
        target_from='student',
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
