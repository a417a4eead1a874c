"""Adapt: a mean teacher that goes on learning while it is being tested."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from ssljax import losses, teachers
from ssljax.contracts import (
    Array,
    Method,
    Network,
    Outputs,
    PyTree,
    Schedule,
    State,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    check_choice,
    consistency_terms,
    follow,
    remember,
    student_of,
    task_of,
)
from ssljax.targets import from_prediction


def adapt(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    decay: float | Schedule = 0.999,
    answer: Literal['before', 'after'] = 'before',
    ship: Literal['both', 'student', 'teacher'] = 'both',
) -> Method:
    r"""Follows a changing stream without labels, from a trained source network.

    .. math:: L = \tfrac12\mathrm{SCE}(f(x), f_T(x)) +
        \tfrac12\mathrm{SCE}(f(a(x)), f_T(x)), \quad
        \theta_T \leftarrow d\,\theta_T + (1-d)\,\theta

    Every pass normalises by the statistics of its own batch, in training and in
    answering, and has no noise; running statistics are never read or moved. So an
    answer depends on its batch: give batches, not single rows.

    ``metrics['prediction']`` is the answer on the batch of the step. Start it from a
    source by ``init(key, batch, given={'student': variables})``.

    Args:
      network: the source's.
      optimizer: an optax transformation.
      task: its consistency is SCE; or ``num_classes`` for plain classification.
      num_classes: C.
      decay: d of the teacher, which starts as a copy of the source.
      answer: whether a batch is answered by the networks before its own update, as in
        the paper, or after it, for two more forward passes.
      ship: whose answer it is; 'both' adds the outputs (logits) of the two.

    Source: Doebler et al. 2023 (RMT), arXiv 2211.13081, its self-training alone:
    without the contrastive pull to source prototypes, source replay and warm-up.
    """
    task = task_of(task, num_classes, losses.symmetric_cross_entropy)
    teacher = teachers.ema(decay, stats='keep')
    found = _answers(network, teacher)
    check_choice('answer', answer, ('before', 'after'))
    check_choice('ship', ship, found)

    def init(key, batch, given=None):
        example = inputs_of(task, batch['unlabelled']['weak'])
        networks = {'student': (network, example)}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        del key  # no noise
        weak, strong = (batch['unlabelled'][view] for view in ('weak', 'strong'))
        opinion = task.decode(found['teacher'](state, inputs_of(task, weak)))

        def taught(view):
            moving = state._replace(params=params)
            outputs = found['student'](moving, inputs_of(task, view))
            seen = task.transport(opinion, weak.get('warp'), view.get('warp'))
            terms = consistency_terms(task, outputs, from_prediction(seen), 'all')
            return sum(terms.values())

        clean, augmented = taught(weak), taught(strong)
        metrics = {'loss/clean': clean, 'loss/augmented': augmented}
        return 0.5 * clean + 0.5 * augmented, Aux(metrics)

    learn = learner(objective, optimizer, follow(teacher))

    def step(state: State, batch):
        new, metrics = learn(state, batch)
        inputs = inputs_of(task, batch['unlabelled']['weak'])
        # Before the update these are the very passes of the loss: XLA runs them once.
        outputs = found[ship](state if answer == 'before' else new, inputs)
        return new, {**metrics, 'prediction': task.decode(outputs)}

    return Method(
        init=init,
        step=step,
        predict=found[ship],
        needs={'unlabelled': Stream(task.inputs, ('weak', 'strong'))},
        answers=found,
        ship=ship,
    )


def _answers(network: Network, teacher) -> dict:
    """Predict by the student, by the teacher and by both, with batch statistics."""

    def run(variables: Variables, inputs: PyTree, key: Array | None) -> Outputs:
        return network.apply(variables, inputs, train=True, key=key)[0]

    def student(state, inputs, *, key=None):
        return run(student_of(state.params, state.stats), inputs, key)

    def averaged(state, inputs, *, key=None):
        return run(teacher.variables(state.memory['teacher']), inputs, key)

    def both(state, inputs, *, key=None):
        pair = student(state, inputs, key=key), averaged(state, inputs, key=key)
        return jax.tree.map(jnp.add, *pair)

    return {'student': student, 'teacher': averaged, 'both': both}
