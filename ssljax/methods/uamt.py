"""UA-MT: a mean teacher that is believed where many noisy answers agree."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import losses
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Schedule,
    Stream,
    Targets,
    Task,
    Teacher,
    inputs_of,
)
from ssljax.methods.disturbed import disturbed
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answers,
    choose,
    consistency_terms,
    follow,
    forward,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
    task_of,
    utilisation,
)
from ssljax.schedules import sigmoid_ramp, value
from ssljax.teachers import count_warmup, ema


def uamt(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    passes: int = 8,
    noise: float = 0.1,
    threshold: float | Schedule | None = None,
    steps: int | None = None,
    teacher: Teacher | None = None,
    weight: float | Schedule = 0.1,
    ratio: float = 1.0,
    joint: bool = True,
    ship: str | None = None,
) -> Method:
    r"""Mean Teacher on the sites of which the teacher is sure, by Monte-Carlo dropout.

    .. math:: L_u = \frac{\sum_s M_s \|p_s - p_{T,s}\|^2}{C \sum_s M_s}, \quad
        M = [H(\bar p) < \tau(t) \ln C], \quad
        \bar p = \frac1K \sum_k p_T^{(k)}

    :math:`p_T` is one more noisy answer of the teacher, all of the same view.

    Args:
      network: with dropout, else only the noise of the inputs differs.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      passes: K >= 1, noisy answers that are asked for the uncertainty alone.
      noise: deviation of what is added to the teacher's inputs, clipped at twice of it.
      threshold: tau, the share of the largest possible entropy that a site must stay
        below, or a schedule. None is ``rising(steps)``; above 1 it is plain Mean
        Teacher on noisy inputs.
      steps: of the whole run, which ``threshold`` None needs.
      teacher: default ``ema(count_warmup(0.99))``.
      weight: of the unlabelled loss; in the paper a ramp up to 0.1.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for the student's two streams, as published, or one each.
      ship: whose weights ``predict`` uses, default 'teacher'; the official code scores
        the student.

    Raises:
      InputError: for no passes, or neither threshold nor steps.

    Source: Yu et al. 2019, arXiv 1907.07034. For other than two classes its code keeps
    ln 2 and the factor 2 where ln C and C stand here.
    """
    if passes < 1:
        raise InputError(f'passes is {passes}; give at least 1.')
    if threshold is None:
        if steps is None:
            raise InputError('threshold is None, which needs the steps of the run.')
        threshold = rising(steps)
    task = task_of(task, num_classes, losses.mean_squared_error)
    teacher = teacher or ema(count_warmup(0.99))
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        networks = {'student': (network, inputs_of(task, batch['labelled']['weak']))}
        return start(key, networks, optimizer, given or {}, memory=remember(teacher))

    def objective(params, state, batch, key):
        own_key, answer_key, passes_key = jax.random.split(key, 3)
        labelled = batch['labelled']['weak']
        seen = inputs_of(task, batch['unlabelled']['weak'])
        (on_labels, taught), stats = forward(
            network,
            student_of(params, state.stats),
            [inputs_of(task, labelled), seen],
            joint=joint,
            train=True,
            key=own_key,
        )
        slow = teacher.variables(state.memory['teacher'])

        def asked(key):
            input_key, noise_key = jax.random.split(key)
            inputs = disturbed(input_key, seen, noise)
            answer, _ = network.apply(slow, inputs, train=True, key=noise_key)
            return jax.lax.stop_gradient(task.decode(answer))

        mean = jax.vmap(asked)(jax.random.split(passes_key, passes)).mean(0)
        sure = certain(mean, value(threshold, state.step))
        lesson = Targets(asked(answer_key), sure)

        supervised = supervised_terms(task, on_labels, labelled)
        unsupervised = consistency_terms(task, taught, lesson, 'kept')
        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        metrics = {
            **loss_metrics(supervised, unsupervised),
            'utilisation': utilisation(lesson),
            'weight': ramp,
        }
        return loss, Aux(metrics, {'student': stats})

    return Method(
        init=init,
        step=learner(objective, optimizer, follow(teacher)),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def rising(steps: int) -> Schedule:
    """Returns the paper's threshold, from 0.75 and a little to 1 over so many steps."""
    rise = sigmoid_ramp(steps, 0.25)
    return lambda step: 0.75 + rise(step)


def certain(probs: Array, threshold: Array | float) -> Array:
    """Returns 1 where the entropy is below a share of the largest, ln C: [...] float32.

    Args:
      probs: [..., C] float32, the mean of noisy answers.
      threshold: the share.
    """
    # 1e-6 as published: what is nearly certain may have an entropy below 0.
    entropy = -jnp.sum(probs * jnp.log(probs + 1e-6), axis=-1)
    return (entropy < threshold * jnp.log(probs.shape[-1])).astype(jnp.float32)
