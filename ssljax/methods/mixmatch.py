"""MixMatch: labels guessed from several weak views, mixed with the true ones."""

from __future__ import annotations

from typing import Literal

from ssljax import losses, targets
from ssljax.contracts import InputError, Method, Network, Schedule, Task, Teacher
from ssljax.methods.learner import Optimizer
from ssljax.methods.mixed import mixed
from ssljax.methods.parts import check_choice, task_of


def mixmatch(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    copies: int = 2,
    temperature: float = 0.5,
    alpha: float = 0.75,
    one_share: bool = False,
    loss: Literal['mean_squared_error', 'cross_entropy'] = 'mean_squared_error',
    weight: float | Schedule = 75.0,
    ratio: float = 1.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Guesses by the sharpened mean over weak views, then mixes everything.

    .. math:: q = \mathrm{sharpen}_T\Big(\tfrac1K\sum_k p(u_k)\Big), \quad
        (X', U') = \mathrm{MixUp}\big((x_l, y), (u_1, q), \dots, (u_K, q)\big)

    .. math:: L = \mathrm{CE}(X') + \lambda(t)\,\frac1{KUC}\sum_{(u', q') \in U'}
        \|p(u') - q'\|^2

    where a row is mixed with a row of them all, and stays the nearer one:
    :math:`\lambda = \max(\beta, 1 - \beta)`, beta of Beta(alpha, alpha).

    Args:
      network: any; its inputs are floats.
      optimizer: an optax transformation.
      task: of classification, or ``num_classes``.
      num_classes: C.
      copies: K, weak views of an unlabelled example.
      temperature: T > 0.
      alpha: >= 0; 0 mixes nothing ('without mixup' in the audio comparison).
      one_share: one lambda for all rows, as in USB; the audio comparison has one for
        the labelled rows and one for the others.
      loss: of the unlabelled rows; the audio comparison has 'cross_entropy' and weight
        1. A task with a consistency of its own keeps that.
      weight: of the unlabelled loss, 75 to 150 in the paper; papers ramp it linearly.
      ratio: unlabelled rows for each labelled one.
      joint: one pass over all that is mixed, so that all of it has the same batch
        statistics; or one each, USB's. The official code interleaves rows to have the
        former in several passes, and lets running statistics move by the first.
      teacher: an average of the student for evaluation (0.999 in the paper).
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: if an option has no such value.

    Source: Berthelot et al. 2019, arXiv 1905.02249; ``alpha`` 0, ``one_share`` and
    ``loss`` for Cances et al. 2022, arXiv 2102.08183.
    """
    check_choice('loss', loss, ('mean_squared_error', 'cross_entropy'))
    if copies < 1:
        raise InputError(f'copies is {copies}; give at least 1.')
    views = ['weak', *(f'weak{k}' for k in range(2, copies + 1))]
    return mixed(
        network,
        optimizer,
        task_of(task, num_classes, getattr(losses, loss)),
        rule=targets.sharpen(temperature),
        guess_views=views,
        taught_views=views,
        alpha=alpha,
        one_share=one_share,
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
