"""Thresholds and weights that follow the model's own confidence.

FreeMatch's self-adaptive threshold, SoftMatch's Gaussian weights, AdaMatch's threshold
relative to the labelled rows.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError, TargetRule, Targets
from ssljax.targets.rules import (
    chain,
    require_distribution,
    require_probability,
    times,
)


class SelfAdaptive(NamedTuple):
    """State of ``self_adaptive``: moving averages over the unlabelled answers."""

    confidence: Array  # [] float32, tau: of the highest probability
    probs: Array  # [C] float32, of the probabilities
    histogram: Array  # [C] float32, of how often each class is the most probable


def self_adaptive(momentum: float = 0.999) -> TargetRule:
    r"""Keeps sites by a global confidence, made local by how often a class is expected.

    .. math:: \tau \leftarrow m\tau + (1-m)\,\overline{\max q}, \quad
        \tilde p \leftarrow m\tilde p + (1-m)\,\bar q, \quad
        w \leftarrow w\,[\max q \ge \tau\,\tilde p_{\arg\max q} / \max_k\tilde p_k]

    All start at 1/C; they move first and are used then.

    Args:
      momentum: m in [0, 1].

    Source: Wang et al. 2022 (FreeMatch), arXiv 2205.07246, eqs. 5, 6 and 8.
    """
    require_probability('momentum', momentum)

    def init(targets):
        classes = targets.value.shape[-1]
        even = jnp.full(classes, 1 / classes, jnp.float32)
        return SelfAdaptive(jnp.full((), 1 / classes, jnp.float32), even, even)

    def update(targets, state, evidence):
        del evidence
        require_distribution('self_adaptive', targets)
        best, guess = targets.value.max(-1), targets.value.argmax(-1)
        classes = targets.value.shape[-1]
        counts = jnp.zeros(classes).at[guess.reshape(-1)].add(1.0)
        seen = SelfAdaptive(
            confidence=best.mean(),
            probs=targets.value.reshape(-1, classes).mean(0),
            histogram=counts / guess.size,
        )
        seen = shards.mean(seen)
        state = SelfAdaptive(
            *(
                momentum * a + (1 - momentum) * b
                for a, b in zip(state, seen, strict=True)
            )
        )
        local = state.confidence * state.probs / state.probs.max()
        kept = best >= local[guess]
        return targets._replace(weight=times(targets.weight, kept)), state

    return TargetRule(init, update)


class Gaussian(NamedTuple):
    """State of ``gaussian``."""

    mean: Array  # [] float32, of the highest probability
    variance: Array  # [] float32
    align: tuple  # state of the rule that is measured on


def gaussian(
    momentum: float = 0.999,
    *,
    sigmas: float = 2.0,
    measured_on: TargetRule | None = None,
) -> TargetRule:
    r"""Weighs sites by a Gaussian that is cut off above the mean confidence.

    .. math:: w \leftarrow w\,\exp\!\Big(-\frac{\min(\max q - \mu, 0)^2}
        {2\sigma^2/n^2}\Big)

    Mean and variance move first and are used then. They start at 1/C and 1.

    Args:
      momentum: of the averages, in [0, 1].
      sigmas: n > 0. It divides the deviation, so that the width is
        :math:`\sigma/n`, as in the official code.
      measured_on: a rule, such as ``align('uniform')``, after which the confidence is
        measured; what is taught stays as it is.

    Source: Chen et al. 2023 (SoftMatch), arXiv 2301.10921, eqs. 7 and 8.
    """
    require_probability('momentum', momentum)
    if sigmas <= 0:
        raise InputError(f'sigmas is {sigmas}; give a number above 0.')
    inner = measured_on or chain()

    def init(targets):
        even = jnp.full((), 1 / targets.value.shape[-1], jnp.float32)
        return Gaussian(even, jnp.ones(()), inner.init(targets))

    def update(targets, state, evidence):
        require_distribution('gaussian', targets)
        measured, align = inner.update(targets, state.align, evidence)
        best = measured.value.max(-1)
        sites, found = best.size * shards.count(best), shards.mean(best.mean())
        # Unbiased; of a single site it is 0, not NaN.
        spread = shards.total(jnp.sum((best - found) ** 2)) / max(sites - 1, 1)
        mean = momentum * state.mean + (1 - momentum) * found
        variance = momentum * state.variance + (1 - momentum) * spread
        below = jnp.minimum(best - mean, 0.0) ** 2
        share = jnp.exp(-below / (2 * jnp.maximum(variance, 1e-12) / sigmas**2))
        new = targets._replace(weight=times(targets.weight, share))
        return new, Gaussian(mean, variance, align)

    return TargetRule(init, update)


def relative(share: float = 0.9) -> TargetRule:
    r"""Keeps sites that are nearly as sure as the labelled rows of the batch.

    .. math:: w \leftarrow w\,[\max q \ge \rho\;\overline{\max p(x_l)}]

    Args:
      share: rho in [0, 1].

    Source: Berthelot et al. 2021 (AdaMatch), arXiv 2106.04732, eq. 5.
    """
    require_probability('share', share)

    def update(targets: Targets, state, evidence):
        require_distribution('relative', targets)
        if evidence.probs_labelled is None:
            raise InputError('relative needs evidence.probs_labelled; give them.')
        sure = jnp.mean(jnp.max(evidence.probs_labelled, axis=-1))
        cutoff = share * shards.mean(sure)
        kept = jnp.max(targets.value, axis=-1) >= cutoff
        return targets._replace(weight=times(targets.weight, kept)), state

    return TargetRule(lambda targets: (), update)
