"""Two heads on one body: one learns the labels, the other the teacher's answers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import losses
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
from ssljax.losses.contrastive import unit
from ssljax.methods import frozen, projection
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    agreement,
    forward,
    loss_metrics,
    student_of,
    supervised_terms,
    task_of,
)
from ssljax.schedules import value


def dho(
    network: Network,
    head: Network,
    teacher_network: Network | None,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    temperature: float = 2.0,
    view: str = 'weak',
    target_view: str | None = None,
    target_from: str = 'teacher',
    label_weight: float | Schedule = 0.5,
    weight: float | Schedule = 0.5,
    cosine: float | None = None,
    share: float = 0.5,
    mix_temperature: float = 1.0,
    ratio: float = 1.0,
    joint: bool = True,
) -> Method:
    r"""Learns labels and a frozen teacher's answers by two heads, so without conflict.

    .. math:: L &= w\,\mathrm{CE}(y, f(x_l)) + v\,\big(D(x_l) + D(x_u)\big), \quad
        D(x) = T^2\,\mathrm{KL}\Big(\mathrm{softmax}\frac{f_T(x)}T \Big\|
        \mathrm{softmax}\frac{g(x)}T\Big) \\
        p &= a\,\mathrm{softmax}(f(x)) + (1 - a)\,\mathrm{softmax}(g(x) / b)

    with the network's own head f and the further head g on the same features; D is a
    mean over the rows of each stream. f sees no unlabelled row and g no label. Answers
    are log p: probabilities are mixed, not logits.

    a and b are numbers of ``State.memory['mixture']``, 'share' and 'temperature', to
    choose on validation after the fit (``programs.choice``); the paper's grid is 0 to
    1 by 0.05 and 0.5, 0.75, 1, 1.25, 1.5, 2, 4.

    Args:
      network: answers 'logits' and 'features' [rows, D].
      head: eats features, answers 'logits' [rows, C].
      teacher_network: of ``given['teacher']``; unused with answers in the batch.
      optimizer: one for both, or {'student': ..., 'head': ...}.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      temperature: T > 0.
      view: what the student sees.
      target_view: what the teacher sees; default the same.
      target_from: 'teacher', or the 'answers' or 'top_answers' of the batch
        (``data.cached``).
      label_weight: w >= 0; 1 on ImageNet with 1 and 10 % of its labels.
      weight: v >= 0, likewise.
      cosine: scale s of g(unit(features)) s, as the paper has it for transformers, 100;
        None is g(features).
      share: a in [0, 1], before one is chosen.
      mix_temperature: b > 0, likewise; 0.5 on ImageNet with 1 and 10 %.
      ratio: unlabelled rows for each labelled one.
      joint: one pass over both streams, as on ImageNet, or one each, as with few shots.

    Returns:
      A Method whose ``answers`` are 'student', the mixture, 'label_head' and
      'taught_head'.

    Raises:
      InputError: by ``init``, if the teacher is missing or does not fit, or if the
        network has no features [rows, D].

    Source: 2025 (DHO), arXiv 2505.07675; erjui/DHO.
    """
    task = task_of(task, num_classes, losses.cross_entropy)
    extra = frozen.fields(target_from)
    seen = target_view or view
    views = tuple(dict.fromkeys((view, seen)))

    def taught(params, stats, features, *, train, key):
        """Logits of the further head, of features a view; and its statistics."""
        if cosine is not None:
            features = [unit(x) for x in features]
        found, moved = forward(
            head,
            Variables(params['head'], stats['head']),
            features,
            joint=joint,
            train=train,
            key=key,
        )
        logits = [x['logits'] for x in found]
        return [x if cosine is None else cosine * x for x in logits], moved

    def init(key, batch, given=None):
        given = given or {}
        inputs = inputs_of(task, batch['unlabelled'][view])
        both = projection.networks(network, head, inputs)
        shown = inputs_of(task, batch['unlabelled'][seen])
        mixture = {'share': share, 'temperature': mix_temperature}
        return start(
            key,
            {'student': both['student'], 'head': both['projector']},
            optimizer,
            given,
            memory=lambda params, stats: {
                'mixture': {name: jnp.float32(x) for name, x in mixture.items()}
            },
            frozen=frozen.kept(teacher_network, shown, given, target_from),
        )

    def objective(params, state, batch, key):
        streams = [batch['labelled'], batch['unlabelled']]
        body_key, head_key = jax.random.split(key)
        outputs, stats = forward(
            network,
            student_of(params, state.stats),
            [inputs_of(task, stream[view]) for stream in streams],
            joint=joint,
            train=True,
            key=body_key,
        )
        features = [x['features'] for x in outputs]
        logits, moved = taught(params, state.stats, features, train=True, key=head_key)
        terms = {}
        for name, stream, own in zip(
            ('distillation_labelled', 'distillation'), streams, logits, strict=True
        ):
            lesson = frozen.opinion(
                teacher_network,
                task,
                state,
                stream,
                own,
                view=seen,
                target_from=target_from,
            )
            rows = losses.distillation(own, lesson['logits'], temperature=temperature)
            terms[name] = losses.masked_mean(rows)
        supervised = supervised_terms(task, outputs[0], batch['labelled'][view])
        loss = value(label_weight, state.step) * sum(supervised.values())
        loss += value(weight, state.step) * sum(terms.values())
        metrics = {
            **loss_metrics(supervised, terms),
            'agreement': agreement(own, lesson['logits']),
        }
        return loss, Aux(metrics, {'student': stats, 'head': moved})

    def both(state, inputs, key):
        outputs, _ = network.apply(
            student_of(state.params, state.stats), inputs, train=False, key=key
        )
        (logits,), _ = taught(
            state.params, state.stats, [outputs['features']], train=False, key=key
        )
        return outputs, logits

    def mixed(state: State, inputs: PyTree, *, key: Array | None = None) -> Outputs:
        outputs, logits = both(state, inputs, key)
        mixture = state.memory['mixture']
        return {**outputs, 'logits': mix(outputs['logits'], logits, **mixture)}

    def label_head(state, inputs, *, key=None):
        return both(state, inputs, key)[0]

    def taught_head(state, inputs, *, key=None):
        outputs, logits = both(state, inputs, key)
        return {**outputs, 'logits': logits}

    found = {'student': mixed, 'label_head': label_head, 'taught_head': taught_head}
    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=mixed,
        needs={
            'labelled': Stream((*task.example, *extra), views),
            'unlabelled': Stream((*task.inputs, *extra), views, ratio),
        },
        answers=found,
        ship='student',
    )


def mix(logits: Array, other: Array, share: Array, temperature: Array) -> Array:
    r"""Returns :math:`\log(a\,\mathrm{softmax}(z) + (1-a)\,\mathrm{softmax}(z'/b))`.

    Args:
      logits: z, [..., C] float.
      other: z', [..., C] float.
      share: a, [] in [0, 1].
      temperature: b, [] > 0.

    Returns:
      float32 [..., C], whose softmax is the mixture itself.
    """
    one = jax.nn.log_softmax(jnp.asarray(logits, jnp.float32))
    two = jax.nn.log_softmax(jnp.asarray(other, jnp.float32) / temperature)
    share = jnp.asarray(share, jnp.float32)
    return jnp.logaddexp(one + jnp.log(share), two + jnp.log1p(-share))
