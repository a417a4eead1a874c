"""Mean Teacher: the average of past students is the target of the present one."""

from __future__ import annotations

from typing import Literal

from ssljax import losses, targets, teachers
from ssljax.contracts import Method, Network, Schedule, TargetRule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.mixed_inputs import mixed_inputs
from ssljax.methods.parts import task_of


def mean_teacher(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    teacher: Teacher | None = None,
    rule: TargetRule | None = None,
    mixup: float = 0.0,
    order: Literal['before', 'after'] = 'after',
    student_view: str = 'weak',
    weight: float | Schedule = 50.0,
    ratio: float = 1.0,
    joint: bool = False,
    ship: str | None = None,
) -> Method:
    r"""Draws the student to its teacher's answer on another view.

    .. math:: L_u = \frac1{UC}\sum_i \|p(a_i) - \mathrm{sg}\,p_T(b_i)\|^2, \quad
        \theta_T \leftarrow d\,\theta_T + (1-d)\,\theta

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      teacher: default ``ema(count_warmup(0.999))``.
      rule: what the teacher's answer becomes before it teaches; default nothing else.
      mixup: alpha of ``mixed_inputs``, what the teacher answers with a shuffle of
        itself; 1 in the audio comparison, 0 for none.
      order: the teacher moves after the student's step, or before it (SoftTeacher).
      student_view: 'weak' (an independent draw of the teacher's) or 'strong'.
      weight: of the unlabelled loss; papers ramp it. A code that sums the squares over
        classes has C times our loss.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for the student's two streams, or one each.
      ship: whose weights ``predict`` uses, default 'teacher'.

    Source: Tarvainen & Valpola 2017, arXiv 1703.01780. Departs from USB, whose code
    reads the student's logits from the teacher's output, so that its unlabelled loss is
    exactly 0. ``mixup``: Cances et al. 2022, arXiv 2102.08183, in the variant that its
    authors call the stable one; there the labelled rows are answered too, which here
    lie among the unlabelled ones.
    """
    task = task_of(task, num_classes, losses.mean_squared_error)
    target_view = 'weak2' if student_view == 'weak' else 'weak'
    method = consistency(
        network,
        optimizer,
        task,
        rule=rule or targets.chain(),
        student_view=student_view,
        target_view=target_view,
        target_from='teacher',
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher or teachers.ema(teachers.count_warmup(0.999)),
        order=order,
        ship=ship,
    )
    if not mixup:
        return method
    asked = ('unlabelled', target_view)
    return mixed_inputs(method, task, {asked: asked}, alpha=mixup)
