"""Numbers that move with the step: ramps, decays, the 7/16 cosine.

A schedule is ``step -> float32``; wherever one is accepted a plain float is too
(``value``). They trace, so ``step`` may be an int or an array.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ssljax.contracts import Array, InputError, Schedule


def value(number: float | Schedule, step: Any) -> Array:
    """Returns ``number`` at ``step``, float32 []; a plain float is the same always."""
    return jnp.asarray(number(step) if callable(number) else number, jnp.float32)


def _fraction(step: Any, length: float) -> Array:
    return jnp.clip(jnp.asarray(step, jnp.float32) / length, 0.0, 1.0)


def _positive(name: str, number: float) -> None:
    if number <= 0:
        raise InputError(f'{name} is {number}; give a number of steps above 0.')


def linear_ramp(length: float, peak: float = 1.0) -> Schedule:
    """Rises from 0 to ``peak`` over ``length`` steps, then stays: USB's warm-up."""
    _positive('length', length)
    return lambda step: peak * _fraction(step, length)


def sigmoid_ramp(length: float, peak: float = 1.0) -> Schedule:
    r"""Rises as :math:`e^{-5(1-t/L)^2}`: Laine & Aila 2016, Mean Teacher.

    Starts at ``peak * exp(-5)``, not at 0.
    """
    _positive('length', length)
    return lambda step: peak * jnp.exp(-5.0 * (1.0 - _fraction(step, length)) ** 2)


def ramp_up_down(up: float, down: float, total: float, peak: float = 1.0) -> Schedule:
    r"""Rises over ``up`` steps, holds, falls from step ``down`` to ``total``: TSAL.

    :math:`e^{-5(1-t/u)^2}` before ``up`` and
    :math:`e^{-12.5(1-(T-t)/(T-d))^2}` after ``down`` (Laine & Aila 2016); exactly 0 at
    step 0, as in the TSAL release.
    """
    _positive('up', up)
    if not up <= down < total:
        raise InputError(
            f'up, down, total are {up}, {down}, {total}; they must satisfy '
            'up <= down < total.'
        )

    def schedule(step):
        rise = jnp.exp(-5.0 * (1.0 - _fraction(step, up)) ** 2)
        left = _fraction(total - jnp.asarray(step, jnp.float32), total - down)
        fall = jnp.exp(-12.5 * (1.0 - left) ** 2)
        return jnp.where(jnp.asarray(step) > 0, peak * rise * fall, 0.0)

    return schedule


def cosine_ramp_down(length: float, peak: float = 1.0) -> Schedule:
    r"""Falls as :math:`\frac12(1+\cos(\pi t/L))` to 0 at ``length``."""
    _positive('length', length)
    return lambda step: 0.5 * peak * (1.0 + jnp.cos(jnp.pi * _fraction(step, length)))


def cosine_7_16(peak: float, total: int, warmup: int = 0) -> Schedule:
    r"""The learning rate of FixMatch and its heirs.

    .. math:: \eta(t) = \eta_0 \max(0, \cos(\tfrac{7\pi}{16}\tfrac{t-W}{N-W}))

    after a linear warm-up over the first :math:`W` steps (:math:`\eta_0 t/W`). It ends
    at 0.195 of the peak: the last part of training still moves.

    Args:
      peak: learning rate at its highest.
      total: N, steps of the whole run, above ``warmup``.
      warmup: W, steps.

    Raises:
      InputError: if ``total <= warmup`` or ``warmup < 0``.

    Source: Sohn et al. 2020, arXiv 2001.07685; with warm-up as in USB (2022).
    """
    if not 0 <= warmup < total:
        raise InputError(
            f'warmup is {warmup} and total is {total}; they must satisfy '
            '0 <= warmup < total.'
        )

    def schedule(step):
        step = jnp.asarray(step, jnp.float32)
        # Dividing first keeps float32 exact enough at 2**20 steps.
        angle = jnp.pi * 7.0 / 16.0 * ((step - warmup) / (total - warmup))
        rise = step / max(1, warmup)
        fall = jnp.maximum(0.0, jnp.cos(angle))
        return peak * jnp.where(step < warmup, rise, fall)

    return schedule
