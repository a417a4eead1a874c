"""Teacher-Reviewer-Student: a second, slower average goes over what the first says."""

from __future__ import annotations

import jax

from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Schedule,
    State,
    Stream,
    Task,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.multiaugs import moving
from ssljax.methods.parts import (
    answer_of,
    answers,
    choose,
    consistency_terms,
    forward,
    loss_metrics,
    student_of,
    supervised_terms,
)
from ssljax.schedules import value
from ssljax.targets import from_prediction
from ssljax.teachers import count_warmup, ema
from ssljax.views import joints

ABOVE = ('teacher', 'reviewer')


def trs(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    decay: float | Schedule = 0.999,
    reviewer_decay: float | Schedule = 0.9998,
    teacher_weight: float | Schedule = 1.0,
    reviewer_weight: float | Schedule = 1.0,
    weight: float | Schedule = 1.0,
    count: int = 2,
    share: float = 0.5,
    degrees: float = 30.0,
    scale: float = 0.25,
    ratio: float = 1.0,
    joint: bool = False,
    ship: str = 'teacher',
) -> Method:
    r"""Two averages of the student teach it, a quick one and a slow one.

    .. math:: L = L_\mathrm{sup} + \lambda(t) \big(
        \lambda_T\, \ell(f(A h(x)), A f_T(x)) + \lambda_R\, \ell(f(A h(x)), A f_R(x))
        \big)

    with the weak view x, Keypoint-Mix h about the joints that the teacher sees, and one
    more affine A for each image, which moves answers and image alike. Every stage of
    the student's heatmaps is taught the last one of those above it: multi-level feature
    learning is a network of several stages. A joint that the affine moves out of the
    image is not taught.

    [inferred] The paper's equations could not be read and its code is not public: its
    abstract names the reviewer, which 'stores important historical parameters', the
    levels and Keypoint-Mix; the rest follows the code of its predecessors.

    Args:
      network: answers 'heatmaps' [B, S, h, w, C] of S levels.
      optimizer: an optax transformation.
      task: ``tasks.landmarks``.
      decay: of the teacher, an average of the student; a number is reached by
        ``teachers.count_warmup``, so that the random start is forgotten.
      reviewer_decay: of the reviewer, another one, likewise; with the teacher's it
        would be the teacher, as it is until the teacher's decay is reached.
      teacher_weight: :math:`\lambda_T`.
      reviewer_weight: :math:`\lambda_R`; 0 leaves a mean teacher.
      weight: :math:`\lambda(t)`, of both.
      count: patches of Keypoint-Mix; 0 for none.
      share: of the batch mate in a patch.
      degrees: of the affine A, as ``views.normal_affine`` has it.
      scale: of the affine A.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for the student's views, or one each.
      ship: whose weights ``predict`` uses: 'student', 'teacher' or 'reviewer'.

    Raises:
      InputError: if both decays are the same number and the reviewer has a weight.

    Source: the abstract of arXiv 2501.09565 (2025); Huang et al. 2023 (SSPCM);
    MultiAugs, arXiv 2402.11566.
    """
    alike = not callable(decay) and decay == reviewer_decay
    if alike and (callable(reviewer_weight) or reviewer_weight):
        raise InputError(
            f'decay and reviewer_decay are both {decay}: the reviewer would be the '
            'teacher; give it a slower one, or reviewer_weight 0.'
        )
    averages = {
        name: ema(one if callable(one) else count_warmup(one))
        for name, one in (('teacher', decay), ('reviewer', reviewer_decay))
    }
    weights = {'teacher': teacher_weight, 'reviewer': reviewer_weight}
    found = answers(network, averages['teacher'])
    found['reviewer'] = answer_of(network, 'reviewer', averages['reviewer'])
    ship = choose(ship, found)
    move = moving(degrees, scale)
    mix = joints.keypoint_mix(count, share=share) if count else joints.in_turn()

    def init(key, batch, given=None):
        networks = {'student': (network, batch['labelled']['weak']['image'])}

        def memory(params, stats):
            student = student_of(params, stats)
            return {name: averages[name].init(student) for name in ABOVE}

        return start(key, networks, optimizer, given or {}, memory=memory)

    def objective(params, state, batch, key):
        labelled, weak = batch['labelled']['weak'], batch['unlabelled']['weak']['image']
        own_key, mix_key, move_key, *keys = jax.random.split(key, 5)
        opinions = {}
        for name, above_key in zip(ABOVE, keys, strict=True):
            variables = averages[name].variables(state.memory[name])
            answer, _ = network.apply(variables, weak, train=True, key=above_key)
            opinions[name] = jax.lax.stop_gradient(task.decode(answer))

        seen = opinions['teacher']
        strong = mix(mix_key, weak, seen['landmarks'], seen['score'])
        strong, warp = move(move_key, strong)
        (on_labels, taught), stats = forward(
            network,
            student_of(params, state.stats),
            [labelled['image'], strong],
            joint=joint,
            train=True,
            key=own_key,
        )
        supervised = supervised_terms(task, on_labels, labelled)
        loss = sum(supervised.values())
        ramp = value(weight, state.step)
        unsupervised: dict[str, Array] = {}
        for name, opinion in opinions.items():
            lesson = from_prediction(task.transport(opinion, None, warp))
            # Joints that the strong view does not show have lost their score.
            lesson = lesson._replace(weight=lesson.value['score'] > 0)
            terms = consistency_terms(task, taught, lesson, 'all')
            loss += ramp * value(weights[name], state.step) * sum(terms.values())
            unsupervised |= {f'{name}_{term}': x for term, x in terms.items()}
        metrics = {**loss_metrics(supervised, unsupervised), 'weight': ramp}
        return loss, Aux(metrics, {'student': stats})

    def follow(state: State) -> State:
        student = student_of(state.params, state.stats)
        moved = {
            name: averages[name].update(state.memory[name], student, step=state.step)
            for name in ABOVE
        }
        return state._replace(memory={**state.memory, **moved})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )
