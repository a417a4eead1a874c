"""UDA: FixMatch with sharpened targets, and labels let in by and by."""

from __future__ import annotations

from typing import Literal

from ssljax import losses, targets
from ssljax.contracts import InputError, Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def uda(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    threshold: float = 0.8,
    temperature: float = 0.4,
    tsa: Literal['none', 'linear', 'exp', 'log'] = 'none',
    steps: int | None = None,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch, but targets are sharpened, not hard; labels may be annealed.

    .. math:: L_u = \frac1U\sum_i [\max p(w_i) \ge \beta]\,
        \mathrm{KL}(p^{1/T}(w_i) \| p(s_i))

    With ``tsa`` the labelled loss is the mean over rows with :math:`p_y \le \eta_t`.

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      threshold: beta in [0, 1], of the answer before it is sharpened.
      temperature: T > 0.
      tsa: how the bar of ``targets.tsa`` rises, 'exp' for few labels.
      steps: of the whole run, which ``tsa`` needs.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: if ``tsa`` lacks its steps.

    Source: Xie et al. 2019, arXiv 1904.12848, and google-research/uda. Departs from
    USB, whose code drops T, anneals by the highest probability instead of the label's
    and divides by all labelled rows.
    """
    anneal = None
    if tsa != 'none':
        if steps is None:
            raise InputError(f'tsa is {tsa!r}, which needs the steps of the run.')
        anneal = targets.tsa(tsa, steps)
    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.kl_divergence),
        rule=targets.chain(targets.threshold(threshold), targets.sharpen(temperature)),
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
        labelled_rule=anneal,
    )
