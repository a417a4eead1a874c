"""FreeMatch: FixMatch with thresholds that the model sets itself, and fairness."""

from __future__ import annotations

from ssljax import losses, targets
from ssljax.contracts import Method, Network, Schedule, Task, Teacher
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of


def freematch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    momentum: float = 0.999,
    fairness_weight: float | Schedule = 0.001,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch, but thresholds are moving averages of the model's own confidence.

    .. math:: L_u = \frac1U\sum_i [\max p(w_i) \ge \tau\,\tilde p_{\hat y_i} /
        \max_c\tilde p_c]\,\mathrm{CE}(\hat y_i, f(s_i)) + \lambda_f L_f

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      momentum: of the averages.
      fairness_weight: :math:`\lambda_f` of ``losses.fairness``; 0.01 in the paper's
        largest settings.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Source: Wang et al. 2022, arXiv 2205.07246; fairness_weight as in USB.
    """

    def fairness(taught, lesson, state):
        learnt, _ = state
        loss = losses.fairness(
            taught['logits'], lesson.weight, learnt.probs, learnt.histogram
        )
        return {'fairness': loss}

    return consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=targets.chain(targets.self_adaptive(momentum), targets.harden()),
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
        extra=fairness,
        extra_weight=fairness_weight,
    )
