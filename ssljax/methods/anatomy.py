"""Anatomy-aware uncertainty: a pixel is doubtful where no such mask was ever seen."""

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
    Task,
    Teacher,
    Variables,
    inputs_of,
)
from ssljax.methods.disturbed import disturbed
from ssljax.methods.joint import join, split
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.mask_autoencoder import as_numbers
from ssljax.methods.parts import (
    answers,
    choose,
    follow,
    loss_metrics,
    remember,
    student_of,
    supervised_terms,
)
from ssljax.schedules import value
from ssljax.teachers import count_warmup, ema


def anatomy(
    network: Network,
    optimizer: Optimizer,
    *,
    autoencoder: Network,
    task: Task,
    teacher: Teacher | None = None,
    gamma: float = 1.0,
    noise: float = 0.1,
    weight: float | Schedule = 0.1,
    ratio: float = 1.0,
    ship: str | None = None,
) -> Method:
    r"""A mean teacher that counts less where its mask is not like any other.

    .. math:: L_u = \frac{\sum W (p - p_T)^2}{2 \sum W}, \quad
        W = e^{-\gamma (q - p_T)^2}, \quad q = \sigma(g(\arg\max p_T))

    over all sites and classes of all rows, labelled ones too. g mends masks: one more
    inference says how sure the teacher is, where others need many.

    Args:
      network: the student's and the teacher's.
      optimizer: an optax transformation.
      autoencoder: g, trained by ``mask_autoencoder``, handed to ``init`` as
        ``given['autoencoder']``; it stays as it is and runs without noise.
      task: ``tasks.segmentation``, with ``background=False`` as published.
      teacher: default ``ema(count_warmup(0.99))``.
      gamma: at least 0; 0 is plain Mean Teacher.
      noise: deviation of what is added to the teacher's inputs, clipped at twice of it.
      weight: of the unlabelled loss; in the paper a ramp up to 0.1.
      ratio: unlabelled rows for each labelled one.
      ship: whose weights ``predict`` uses, default 'teacher'.

    Raises:
      InputError: if gamma is negative; by ``init``, if there is no
        ``given['autoencoder']``.

    Source: Adiga et al. 2022/2024, arXiv 2203.05682 and 2310.16099, whose code also
    divides by 2 for any number of classes.
    """
    if gamma < 0:
        raise InputError(f'gamma is {gamma}; give a number of at least 0.')
    teacher = teacher or ema(count_warmup(0.99))
    found = answers(network, teacher)
    ship = choose(ship, found)

    def init(key, batch, given=None):
        given = dict(given or {})
        if 'autoencoder' not in given:
            raise InputError(
                "given has no 'autoencoder', which says what masks look like; pass the "
                'Variables of one trained by mask_autoencoder.'
            )
        return start(
            key,
            {'student': (network, inputs_of(task, batch['labelled']['weak']))},
            optimizer,
            given,
            memory=remember(teacher),
            frozen={'autoencoder': given['autoencoder']},
        )

    def objective(params, state, batch, key):
        own_key, above_key, noise_key = jax.random.split(key, 3)
        labelled = batch['labelled']['weak']
        parts = [inputs_of(task, x) for x in (labelled, batch['unlabelled']['weak'])]
        seen = join(parts)
        student = student_of(params, state.stats)
        outputs, stats = network.apply(student, seen, train=True, key=own_key)
        answer, _ = network.apply(
            teacher.variables(state.memory['teacher']),
            disturbed(noise_key, seen, noise),
            train=True,
            key=above_key,
        )
        above = jax.lax.stop_gradient(task.decode(answer))
        plausible = mended(autoencoder, state.frozen['autoencoder'], above)
        trust = jnp.exp(-gamma * (plausible - above) ** 2)
        squares = (task.decode(outputs) - above) ** 2
        terms = {'consistency': losses.masked_mean(squares, trust, over='kept') / 2}

        on_labels = split(outputs, like=parts)[0]
        supervised = supervised_terms(task, on_labels, labelled)
        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * terms['consistency']
        metrics = loss_metrics(supervised, terms) | {
            'trust': losses.masked_mean(trust),
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


def mended(autoencoder: Network, variables: Variables, probs: Array) -> Array:
    """Returns the most plausible masks [B, *S, C], in (0, 1), for answers of a network.

    Args:
      autoencoder: trained by ``mask_autoencoder``.
      variables: of it.
      probs: [B, *S, C].
    """
    ids = as_numbers(jnp.argmax(probs, axis=-1))
    outputs, _ = autoencoder.apply(variables, ids, train=False)
    return jax.lax.stop_gradient(
        jax.nn.sigmoid(jnp.asarray(outputs['logits'], jnp.float32))
    )
