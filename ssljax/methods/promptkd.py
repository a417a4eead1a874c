"""PromptKD: a student's images fall to class vectors that its teacher keeps."""

from __future__ import annotations

from collections.abc import Sequence
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
    PyTree,
    Schedule,
    State,
    Stream,
    Task,
    Variables,
    inputs_of,
)
from ssljax.losses.contrastive import unit
from ssljax.methods import frozen, projection
from ssljax.methods.distil_features import known
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.named_classes import vectors
from ssljax.methods.parts import agreement, loss_metrics, task_of
from ssljax.schedules import value


def promptkd(
    network: Network,
    projector: Network,
    teacher_network: Network,
    optimizer: Optimizer,
    *,
    trained: Sequence[str] = (),
    scale: float = 100.0,
    teacher_scale: float = 100.0,
    temperature: float = 1.0,
    weight: float | Schedule = 1000.0,
    task: Task | None = None,
    num_classes: int | None = None,
    view: str = 'weak',
    ratio: float = 1.0,
) -> Method:
    r"""Distils unlabelled images in a space of class vectors; no label is read.

    .. math:: z_S &= s_S\,\mathrm{unit}\big(g(h_S(x))\big) W^\top, \quad
        z_T = s_T\,\mathrm{unit}(h_T(x)) W^\top \\
        L &= \frac{w\,T^2}{U C} \sum_i \mathrm{KL}\Big(\mathrm{softmax}\frac{z_T}T
        \Big\| \mathrm{softmax}\frac{z_S}T\Big)

    with ``given['class_vectors']`` of the teacher's own encoder of texts, normalised
    here, and ``given['teacher']``; both stay. The sum is over the number of logits,
    which is why w is large.

    Args:
      network: answers 'features' [U, D]; CLIP's with prompts, or any.
      projector: g, eats them, answers 'logits' [U, E] of the teacher's width.
      teacher_network: answers 'features' [U, E].
      optimizer: one for both, or {'student': ..., 'projector': ...}.
      trained: top-level parameters of the student that learn, ('prompts',) in the
        paper; all others stay as they were given. () is all of them.
      scale: s_S, 1 over CLIP's temperature.
      teacher_scale: s_T.
      temperature: T > 0.
      weight: w; 200 on four of the paper's sets.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      view: what both see.
      ratio: unlabelled rows for each of the batch size.

    Raises:
      InputError: by ``init``, if something given is missing or does not fit, if a
        network has no features, or a name of ``trained`` is no parameter.

    Source: Li et al. 2024, arXiv 2403.02781; zhengli97/PromptKD.
    """
    task = task_of(task, num_classes, losses.cross_entropy)

    def init(key, batch, given=None):
        given = dict(given or {})
        inputs = inputs_of(task, batch['unlabelled'][view])
        kept: dict[str, Any] = {}
        kept |= frozen.kept(teacher_network, inputs, given, 'teacher')

        def features(variables):
            return teacher_network.apply(variables, inputs, train=False)[0]

        theirs = jax.eval_shape(features, kept['teacher'])
        known('teacher', 'features', theirs)
        both = projection.networks(network, projector, inputs)
        width = theirs['features'].shape[-1]
        found = vectors(given, width)
        ours = projection.width(*both['projector'])
        if ours != width:
            raise InputError(
                f'The projector answers {ours} numbers and the teacher {width}; '
                'build it with as many outputs.'
            )
        kept['class_vectors'] = unit(found)
        state = start(key, both, optimizer, given, frozen=kept)
        if unknown := sorted(set(trained) - set(state.params['student'])):
            raise InputError(
                f'trained has {unknown}; the student has the parameters '
                f'{sorted(state.params["student"])}.'
            )
        return state

    def cosines(features, state, scaled):
        exact = jax.lax.Precision.HIGHEST
        found = state.frozen['class_vectors']
        return scaled * jnp.matmul(unit(features), found.T, precision=exact)

    def answer(params, state, inputs, *, train, key):
        """Outputs with logits in the teacher's space, and the new statistics."""
        keys = (None, None) if key is None else jax.random.split(key)
        outputs, moved = network.apply(
            Variables(params['student'], state.stats['student']),
            inputs,
            train=train,
            key=keys[0],
        )
        head, stats = projector.apply(
            Variables(params['projector'], state.stats['projector']),
            outputs['features'],
            train=train,
            key=keys[1],
        )
        logits = cosines(head['logits'], state, scale)
        return {**outputs, 'logits': logits}, {'student': moved, 'projector': stats}

    def objective(params, state, batch, key):
        inputs = inputs_of(task, batch['unlabelled'][view])
        student = {
            name: x if not trained or name in trained else jax.lax.stop_gradient(x)
            for name, x in params['student'].items()
        }
        outputs, stats = answer(
            {**params, 'student': student}, state, inputs, train=True, key=key
        )
        theirs, _ = teacher_network.apply(state.frozen['teacher'], inputs, train=False)
        lesson = cosines(theirs['features'], state, teacher_scale)
        rows = losses.distillation(outputs['logits'], lesson, temperature=temperature)
        distilled = losses.masked_mean(rows) / lesson.shape[-1]
        metrics = {
            **loss_metrics({'distillation': distilled}),
            'agreement': agreement(outputs['logits'], lesson),
        }
        return value(weight, state.step) * distilled, Aux(metrics, stats)

    def predict(state: State, inputs: PyTree, *, key: Array | None = None) -> Outputs:
        return answer(state.params, state, inputs, train=False, key=key)[0]

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=predict,
        needs={'unlabelled': Stream(task.inputs, (view,), ratio)},
        answers={'student': predict},
    )
