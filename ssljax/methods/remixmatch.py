"""ReMixMatch: MixMatch whose guesses are aligned, and teach strong views."""

from __future__ import annotations

from typing import Any, Literal

from ssljax import losses, targets, views
from ssljax.contracts import (
    InputError,
    Method,
    Network,
    Schedule,
    TargetRule,
    Task,
    Teacher,
    View,
)
from ssljax.methods.learner import Optimizer
from ssljax.methods.mixed import Turned, mixed
from ssljax.methods.parts import task_of


def remixmatch(
    network: Network,
    optimizer: Optimizer,
    *,
    head: Network | None = None,
    task: Task | None = None,
    num_classes: int | None = None,
    copies: int = 8,
    labelled_view: str = 'strong',
    prior: Any = 'labels',
    rule: TargetRule | None = None,
    temperature: float = 0.5,
    alpha: float = 0.75,
    one_share: bool = False,
    weight: float | Schedule = 1.5,
    unmixed: float = 1 / 3,
    turn: Literal['quarters', 'flips'] | View = 'quarters',
    turn_weight: float = 0.5,
    ratio: float = 1.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Anchors strong views to the aligned guess on the weak one.

    .. math:: q = \mathrm{sharpen}_T\big(\mathrm{align}(p(w))\big), \quad
        (X', U') = \mathrm{MixUp}\big((x_l, y), (s_1, q), \dots, (s_K, q), (w, q)\big)

    .. math:: L = \mathrm{CE}(X') + \lambda(t)\,\big[\mathrm{CE}(U')
        + \mu\,\mathrm{CE}(q, f(s_1))\big] + \lambda_r\,\mathrm{CE}(r, h(r(s_1)))

    Args:
      network: any, of float inputs; it answers 'features' [U, D] where there is a head.
      optimizer: an optax transformation, or {'student': ..., 'head': ...}.
      head: eats features, answers 'logits' [U, 4], which of four ways r the view was
        turned in; thrown away afterwards. None leaves that term out, as for text.
      task: of classification, or ``num_classes``.
      num_classes: C.
      copies: K, strong views; 2 in USB and the audio comparison.
      labelled_view: 'strong', or 'weak' as in USB.
      prior: what answers are aligned to on the whole, over the last 128 batches:
        'labels' seen, 'uniform', or probabilities [C]; see ``targets.align_by_queue``.
      rule: from the answer on w to q; default the alignment, then the sharpening.
      temperature: T > 0.
      alpha: >= 0; 0 mixes nothing ('without mixup' in the audio comparison).
      one_share: one lambda for all rows, as in USB.
      weight: lambda; papers ramp it linearly over the first 1/64 of training.
      unmixed: mu; 0.5 of the weight 1.5.
      turn: r, of ``views.turn``: 'quarters', or 'flips' for spectrograms; or a view
        that adds 'turn'.
      turn_weight: :math:`\lambda_r`, never ramped.
      ratio: unlabelled rows for each labelled one.
      joint: one pass over all that is mixed, or one each; see ``mixmatch``.
      teacher: an average of the student for evaluation (0.999 in the paper).
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: if an option has no such value.

    Source: Berthelot et al. 2020, arXiv 1911.09785; its strong views, CTAugment, by
    ``ctaugmented``. Departs from the official code in that the batch itself counts in
    the alignment and each row draws its turn. ``alpha`` 0, 'flips' and ``one_share``
    for Cances et al. 2022, arXiv 2102.08183, whose code aligns logits by mistake.
    """
    if copies < 1:
        raise InputError(f'copies is {copies}; give at least 1.')
    turned = None
    if head is not None:
        view = views.turn(turn) if isinstance(turn, str) else turn
        turned = Turned(view, head, turn_weight)
    aligned = targets.chain(
        targets.align_by_queue(prior, 128), targets.sharpen(temperature)
    )
    strong = ['strong', *(f'strong{k}' for k in range(2, copies + 1))]
    return mixed(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=rule or aligned,
        guess_views=['weak'],
        taught_views=[*strong, 'weak'],
        labelled_view=labelled_view,
        alpha=alpha,
        one_share=one_share,
        weight=weight,
        unmixed=unmixed,
        turned=turned,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        ship=ship,
    )
