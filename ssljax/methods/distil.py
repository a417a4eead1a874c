"""Distillation: a trained network answers, another one learns to answer the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ssljax import losses
from ssljax.contracts import Array, InputError, Method, Network, Schedule, Task, Teacher
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import check_choice, task_of
from ssljax.methods.taught import Found, Lesson, taught

NOTHING: Mapping[str, Any] = MappingProxyType({})


def distil(
    network: Network,
    teacher_network: Network | None,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    loss: str = 'kd',
    options: Mapping[str, Any] = NOTHING,
    temperature: float = 1.0,
    view: str = 'weak',
    target_view: str | None = None,
    target_from: str = 'teacher',
    on: str = 'unlabelled',
    label_weight: float | Schedule = 0.0,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Teaches unlabelled examples by a frozen network's soft answers.

    .. math:: L = \frac1U\sum_i T^2\,\mathrm{KL}\Big(
        \mathrm{softmax}\frac{f_T(u_i)}{T} \Big\|
        \mathrm{softmax}\frac{f(u_i)}{T}\Big) + \beta\,\mathrm{CE}(y, f(x_l))

    The trained network is given, ``init(key, batch, given={'teacher': variables})``,
    and stays in ``State.frozen``. It sees the same view as the student, by its running
    statistics and without noise. No label is needed while ``label_weight`` is 0 and
    unlabelled rows are taught.

    Args:
      network: the student's, of any size.
      teacher_network: of the given variables; unused with answers in the batch.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      loss: 'kd', as above; 'symmetric_kl' (SSLD), 'js', the true Jensen-Shannon
        divergence, or 'dkd', of the label or of what the teacher says.
      options: of the loss: ``target_weight`` and ``other_weight`` of 'dkd'.
      temperature: T > 0; SimCLRv2 has 0.1 from big to small, 1 between equals, others
        4 for 100 classes.
      view: what the student sees.
      target_view: what the teacher sees; default the same.
      target_from: 'teacher', or the 'answers' or 'top_answers' of the batch
        (``data.cached``); then ``target_view`` plays no part.
      on: which rows are taught, 'unlabelled' or 'labelled'.
      label_weight: beta >= 0, a float or a schedule of the step.
      ratio: unlabelled rows for each labelled one.
      teacher: an average of the student for evaluation; not who teaches here.
      ship: whose weights ``predict`` uses; default the average where there is one.

    Raises:
      InputError: if an option has no such value; by ``init``, if there is no
        ``given['teacher']``, if it does not fit ``teacher_network``; when traced, if it
        answers other classes.

    Source: Hinton et al. 2015, arXiv 1503.02531; Chen et al. 2020 (SimCLRv2), arXiv
    2006.10029, eq. 2 and 3, by the KL, whose gradient is that of its cross-entropy.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    rows = answer_loss(loss, temperature, options)

    def found(lesson: Lesson) -> Found:
        per_row = rows(lesson.own['logits'], lesson.theirs['logits'], lesson.label)
        distilled = losses.masked_mean(per_row)
        return Found(distilled, {'distillation': distilled})

    return taught(
        network,
        teacher_network,
        optimizer,
        task,
        found,
        view=view,
        target_view=target_view,
        target_from=target_from,
        on=on,
        label_weight=label_weight,
        ratio=ratio,
        teacher=teacher,
        ship=ship,
    )


def answer_loss(
    name: str, temperature: float, options: Mapping[str, Any] = NOTHING
) -> Callable[[Array, Array, Array], Array]:
    """Returns ``(logits, teacher_logits, label) -> [rows]`` of a loss by its name.

    Raises:
      InputError: for another name, or an option that the loss has not.
    """
    check_choice('loss', name, ANSWERS)
    function = ANSWERS[name]
    known = list(inspect.signature(function).parameters)[4:]
    for option in options:
        check_choice('an option of the loss', option, known or ['none'])
    if temperature <= 0:
        raise InputError(f'temperature is {temperature}; give a number above 0.')
    return lambda own, theirs, label: function(
        own, theirs, label, temperature, **options
    )


def _kd(own, theirs, label, temperature):
    return losses.distillation(own, theirs, temperature=temperature)


def _symmetric_kl(own, theirs, label, temperature):
    return losses.symmetric_kl(own, theirs, temperature=temperature)


def _js(own, theirs, label, temperature):
    scaled = own / temperature, theirs / temperature
    return temperature**2 * losses.jensen_shannon(*scaled)


def _dkd(own, theirs, label, temperature, target_weight=1.0, other_weight=8.0):
    return losses.decoupled_distillation(
        own,
        theirs,
        label,
        temperature=temperature,
        target_weight=target_weight,
        other_weight=other_weight,
    )


ANSWERS = {'kd': _kd, 'symmetric_kl': _symmetric_kl, 'js': _js, 'dkd': _dkd}
"""Losses of answers by name."""
