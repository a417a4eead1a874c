"""Entropic optimal transport, in the log domain."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError

_LEAST = 1e-16
"""Taken for a mass of 0, as in the code of DM-Count, so that potentials stay finite."""


class Transport(NamedTuple):
    """A plan and the prices that go with it."""

    plan: Array  # [..., n, m], what goes from i to j
    source: Array  # [..., n], the potential f
    target: Array  # [..., m], the potential g


def sinkhorn(
    cost: Array,
    source: Array,
    target: Array,
    *,
    regularisation: float,
    iterations: int = 100,
) -> Transport:
    r"""Moves one mass to another at the least cost, blurred by an entropy.

    .. math:: \min_P \langle P, C \rangle + \varepsilon \sum_{ij} P_{ij} \log P_{ij},
        \quad P 1 = a, \; P^T 1 = b; \qquad
        P_{ij} = e^{(f_i + g_j - C_{ij}) / \varepsilon}

    Potentials are alternately set to what their own constraint asks, g first: after the
    last iteration the rows of P sum to a exactly, its columns to b nearly. By the
    envelope theorem g (less any constant) is the gradient of the minimum by b, so that
    a loss need not differentiate the iterations.

    Args:
      cost: C, [..., n, m] float.
      source: a, [..., n] float, >= 0; padding has mass 0.
      target: b, [..., m] float, >= 0, of the same sum.
      regularisation: :math:`\varepsilon` > 0, in units of the cost.
      iterations: of both potentials.

    Raises:
      InputError: if the regularisation is not above 0, or shapes do not fit.

    Source: Cuturi 2013, arXiv 1306.0895.
    """
    if not regularisation > 0:
        raise InputError(f'regularisation is {regularisation}; give a number above 0.')
    if cost.shape != (*source.shape, target.shape[-1]):
        raise InputError(
            f'cost is {cost.shape}, source {source.shape} and target {target.shape}; '
            'give [..., n, m], [..., n] and [..., m].'
        )
    affinity = -jnp.asarray(cost, jnp.float32) / regularisation
    log_source, log_target = (
        jnp.log(jnp.maximum(jnp.asarray(mass, jnp.float32), _LEAST))
        for mass in (source, target)
    )

    def turn(_, potentials):
        f, _ = potentials  # over epsilon
        g = log_target - jax.nn.logsumexp(affinity + f[..., :, None], axis=-2)
        f = log_source - jax.nn.logsumexp(affinity + g[..., None, :], axis=-1)
        return f, g

    # From a uniform start; made of the inputs, so that it varies as they do.
    even = 0 * log_source - jnp.log(source.shape[-1])
    f, g = jax.lax.fori_loop(0, iterations, turn, (even, 0 * log_target))
    plan = jnp.exp(affinity + f[..., :, None] + g[..., None, :])
    return Transport(plan, regularisation * f, regularisation * g)
