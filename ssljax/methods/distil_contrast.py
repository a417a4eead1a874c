"""Contrastive distillation: a student's embedding finds its teacher's among others."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax import losses, shards
from ssljax.contracts import (
    Array,
    Method,
    Network,
    Schedule,
    Task,
    Teacher,
    Variables,
)
from ssljax.methods import projection
from ssljax.methods.distil_features import known
from ssljax.methods.learner import Optimizer
from ssljax.methods.parts import task_of
from ssljax.methods.taught import Found, Lesson, More, beside, taught
from ssljax.schedules import value
from ssljax.targets import bank, crd


def distil_contrast(
    network: Network,
    teacher_network: Network,
    embedder: Network,
    teacher_embedder: Network,
    optimizer: Optimizer,
    rows: int | Sequence[int],
    *,
    negatives: int = 256,
    momentum: float = 0.5,
    contrast_temperature: float = 0.07,
    weight: float | Schedule = 0.8,
    answer_weight: float | Schedule = 1.0,
    temperature: float = 4.0,
    task: Task | None = None,
    num_classes: int | None = None,
    view: str = 'weak',
    label_weight: float | Schedule = 0.0,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Tells a row's partner in the other network's memory from drawn ones.

    .. math:: L = \lambda\,\big(\mathrm{NCE}(h^s M^t) + \mathrm{NCE}(h^t M^s)\big)
        + \alpha\,\mathrm{KD} + \beta\,\mathrm{CE}(y, f(x_l))

    with embeddings of both networks' features, each by an embedder that is trained, and
    memories of what both last answered on every row (``targets.crd``). Partners are
    drawn from all other rows: no label is read.

    Args:
      network: answers 'features' [rows, D].
      teacher_network: of ``given['teacher']``; answers 'features' [rows, any].
      embedder: eats the student's features, answers 'logits' [rows, E].
      teacher_embedder: the same of the teacher's, of the same E; 128 in the paper.
      optimizer: of all trained networks, or one by name: 'student', 'embedder',
        'teacher_embedder'.
      rows: of the source that are unlabelled: which [n], or N for the first N.
      negatives: K; 16384 in the paper.
      momentum: of the memories.
      contrast_temperature: of the comparisons.
      weight: lambda.
      answer_weight: alpha; 0 leaves the answers alone.
      temperature: T of KD.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      view: what both see.
      label_weight: beta.
      ratio: unlabelled rows for each labelled one.
      teacher: an average of the student for evaluation; not who teaches here.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: by ``init``, if the teacher is missing or does not fit, if a network
        has no features, or if the embeddings' widths differ.

    Source: Tian et al. 2020 (CRD), arXiv 1910.10699, which draws from rows of other
    classes where there are labels.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    size, place = bank.places(rows)

    def more(key, own, theirs, given):
        del given
        blank = {}
        for who, outputs in ('student', own), ('teacher', theirs):
            known(who, 'features', outputs)
            shape = outputs['features']
            blank[who] = jnp.zeros(shape.shape, shape.dtype)
        width = projection.width(embedder, blank['student'])
        return More(
            {
                'embedder': (embedder, blank['student']),
                'teacher_embedder': (teacher_embedder, blank['teacher']),
            },
            memory={'contrast': crd.empty(jax.random.fold_in(key, 1), size, width)},
        )

    def found(lesson: Lesson) -> Found:
        state, drawing = lesson.state, jax.random.fold_in(lesson.key, 2)
        embedded: dict[str, Array] = {}
        stats = {}
        for i, (name, net, outputs) in enumerate(
            (
                ('embedder', embedder, lesson.own),
                ('teacher_embedder', teacher_embedder, lesson.theirs),
            )
        ):
            head = Variables(lesson.params[name], state.stats[name])
            noise = jax.random.fold_in(lesson.key, i)
            answer, stats[name] = net.apply(
                head, outputs['features'], train=True, key=noise
            )
            embedded[name] = answer['logits']
        ours, theirs = embedded.values()
        at = place(lesson.index)
        # Drawn for the rows of all devices, of which each takes its own.
        whole = shards.gather(at)
        drawn = crd.negatives(drawing, jnp.arange(size), whole, negatives)
        drawn = drawn[shards.row_numbers(len(at), like=at)]
        scores, memory = crd.scores(
            state.memory['contrast'],
            ours,
            theirs,
            at,
            drawn,
            temperature=contrast_temperature,
        )
        nce = losses.noise_contrastive(
            scores, memory.log_normalisers[:, None], size
        ).sum(0)
        terms = {'contrast': losses.masked_mean(nce)}
        total = value(weight, state.step) * terms['contrast']
        memory = crd.remember(memory, ours, theirs, at, momentum=momentum)
        made = Found(total, terms, stats, {'contrast': memory})
        return beside(made, lesson, answer_weight, temperature)

    return taught(
        network,
        teacher_network,
        optimizer,
        task,
        found,
        view=view,
        target_view=None,
        target_from='teacher',
        on='unlabelled',
        label_weight=label_weight,
        ratio=ratio,
        teacher=teacher,
        ship=ship,
        more=more,
    )
