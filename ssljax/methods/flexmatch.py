"""FlexMatch: FixMatch with a curriculum, a threshold for each class."""

from __future__ import annotations

from typing import Any

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def flexmatch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    rows: int | Any,
    threshold: float = 0.95,
    warmup: bool = True,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch, but thresholds fall for classes that are learned less well.

    .. math:: L_u = \frac1U\sum_i [\max p(w_i) \ge \tau\,M(\beta_{\hat y_i})]\,
        \mathrm{CE}(\hat y_i, f(s_i))

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      rows: of the source that are unlabelled: which [n], or N for the first N.
      threshold: tau in [0, 1] of a class that is learned best.
      warmup: whether rows not yet seen confident hold the thresholds down.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Zhang et al. 2021, arXiv 2110.08263; the order of mask and table as in USB.
    """
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=targets.chain(
            targets.curriculum(threshold, rows, warmup=warmup), targets.harden()
        ),
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
