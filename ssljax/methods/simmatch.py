"""SimMatch: two views are alike in their classes and in their labelled neighbours."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp

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
    check_choice,
    choose,
    consistency_terms,
    follow,
    loss_metrics,
    opinion_of,
    remember,
    supervised_terms,
    task_of,
    utilisation,
)
from ssljax.schedules import value
from ssljax.targets import bank


def simmatch(
    network: Network,
    projector: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    labelled_rows: int | Any,
    threshold: float | Schedule = 0.95,
    keep: float = 0.9,
    temperature: float = 0.1,
    momentum: float = 0.7,
    target_from: Literal['student', 'teacher'] = 'student',
    align_length: int = 32,
    instance_weight: float | Schedule = 1.0,
    weight: float | Schedule = 1.0,
    ratio: float = 7.0,
    joint: bool = True,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""FixMatch whose targets and embeddings know the labelled rows.

    .. math:: a_{ij} &= \mathrm{softmax}_j(z^w_i\cdot Z_j / T), \quad
        p_i = \mathrm{DA}(p(w_i)) \\
        q_i &= \alpha\,p_i + (1-\alpha)\textstyle\sum_j a_{ij} [y_j = \cdot], \quad
        \tilde a_{ij} \propto a_{ij}\,p_{i, y_j} \\
        L &= \mathrm{CE}(y, f(x_l)) + \lambda\,\frac1U\sum_i
        [\max q_i \ge \tau]\,\mathrm{CE}(q_i, f(s_i)) + \lambda_{in}\,\frac1U\sum_i
        \mathrm{CE}(\tilde a_i, \mathrm{softmax}_j(z^s_i\cdot Z_j / T))

    over a bank with an embedding Z of every labelled row. Until all have been seen
    nothing is smoothed and the last term is 0, in the paper for an epoch.

    Args:
      network: answers 'features' [rows, D].
      projector: eats features, answers 'logits', the embedding before it is normalised.
      optimizer: one for both, or {'student': ..., 'projector': ...}.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      labelled_rows: of the source: which [n], or N for the first N.
      threshold: tau in [0, 1], or a schedule.
      keep: alpha in [0, 1], what of an answer is its own.
      temperature: T > 0.
      momentum: of an embedding in the bank; 0.7 for small sets and 0 with a teacher, in
        the paper.
      target_from: who answers on the weak view and fills the bank; the paper's is the
        teacher on ImageNet, whose projector is averaged then too.
      align_length: batches of ``targets.align_by_queue``; 256 on ImageNet.
      instance_weight: :math:`\lambda_{in}`; 5 on ImageNet.
      weight: lambda; 10 on ImageNet.
      ratio: unlabelled rows for each labelled one, mu.
      joint: one pass over all views, as published, or one each (see ``fixmatch``).
      teacher: an average of the student, for targets and evaluation.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: if an option has no such value; ``target_from='teacher'`` needs a
        ``teacher``; by ``init``, if the network has no features [rows, D].

    Source: Zheng et al. 2022, arXiv 2203.06915. USB normalises what the bank is moved
    to over the batch instead of an embedding's own numbers; that is not copied.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    aligned = targets.align_by_queue('uniform', align_length)
    sure = targets.threshold(threshold)
    size, place = bank.places(labelled_rows)
    found = answers(network, teacher)
    ship = choose(ship, found)
    check_choice('target_from', target_from, found)
    slow = teacher if target_from == 'teacher' else None

    def init(key, batch, given=None):
        weak = inputs_of(task, batch['unlabelled']['weak'])
        both = projection.networks(network, projector, weak)
        width = projection.width(*both['projector'])
        averaged = remember(teacher, aligned, opinion_of(network, task, weak))

        def memory(params, stats):
            both = averaged(params, stats) | projection.remember(slow)(params, stats)
            return {**both, 'bank': bank.empty(size, width)}

        return start(key, both, optimizer, given or {}, memory=memory)

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']
        student_key, teacher_key = jax.random.split(key)
        known, weak, strong = (
            inputs_of(task, example)
            for example in (labelled, unlabelled['weak'], unlabelled['strong'])
        )

        def embed(params, stats, views, key):
            return projection.embed(
                network, projector, params, stats, views, joint=joint, key=key
            )

        if slow is None:
            views = [known, weak, strong]
            outputs, stats = embed(params, state.stats, views, student_key)
            on_labels, answer, taught = outputs
            kept = on_labels
        else:
            outputs, stats = embed(params, state.stats, [known, strong], student_key)
            on_labels, taught = outputs
            average = projection.averages(slow, state.memory)
            (kept, answer), _ = embed(*average, [known, weak], teacher_key)
        kept, answer = jax.lax.stop_gradient((kept, answer))

        evidence = Evidence(step=state.step, index=unlabelled['index'])
        opinion, rule = aligned.update(
            targets.from_prediction(task.decode(answer)), state.memory['rule'], evidence
        )
        memory = state.memory['bank']
        near = jax.nn.softmax(
            bank.similarity(memory, answer['embedding'], temperature=temperature)
        )
        smoothed = bank.smooth(memory, near, opinion.value, keep=keep)
        lesson, _ = sure.update(opinion._replace(value=smoothed), (), evidence)
        unfolded = bank.unfold(memory, near, opinion.value)
        taught_near = bank.similarity(
            memory, taught['embedding'], temperature=temperature
        )

        supervised = supervised_terms(task, on_labels, labelled)
        unsupervised = consistency_terms(task, taught, lesson, 'all')
        instance = losses.masked_mean(losses.cross_entropy(taught_near, unfolded))
        instance = jnp.where(bank.full(memory), instance, 0.0)
        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        loss += value(instance_weight, state.step) * instance
        metrics = {
            **loss_metrics(supervised, unsupervised, {'instance': instance}),
            'utilisation': utilisation(lesson),
            'weight': ramp,
        }
        memory = bank.write(
            memory,
            place(batch['labelled']['index']),
            kept['embedding'],
            labelled['label'],
            momentum=momentum,
        )
        return loss, Aux(metrics, stats, {'rule': rule, 'bank': memory})

    def after(state):
        return follow(teacher)(projection.follow(slow)(state))

    return Method(
        init=init,
        step=learner(objective, optimizer, after),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak', 'strong'), ratio),
        },
        answers=found,
        ship=ship,
    )
