"""CoMatch: pseudo-labels smoothed by a memory bank; embeddings follow their graph."""

from __future__ import annotations

import jax

from ssljax import losses, targets
from ssljax.contracts import (
    Evidence,
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods import projection
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    consistency_terms,
    follow,
    loss_metrics,
    opinion_of,
    remember,
    student_of,
    supervised_terms,
    task_of,
    utilisation,
)
from ssljax.schedules import value
from ssljax.targets import bank


def comatch(
    network: Network,
    projector: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    threshold: float | Schedule = 0.95,
    keep: float = 0.9,
    temperature: float = 0.2,
    alike: float = 0.8,
    batches: int = 5,
    align_length: int = 32,
    contrast_weight: float | Schedule = 1.0,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch with aligned, smoothed, soft targets, and a graph of embeddings.

    .. math:: q_i &= \alpha\,\mathrm{DA}(p(w_i)) + (1-\alpha) \textstyle\sum_j
        \mathrm{softmax}_j(z_i\cdot z_j / T)\, v_j \\
        L &= \mathrm{CE}(y, f(x_l)) + \lambda\,\frac1U\sum_i
        [\max q_i \ge \tau]\,\mathrm{CE}(q_i, f(s_i)) + \lambda_c L_c

    over the bank's rows (z, v) of the last batches: aligned answers before they are
    smoothed, and labels. :math:`L_c` is ``losses.graph_contrastive`` of the embeddings
    of two strong views.

    Args:
      network: answers 'features' [rows, D].
      projector: eats features, answers 'logits', the embedding before it is normalised.
      optimizer: one for both, or {'student': ..., 'projector': ...}.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      threshold: tau in [0, 1], or a schedule.
      keep: alpha in [0, 1], what of an answer is its own.
      temperature: T > 0, of both similarities.
      alike: the dot product from which on two pseudo-labels are linked.
      batches: that the bank holds; until it is full nothing is smoothed.
      align_length: batches of ``targets.align_by_queue``.
      contrast_weight: :math:`\lambda_c`.
      weight: lambda; 5 for CIFAR-100 in the paper.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: by ``init``, if the network has no features [rows, D].

    Source: Li et al. 2020, arXiv 2011.11183. Smoothing begins once the bank is full, a
    step earlier than in its code; USB also waits for the second epoch.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    aligned = targets.align_by_queue('uniform', align_length)
    sure = targets.threshold(threshold)
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        weak = inputs_of(task, batch['unlabelled']['weak'])
        labelled = inputs_of(task, batch['labelled']['weak'])
        both = projection.networks(network, projector, labelled)
        width = projection.width(*both['projector'])
        opinion = opinion_of(network, task, weak)
        averaged = remember(teacher, aligned, opinion)

        def memory(params, stats):
            unlabelled, classes = opinion(student_of(params, stats)).value.shape
            rows = batches * (len(batch['labelled']['index']) + unlabelled)
            return {**averaged(params, stats), 'bank': bank.empty(rows, width, classes)}

        return start(key, both, optimizer, given or {}, memory=memory)

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']
        views = [inputs_of(task, labelled)]
        views += [inputs_of(task, unlabelled[v]) for v in ('weak', 'strong', 'strong2')]
        (on_labels, weak, strong, strong2), stats = projection.embed(
            network, projector, params, state.stats, views, joint=joint, key=key
        )
        near, known = jax.lax.stop_gradient((weak['embedding'], on_labels['embedding']))
        evidence = Evidence(step=state.step, index=unlabelled['index'])
        opinion, kept = aligned.update(
            targets.from_prediction(task.decode(weak)), state.memory['rule'], evidence
        )
        memory = state.memory['bank']
        neighbours = bank.similarity(memory, near, temperature=temperature)
        smoothed = bank.smooth(
            memory, jax.nn.softmax(neighbours), opinion.value, keep=keep
        )
        lesson, _ = sure.update(opinion._replace(value=smoothed), (), evidence)
        truth = jax.nn.one_hot(labelled['label'], smoothed.shape[-1])
        memory = bank.push(memory, known, truth)
        memory = bank.push(memory, near, opinion.value)

        supervised = supervised_terms(task, on_labels, labelled)
        unsupervised = consistency_terms(task, strong, lesson, 'all')
        contrast = losses.graph_contrastive(
            strong['embedding'],
            strong2['embedding'],
            smoothed,
            temperature=temperature,
            threshold=alike,
        )
        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        loss += value(contrast_weight, state.step) * contrast
        metrics = {
            **loss_metrics(supervised, unsupervised, {'contrast': contrast}),
            'utilisation': utilisation(lesson),
            'weight': ramp,
        }
        return loss, Aux(metrics, stats, {'rule': kept, 'bank': memory})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak', 'strong', 'strong2'), ratio),
        },
        answers=found,
        ship=ship,
    )
