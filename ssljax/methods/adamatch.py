"""AdaMatch: FixMatch with aligned answers and a threshold relative to the labelled."""

from __future__ import annotations

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def adamatch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    threshold: float = 0.9,
    momentum: float = 0.999,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch, but answers are aligned to those on labelled rows, and so is the bar.

    .. math:: L_u = \frac1U\sum_i [\max \tilde p(w_i) \ge \rho\,
        \overline{\max p(x_l)}]\,\mathrm{CE}(\arg\max \tilde p(w_i), f(s_i))

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      threshold: rho in [0, 1], of the labelled rows' mean confidence.
      momentum: of the alignment.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Berthelot et al. 2021, arXiv 2106.04732, in USB's form: the original also
    interpolates logits at random, trains on strong labelled views, keeps no average
    and ramps the weight. Departs from USB in how the alignment starts.
    """
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=targets.chain(
            targets.align('labelled', momentum),
            targets.relative(threshold),
            targets.harden(),
        ),
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
