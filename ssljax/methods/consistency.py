"""The step that most of the field shares: teach one view from another.

A student learns from labels, and on a view of unlabelled examples from targets that a
rule makes of an answer on another view. What differs between Pseudo-Label, Pi-model,
Mean Teacher and FixMatch is who answers, on which view, and what the rule is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax

from ssljax.contracts import (
    Evidence,
    Method,
    Network,
    Schedule,
    Stream,
    TargetRule,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    check_choice,
    choose,
    consistency_terms,
    distance_metric,
    follow,
    forward,
    lesson_metrics,
    loss_metrics,
    opinion_of,
    remember,
    student_of,
    supervised_terms,
    utilisation,
)
from ssljax.schedules import value
from ssljax.targets import from_prediction


def consistency(
    network: Network,
    optimizer: Optimizer,
    task: Task,
    *,
    rule: TargetRule,
    student_view: str = 'strong',
    target_view: str = 'weak',
    target_from: Literal['student', 'teacher'] = 'student',
    weight: float | Schedule,
    ratio: float,
    joint: bool,
    teacher: Teacher | None,
    order: Literal['before', 'after'] = 'after',
    stepper: Callable = learner,
    over: Literal['all', 'kept'] | float = 'all',
    ship: str | None = None,
    labelled_rule: TargetRule | None = None,
    extra: Callable | None = None,
    extra_weight: float | Schedule = 0.0,
) -> Method:
    r"""Returns a method of the family.

    .. math:: L = L_\mathrm{sup}(f(x_l)) + \lambda(t)\, \frac1n
        \sum_i w_i\, \ell(f(s_i), q_i), \quad (q, w) = \mathrm{rule}(f'(t_i))

    Args:
      network: the student's; the teacher runs the same.
      optimizer: an optax transformation.
      task: its losses and views; ``task.consistency`` is :math:`\ell`.
      rule: from the answer on ``target_view`` to targets.
      student_view: the view that is taught. It and the next two are FixMatch's unless
        given.
      target_view: the view that is answered; may be the same.
      target_from: whose answer f' it is. The teacher answers with batch statistics and
        noise of its own, as in the official codes.
      weight: lambda, a float or a schedule of the step.
      ratio: unlabelled rows for each labelled one (mu).
      joint: whether the student's views share one forward pass (see ``forward``).
      teacher: averages the student, for targets and evaluation; None for none.
      order: whether the teacher moves before the student's step or after it.
      stepper: ``(objective, optimizer, after) -> step``.
      over: the divisor n of the unlabelled loss: every row, the kept weight, a number.
      ship: whose weights ``predict`` uses; default the teacher where there is one.
      labelled_rule: weighs labelled rows by the student's own answer on them; the
        labelled loss is then a mean over the weights. None is every row alike.
      extra: ``(outputs on student_view, targets, rule state) -> {name: []}``, terms of
        the batch as a whole, for what the rule has learnt of it.
      extra_weight: of those terms, a float or a schedule.

    Raises:
      InputError: if an option has no such value; ``target_from='teacher'`` needs a
        ``teacher``.
    """
    found = answers(network, teacher)
    ship = choose(ship, found)
    check_choice('target_from', target_from, found)
    check_choice('order', order, ('before', 'after'))

    def init(key, batch, given=None):
        networks = {'student': (network, inputs_of(task, batch['labelled']['weak']))}
        asked = inputs_of(task, batch['unlabelled'][target_view])
        memory = remember(teacher, rule, opinion_of(network, task, asked))
        return start(key, networks, optimizer, given or {}, memory=memory)

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled'], batch['unlabelled']
        student_key, teacher_key, rule_key = jax.random.split(key, 3)

        own_target = target_from == 'student' and target_view != student_view
        names = [target_view] * own_target + [student_view]
        views = [inputs_of(task, labelled['weak'])]
        views += [inputs_of(task, unlabelled[name]) for name in names]
        outputs, stats = forward(
            network,
            student_of(params, state.stats),
            views,
            joint=joint,
            train=True,
            key=student_key,
        )
        on_labels, taught = outputs[0], outputs[-1]

        if target_from == 'teacher' and teacher is not None:
            answer, _ = network.apply(
                teacher.variables(state.memory['teacher']),
                inputs_of(task, unlabelled[target_view]),
                train=True,
                key=teacher_key,
            )
        else:
            answer = outputs[1]
        opinion = task.transport(
            task.decode(jax.lax.stop_gradient(answer)),
            unlabelled[target_view].get('warp'),
            unlabelled[student_view].get('warp'),
        )
        known = from_prediction(task.decode(on_labels))
        evidence = Evidence(
            step=state.step,
            key=rule_key,
            index=unlabelled['index'],
            probs_labelled=known.value,
            labels=labelled['weak'].get('label'),
            features=jax.lax.stop_gradient(answer.get('features')),
        )
        targets, kept = rule.update(
            from_prediction(opinion), state.memory['rule'], evidence
        )

        counts = None
        if labelled_rule is not None:  # stateless, so that it starts anew each step
            fresh = labelled_rule.init(known)
            counts = labelled_rule.update(known, fresh, evidence)[0].weight
        supervised = supervised_terms(task, on_labels, labelled['weak'], counts)
        unsupervised = consistency_terms(task, taught, targets, over)
        further = extra(taught, targets, kept) if extra is not None else {}
        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        loss += value(extra_weight, state.step) * sum(further.values())
        metrics = {
            **loss_metrics(supervised, unsupervised, further),
            'utilisation': utilisation(targets),
            'weight': ramp,
            **lesson_metrics(
                targets,
                opinion,
                task.decode(taught),
                known.value,
                labelled['weak'],
            ),
            **distance_metric(teacher, state, student_of(params, state.stats)),
        }
        memory = {**state.memory, 'rule': kept}
        return loss, Aux(metrics, {'student': stats}, memory)

    # The teacher moves outside of the objective, which may run several times a step.
    early, late = (teacher, None) if order == 'before' else (None, teacher)
    move_early, learn = follow(early), stepper(objective, optimizer, follow(late))

    return Method(
        init=init,
        step=lambda state, batch: learn(move_early(state), batch),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(
                task.inputs, tuple(dict.fromkeys((student_view, target_view))), ratio
            ),
        },
        answers=found,
        ship=ship,
    )
