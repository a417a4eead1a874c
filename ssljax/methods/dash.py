"""Dash: FixMatch with a threshold on the loss that falls in steps."""

from __future__ import annotations

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def dash(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    warmup: int = 2048,
    every: int = 10240,
    gamma: float = 1.27,
    least: float = 0.05,
    temperature: float = 0.5,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch, but what passes is a loss below a threshold that shrinks.

    .. math:: L_u = \frac1U\sum_i [\mathrm{CE}(q_i, f(w_i)) \le \rho_k]\,
        \mathrm{CE}(q_i, f(s_i)), \quad
        \rho_k = \max(C\gamma^{-k}\hat\rho, \rho_{\min})

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      warmup: steps of labels alone, whose loss at the end is :math:`\hat\rho`.
      every: steps after which k grows by 1.
      gamma: > 1.
      least: :math:`\rho_{\min}`.
      temperature: of the targets q while the threshold is above its least.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Xu et al. 2021, arXiv 2109.00650; soft, then hard targets as in USB.
    """
    select = targets.dash(
        warmup, every, gamma=gamma, least=least, temperature=temperature
    )
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=select,
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
