"""Warm-up of an average's decay: four official codes, three formulas.

Without it a teacher keeps the student's random start for about 1 / (1 - decay) steps.
``step`` counts from 0, the number of updates finished before this one.
"""

from __future__ import annotations

import jax.numpy as jnp

from ssljax.contracts import InputError, Schedule


def count_warmup(decay: float) -> Schedule:
    r"""``min(decay, 1 - 1/(t+1))``: a plain mean until ``decay`` is reached.

    The first update copies the student. Mean Teacher (Tarvainen & Valpola 2017),
    SSL4MIS.
    """
    _check(decay)
    return lambda step: jnp.minimum(decay, 1.0 - 1.0 / (_count(step) + 1.0))


def tenth_warmup(decay: float) -> Schedule:
    """``min(decay, (1+t)/(10+t))``: TensorFlow's average, kauldron; starts at 0.1."""
    _check(decay)
    return lambda step: jnp.minimum(decay, (1.0 + _count(step)) / (10.0 + _count(step)))


def delayed_warmup(decay: float, warm_up: float = 100.0) -> Schedule:
    r"""``min(decay, 1 - (1+w)/(t+1+w))``: SoftTeacher, slower by ``w`` steps."""
    _check(decay)
    if warm_up < 0:
        raise InputError(f'warm_up is {warm_up}; give a number of steps >= 0.')

    def schedule(step):
        return jnp.minimum(
            decay, 1.0 - (1.0 + warm_up) / (_count(step) + 1.0 + warm_up)
        )

    return schedule


def _count(step):
    return jnp.asarray(step, jnp.float32)


def _check(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise InputError(f'decay is {decay}; give a number in [0, 1].')
