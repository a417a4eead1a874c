"""SoftMatch: FixMatch with weights in the place of a threshold."""

from __future__ import annotations

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def softmatch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    momentum: float = 0.999,
    sigmas: float = 2.0,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch, but every row teaches, by a Gaussian of how unsure it is.

    .. math:: L_u = \frac1U\sum_i e^{-\min(\max \tilde p(w_i) - \mu, 0)^2 /
        (2\sigma^2/n^2)}\,\mathrm{CE}(\arg\max p(w_i), f(s_i))

    where :math:`\tilde p` is p aligned to uniform. The label is that of p itself.

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      momentum: of mean, variance and alignment.
      sigmas: n.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Chen et al. 2023, arXiv 2301.10921; n and the label as in USB.
    """
    aligned = targets.align('uniform', momentum)
    weigh = targets.gaussian(momentum, sigmas=sigmas, measured_on=aligned)
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=targets.chain(weigh, targets.harden()),
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
