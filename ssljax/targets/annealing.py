"""UDA's training signal annealing: labels are let in as the network could know them."""

from __future__ import annotations

import jax.numpy as jnp

from ssljax.contracts import InputError, Schedule, TargetRule
from ssljax.schedules import value
from ssljax.targets.rules import require_distribution, times

SHAPES = {
    'linear': lambda r: r,
    'exp': lambda r: jnp.exp(5 * (r - 1)),
    'log': lambda r: 1 - jnp.exp(-5 * r),
}


def tsa_schedule(shape: str, steps: int, num_classes: int) -> Schedule:
    r"""Rises from near 1/C to near 1.

    .. math:: 1/C + (1 - 1/C)\,s(t/N), \quad
        s(r) = r,\ e^{5(r-1)}\ \mathrm{or}\ 1-e^{-5r}

    Args:
      shape: s: 'linear'; 'exp' for few labels; 'log' for many.
      steps: N > 0.
      num_classes: C.

    Source: Xie et al. 2019 (UDA), arXiv 1904.12848, section 2.3.
    """
    if shape not in SHAPES or steps <= 0:
        raise InputError(
            f'shape is {shape!r} and steps is {steps}; give one of {list(SHAPES)} and '
            'a number of steps above 0.'
        )
    least = 1 / num_classes

    def schedule(step):
        share = jnp.clip(jnp.asarray(step, jnp.float32) / steps, 0.0, 1.0)
        return least + (1 - least) * SHAPES[shape](share)

    return schedule


def tsa(shape: str, steps: int) -> TargetRule:
    r"""Keeps labelled rows whose label is not yet believed more than it should be.

    .. math:: w \leftarrow w\,[p_{y} \le \eta_t]

    A rule for the labelled rows: it starts from their answers and looks at
    ``evidence.labels``.

    Args:
      shape: as in ``tsa_schedule``, whose value is :math:`\eta_t`.
      steps: N, of the whole run.

    Source: Xie et al. 2019 (UDA), arXiv 1904.12848, and google-research/uda. USB looks
    at the highest probability instead of the label's; that is not copied.
    """
    tsa_schedule(shape, steps, 2)  # refuses now rather than when traced

    def update(targets, state, evidence):
        require_distribution('tsa', targets)
        if evidence.labels is None:
            raise InputError('tsa needs evidence.labels; give them.')
        eta = tsa_schedule(shape, steps, targets.value.shape[-1])
        truth = evidence.labels[..., None]
        right = jnp.take_along_axis(targets.value, truth, axis=-1)[..., 0]
        kept = right <= value(eta, evidence.step)
        return targets._replace(weight=times(targets.weight, kept)), state

    return TargetRule(lambda targets: (), update)
