"""An adversarial pair: a critic learns what confident answers look like.

The student's second teacher is a critic that tells labels from predictions; two
networks, two optimizers, one after the other in a step.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from ssljax import losses, shards
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Schedule,
    State,
    Stream,
    Teacher,
    Variables,
    inputs_of,
)
from ssljax.methods.joint import join, split
from ssljax.methods.learner import Optimizer, apply_gradients, gradients, start
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    forward,
    loss_metrics,
    remember,
    supervised_terms,
    task_of,
)
from ssljax.schedules import value


def adversarial(
    network: Network,
    critic: Network,
    optimizer: Optimizer,
    *,
    num_classes: int,
    weight: float | Schedule = 0.01,
    ratio: float = 1.0,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    r"""Draws answers on unlabelled examples to where the critic sees labels.

    In one step the student, then the critic on the student's answers from before it
    moved,

    .. math:: L &= \mathrm{CE}(y, f(x_l)) + \lambda\,\mathrm{BCE}(D(p(x_u)), 1) \\
        L_D &= \mathrm{BCE}(D(y), 1) + \mathrm{BCE}(D(p(x_u)), 0)

    Args:
      network: the student's.
      critic: eats distributions [B, C] float32, answers 'logits' [B, 1].
      optimizer: {'student': ..., 'critic': ...}, or one for both.
      num_classes: C.
      weight: lambda, a float or a schedule of the step; 0.001 in the paper.
      ratio: unlabelled rows for each labelled one.
      teacher: an average of the student for evaluation.
      ship: whose weights ``predict`` uses.

    Raises:
      InputError: when traced, if the critic does not answer [B, 1].

    Source: Hung et al. 2018, arXiv 1802.07934. Departs from it in that an image takes
    the place of a pixel, answers on labelled examples never meet the critic, and
    pseudo-labels where the critic is convinced (its third term) are left out.
    """
    task = task_of(None, num_classes, losses.cross_entropy)
    found = answers(network, teacher)
    ship = choose(ship, found)
    average = follow(teacher)

    def init(key, batch, given=None):
        example = inputs_of(task, batch['labelled']['weak'])
        networks = {
            'student': (network, example),
            'critic': (critic, jnp.ones((1, num_classes)) / num_classes),
        }
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def judge(params, stats, probs, key):
        outputs, stats = critic.apply(
            Variables(params, stats), probs, train=True, key=key
        )
        if outputs['logits'].shape != (probs.shape[0], 1):
            raise InputError(
                f"The critic answers 'logits' {outputs['logits'].shape}; it must be "
                f'{(probs.shape[0], 1)}.'
            )
        return outputs['logits'][:, 0], stats

    def step(state: State, batch):
        key = jax.random.fold_in(state.key, state.step)
        student_key, critic_key = jax.random.split(key)
        ramp = value(weight, state.step)

        def student_loss(params, batch):
            labelled = batch['labelled']['weak']
            unlabelled = batch['unlabelled']['weak']
            views = [inputs_of(task, labelled), inputs_of(task, unlabelled)]
            (on_labels, answer), stats = forward(
                network,
                Variables(params, state.stats['student']),
                views,
                joint=False,
                train=True,
                key=student_key,
            )
            probs = task.decode(answer)
            seen, _ = judge(
                state.params['critic'], state.stats['critic'], probs, critic_key
            )
            terms = supervised_terms(task, on_labels, labelled)
            fooled = losses.masked_mean(_binary(seen, 1.0))
            loss = sum(terms.values()) + ramp * fooled
            return loss, ({**terms, 'adversarial': fooled}, probs, stats)

        def critic_loss(params, labels, probs):
            both = [jax.nn.one_hot(labels, num_classes), probs]
            seen, stats = judge(params, state.stats['critic'], join(both), critic_key)
            real, fake = split(seen, like=both)
            loss = losses.masked_mean(_binary(real, 1.0))
            return loss + losses.masked_mean(_binary(fake, 0.0)), stats

        (loss, (terms, probs, s_stats)), grads = gradients(student_loss)(
            state.params['student'], batch
        )
        new = apply_gradients(optimizer, {'student': grads}, state)
        (critic_value, c_stats), grads = gradients(critic_loss)(
            state.params['critic'],
            batch['labelled']['weak']['label'],
            jax.lax.stop_gradient(probs),
        )
        new = apply_gradients(optimizer, {'critic': grads}, new)
        stats = shards.mean({'student': s_stats, 'critic': c_stats})
        new = average(new._replace(stats=stats))
        metrics = {
            'loss': loss,
            **loss_metrics(terms, {'critic': critic_value}),
            'weight': ramp,
        }
        return new._replace(step=state.step + 1), metrics

    return Method(
        init=init,
        step=step,
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def _binary(logits: Array, truth: float) -> Array:
    """Binary cross-entropy [B] of logits [B] against all-true or all-false."""
    return optax.losses.sigmoid_binary_cross_entropy(
        logits, jnp.full(logits.shape, truth)
    )
