"""The two-update pair: a radical student, a calm teacher, both trained, then averaged.

The core of TSAL without its landmarks: the teacher takes gradient steps of its own on
one source of supervision, the student on several, and afterwards the teacher is
averaged with the student.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax

from ssljax import losses, targets, teachers
from ssljax.contracts import (
    Evidence,
    Method,
    Network,
    Schedule,
    State,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answer_of,
    check_shares,
    choose,
    consistency_terms,
    forward,
    loss_metrics,
    opinion_of,
    remember,
    supervised_terms,
    task_of,
    utilisation,
)
from ssljax.schedules import value


def two_update(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    decay: float | Schedule = 0.6,
    fusion: float = 0.5,
    threshold: float = 0.95,
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    joint: bool = False,
    ship: str = 'teacher',
) -> Method:
    r"""Trains both networks and filters the student's path by the teacher.

    Teacher, one source: labels, and its own answer on another weak view. Student,
    several sources: labels on the weak and on the strong view, and on the strong view
    of unlabelled examples the fused answer

    .. math:: q = \mu\,p_S(w) + (1-\mu)\,p_T(w)

    where it is confident. After both steps
    :math:`\theta_T \leftarrow \lambda\theta_T + (1-\lambda)\theta_S`.

    Args:
      network: of both; they start from different random weights.
      optimizer: one transformation for both, or {'student': ..., 'teacher': ...}.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      decay: lambda in [0, 1]; 1 leaves the teacher to its own training, 0 copies the
        student.
      fusion: mu in [0, 1], the student's share in its own targets.
      threshold: confidence that a fused answer needs.
      weight: of the unlabelled losses.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for a network's views, or one each.
      ship: whose weights ``predict`` uses; the official code evaluates the teacher.

    Raises:
      InputError: if decay or fusion is outside of [0, 1].

    Source: arXiv 2012.06711 (TSAL, 2020), the order of its updates in the paper's
    one-way form; the sources here are those of classification.
    """
    check_shares(decay=decay, fusion=fusion)
    task = task_of(task, num_classes, losses.cross_entropy)
    student_rule = targets.chain(targets.threshold(threshold), targets.harden())
    found = {name: answer_of(network, name) for name in ('student', 'teacher')}
    ship = choose(ship, found)

    def init(key, batch, given=None):
        example = inputs_of(task, batch['labelled']['weak'])
        networks = {'student': (network, example), 'teacher': (network, example)}

        opinion = opinion_of(network, task, example)
        memory = remember(None, student_rule, opinion)
        return start(key, networks, optimizer, given or {}, memory=memory)

    def run(name, params, state, views, key):
        variables = Variables(params[name], state.stats[name])
        return forward(network, variables, views, joint=joint, train=True, key=key)

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled'], batch['unlabelled']
        student_key, teacher_key, rule_key = jax.random.split(key, 3)
        weak, strong = (inputs_of(task, labelled[v]) for v in ('weak', 'strong'))
        u_weak, u_weak2, u_strong = (
            inputs_of(task, unlabelled[v]) for v in ('weak', 'weak2', 'strong')
        )

        # The calm teacher: one source.
        (t_labels, t_taught, t_answer), t_stats = run(
            'teacher', params, state, [weak, u_weak2, u_weak], teacher_key
        )
        own_answer = task.transport(
            task.decode(t_answer),
            unlabelled['weak'].get('warp'),
            unlabelled['weak2'].get('warp'),
        )
        own_answer = targets.from_prediction(own_answer)
        supervised = _named(
            'teacher', supervised_terms(task, t_labels, labelled['weak'])
        )
        unsupervised = _named(
            'teacher', consistency_terms(task, t_taught, own_answer, 'all')
        )

        # The radical student: several.
        (s_weak, s_strong, s_answer, s_taught), s_stats = run(
            'student', params, state, [weak, strong, u_weak, u_strong], student_key
        )
        fused = jax.tree.map(
            lambda s, t: fusion * s + (1 - fusion) * t,
            task.decode(s_answer),
            task.decode(t_answer),
        )
        fused = task.transport(
            fused, unlabelled['weak'].get('warp'), unlabelled['strong'].get('warp')
        )
        evidence = Evidence(step=state.step, key=rule_key, index=unlabelled['index'])
        lesson, kept = student_rule.update(
            targets.from_prediction(fused), state.memory['rule'], evidence
        )
        supervised |= _named(
            'student', supervised_terms(task, s_weak, labelled['weak'])
        )
        supervised |= _named(
            'student_strong', supervised_terms(task, s_strong, labelled['strong'])
        )
        unsupervised |= _named(
            'student', consistency_terms(task, s_taught, lesson, 'all')
        )

        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        metrics = {
            **loss_metrics(supervised, unsupervised),
            'utilisation': utilisation(lesson),
            'weight': ramp,
        }
        stats = {'student': s_stats, 'teacher': t_stats}
        return loss, Aux(metrics, stats, {'rule': kept})

    def second(state: State) -> State:
        return average(state, decay, [('teacher', 'student')])

    views = ('weak', 'strong')
    return Method(
        init=init,
        step=learner(objective, optimizer, second),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), views),
            'unlabelled': Stream(task.inputs, (*views, 'weak2'), ratio),
        },
        answers=found,
        ship=ship,
    )


def average(
    state: State,
    decay: float | Schedule,
    pairs: Sequence[tuple[str, str]],
    *,
    both_ways: bool = False,
) -> State:
    """The second update: teachers are averaged with their students.

    Args:
      state: after the first, by gradients.
      decay: lambda in [0, 1], what is kept.
      pairs: (teacher, student), names of networks.
      both_ways: moves the student towards the teacher first, by the same lambda.
    """
    params, kept = dict(state.params), value(decay, state.step)
    for teacher, student in pairs:
        if both_ways:
            params[student] = teachers.mix(params[student], params[teacher], kept)
        params[teacher] = teachers.mix(params[teacher], params[student], kept)
    return state._replace(params=params)


def _named(who: str, terms: dict) -> dict:
    return {f'{who}_{name}': term for name, term in terms.items()}
