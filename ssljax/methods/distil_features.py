"""Distillation from the middle: a student's features follow those of its teacher."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Outputs,
    Schedule,
    Task,
    Teacher,
    Variables,
)
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import check_choice, task_of
from ssljax.methods.taught import Found, Lesson, More, beside, taught
from ssljax.schedules import value

Pair = tuple[Array, Array]


def distil_features(
    network: Network,
    teacher_network: Network,
    optimizer: Optimizer,
    *,
    loss: str = 'hint',
    projector: Network | None = None,
    taps: Mapping[str, str] | Sequence[str] = ('features',),
    weight: float | Schedule | None = None,
    answer_weight: float | Schedule = 1.0,
    temperature: float = 4.0,
    task: Task | None = None,
    num_classes: int | None = None,
    view: str = 'weak',
    target_view: str | None = None,
    on: str = 'unlabelled',
    label_weight: float | Schedule = 0.0,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Teaches features of a frozen network, and its answers beside them.

    .. math:: L = \lambda\,\textstyle\sum_t F\big(g(h^S_t), h^T_t\big)
        + \alpha\,\mathrm{KD} + \beta\,\mathrm{CE}(y, f(x_l))

    over pairs of taps, outputs of both networks by name, with KD as in ``distil`` and
    F one of, with its own lambda,

    - 'hint' (100): squares of features or maps; FitNets in one stage,
    - 'cosine' (1): one less the cosine of features,
    - 'attention' (1000): where maps [B, ..., D] look, whatever their widths; AT,
    - 'relations' (1): 25 times distances and 50 times angles of rows; RKD,
    - 'norm_direction' (2): length along the teacher's mean of the class; KD++, which
      needs ``given['class_means']`` [C, D] (``losses.class_means``),
    - 'hidden' (1): squares of tokens [B, T, D], the mean over layers; TinyBERT.

    Args:
      network: the student's.
      teacher_network: of ``given['teacher']``.
      optimizer: one for both trained networks, or {'student': ..., 'projector': ...}.
      loss: F.
      projector: g, brings the last axis of the student's taps to the teacher's width;
        it is one and the same for all taps. None where widths are equal or play no
        part.
      taps: names of outputs, or {the student's: the teacher's}. Networks that have the
        part 'taps' also answer the maps 'stage1', 'stage2', ... by it.
      weight: lambda; None is that of the loss.
      answer_weight: alpha; 0 leaves the answers alone.
      temperature: T of KD.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      view: what the student sees.
      target_view: what the teacher sees; default the same.
      on: which rows are taught, 'unlabelled' or 'labelled'; with labels, KD++ has the
        mean of the label's class, else of the class that the teacher names, which is
        not in its paper.
      label_weight: beta.
      ratio: unlabelled rows for each labelled one.
      teacher: an average of the student for evaluation; not who teaches here.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: for another loss; by ``init``, if a tap does not exist (it names the
        nearest), if the teacher or the class means are missing or do not fit; when
        traced, if features do not fit the loss.

    Source: Romero et al. 2015 (FitNets), arXiv 1412.6550; Zagoruyko & Komodakis 2017
    (AT), arXiv 1612.03928; Park et al. 2019 (RKD), arXiv 1904.05068; Wang et al. 2023
    (KD++), arXiv 2305.17007; Jiao et al. 2020 (TinyBERT), arXiv 1909.10351. Weights as
    in mdistiller and KD++.
    """
    check_choice('loss', loss, FEATURES)
    task = task_of(task, num_classes, losses.cross_entropy)
    function, usual = FEATURES[loss]
    pairs = dict(taps) if isinstance(taps, Mapping) else {tap: tap for tap in taps}
    if not pairs:
        raise InputError('taps is empty; name at least one output.')
    strength = usual if weight is None else weight

    def more(key, own, theirs, given):
        del key
        for ours, tap in pairs.items():
            known('student', ours, own)
            known('teacher', tap, theirs)
        shape = own[next(iter(pairs))]
        networks = {}
        if projector is not None:
            networks['projector'] = projector, jnp.zeros(shape.shape, shape.dtype)
        kept = {}
        if loss == 'norm_direction':
            if 'class_means' not in given:
                raise InputError(
                    "given has no 'class_means', which norm_direction needs; pass "
                    "losses.class_means of the teacher's features."
                )
            kept['class_means'] = jnp.asarray(given['class_means'], jnp.float32)
        return More(networks, frozen=kept)

    def found(lesson: Lesson) -> Found:
        ours = [lesson.own[tap] for tap in pairs]
        stats = {}
        if projector is not None:
            moved = lesson.state.stats['projector']
            for i, x in enumerate(ours):
                head = Variables(lesson.params['projector'], moved)
                noise = jax.random.fold_in(lesson.key, i)
                answer, moved = projector.apply(head, x, train=True, key=noise)
                ours[i] = answer['logits']
            stats['projector'] = moved
        both = [
            (x, lesson.theirs[tap]) for x, tap in zip(ours, pairs.values(), strict=True)
        ]
        terms = {'features': function(both, lesson)}
        total = value(strength, lesson.state.step) * terms['features']
        made = Found(total, terms, stats)
        return beside(made, lesson, answer_weight, temperature)

    return taught(
        network,
        teacher_network,
        optimizer,
        task,
        found,
        view=view,
        target_view=target_view,
        target_from='teacher',
        on=on,
        label_weight=label_weight,
        ratio=ratio,
        teacher=teacher,
        ship=ship,
        more=more,
        entry='taps',
    )


def known(who: str, tap: str, outputs: Outputs) -> None:
    """Refuses a tap that a network does not answer, and names the nearest that it does.

    Raises:
      InputError: if ``tap`` is none of ``outputs``.
    """
    if tap in outputs:
        return
    near = difflib.get_close_matches(tap, outputs, n=3) or sorted(outputs)
    raise InputError(
        f'taps has {tap!r}, which the {who} does not answer; the nearest of its '
        f'outputs are {", ".join(map(repr, near))}.'
    )


def _summed(rows: Callable[[Array, Array], Array]) -> Callable:
    """Mean over rows, sum over taps."""

    def function(both: Sequence[Pair], lesson: Lesson) -> Any:
        return sum(losses.masked_mean(rows(*pair)) for pair in both)

    return function


def _relations(both: Sequence[Pair], lesson: Lesson) -> Any:
    return sum(
        25 * losses.relational_distance(*pair) + 50 * losses.relational_angle(*pair)
        for pair in both
    )


def _norm_direction(both: Sequence[Pair], lesson: Lesson) -> Any:
    means = lesson.state.frozen['class_means']
    return sum(
        losses.masked_mean(losses.norm_direction(*pair, means, lesson.label))
        for pair in both
    )


def _hidden(both: Sequence[Pair], lesson: Lesson) -> Any:
    ours, theirs = zip(*both, strict=True)
    return losses.masked_mean(losses.hidden_states(ours, theirs))


FEATURES: dict[str, tuple[Callable, float]] = {
    'hint': (_summed(losses.hint), 100.0),
    'cosine': (_summed(losses.cosine_alignment), 1.0),
    'attention': (_summed(losses.attention_transfer), 1000.0),
    'relations': (_relations, 1.0),
    'norm_direction': (_norm_direction, 2.0),
    'hidden': (_hidden, 1.0),
}
"""Losses of features by name, ``(pairs, lesson) -> []`` and the usual weight."""
