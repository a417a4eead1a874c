"""Dash: what passes is a loss threshold that falls as training goes on."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError, TargetRule
from ssljax.targets.rules import require_distribution, times


class Dash(NamedTuple):
    """State of ``dash``: the labelled loss at the end of the warm-up."""

    total: Array  # [] float32, sum of the batches' mean losses
    batches: Array  # [] float32, how many are in it


def dash(
    warmup: int = 2048,
    every: int = 10240,
    *,
    scale: float = 1.0001,
    gamma: float = 1.27,
    least: float = 0.05,
    temperature: float = 0.5,
    measure: int = 128,
) -> TargetRule:
    r"""Keeps sites whose loss is at most a threshold that shrinks in steps.

    .. math:: \rho_k = \max(C\gamma^{-k}\hat\rho, \rho_{\min}), \quad
        w \leftarrow w\,[\mathrm{CE}(\tilde q, q) \le \rho_k]

    with :math:`\tilde q \propto q^{1/T}` while :math:`\rho_k` is above its least value
    and the one-hot arg-max from then on; :math:`\tilde q` is also what is taught.
    During the warm-up nothing is.

    Args:
      warmup: supervised steps, > 0; at their end :math:`\hat\rho` is known.
      every: steps after which k grows by 1.
      scale: C > 1.
      gamma: > 1.
      least: :math:`\rho_{\min}` > 0; 0.05 is a confidence of 0.951.
      temperature: T > 0.
      measure: the last steps of the warm-up, over which :math:`\hat\rho` is the mean of
        the labelled loss. As in the paper; USB measures it on the test set.

    Source: Xu et al. 2021 (Dash), arXiv 2109.00650, eqs. 5 and 6; least and the change
    to hard labels as in USB (2022).
    """
    numbers: dict[str, float] = {
        'warmup': warmup,
        'every': every,
        'measure': measure,
        'scale': scale,
        'gamma': gamma,
        'least': least,
        'temperature': temperature,
    }
    for name, number in numbers.items():
        if number <= 0:
            raise InputError(f'{name} is {number}; give a number above 0.')

    def update(targets, state, evidence):
        require_distribution('dash', targets)
        if evidence.probs_labelled is None or evidence.labels is None:
            raise InputError(
                'dash needs evidence.probs_labelled and labels; give them.'
            )
        step = evidence.step
        truth = evidence.labels[:, None]
        right = jnp.take_along_axis(evidence.probs_labelled, truth, axis=-1)
        now = (step >= warmup - measure) & (step < warmup)
        state = Dash(
            state.total + jnp.where(now, shards.mean(jnp.mean(-_log(right))), 0.0),
            state.batches + now,
        )
        rounds = jnp.maximum(step - warmup, 0) // every
        rho = scale * gamma ** -rounds.astype(jnp.float32)
        rho = jnp.maximum(rho * state.total / jnp.maximum(state.batches, 1), least)

        log_probs = _log(targets.value)
        soft = jax.nn.softmax(log_probs / temperature)
        hard = jax.nn.one_hot(targets.value.argmax(-1), targets.value.shape[-1])
        taught = jnp.where(rho > least, soft, hard)
        kept = (-jnp.sum(taught * log_probs, axis=-1) <= rho) & (step >= warmup)
        return targets._replace(value=taught, weight=times(targets.weight, kept)), state

    return TargetRule(lambda targets: Dash(jnp.zeros(()), jnp.zeros(())), update)


def _log(probs: Array) -> Array:
    return jnp.log(jnp.maximum(probs, 1e-30))
