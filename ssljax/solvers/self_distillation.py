r"""Self-distillation of kernel ridge regression, in closed form.

Step after step a fit learns from the truth, by weight a, and from the fit before it:

.. math:: t_\tau = a\,y + (1 - a)\,y_{\tau-1}, \quad
    c_\tau = (K + \lambda I)^{-1} t_\tau, \quad y_\tau = K c_\tau, \quad y_0 = y

Elsewhere it answers :math:`f_\tau(x) = k(x, X)\,c_\tau`. The weight is that of the
truth: 1 is no distillation at all. Arrays keep their type, so that float64 stays that.

Source: Borup & Andersen 2021 ('Even your Teacher Needs Guidance'), arXiv 2102.13088.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError

_EXACT = jax.lax.Precision.HIGHEST


def refit(
    kernel: Array,
    target: Array,
    previous: Array,
    *,
    weight: float | Array,
    regularisation: float,
) -> Array:
    r"""One step: ridge regression on the truth mixed with the last fit.

    Args:
      kernel: K, [N, N] float, positive semidefinite.
      target: y, [N] or [N, outputs].
      previous: :math:`y_{\tau-1}`, as target; y itself at the first step.
      weight: a, of the truth.
      regularisation: lambda > 0.

    Returns:
      Coefficients c, as target; the fit is ``kernel @ c``.

    Raises:
      InputError: if shapes do not fit or the regularisation is not above 0.
    """
    _check(kernel, target, regularisation)
    mixed = weight * target + (1 - weight) * previous
    ridge = kernel + regularisation * jnp.eye(len(kernel), dtype=kernel.dtype)
    return jnp.linalg.solve(ridge, mixed)


def fit(
    kernel: Array,
    target: Array,
    *,
    weight: float | Array,
    regularisation: float,
    steps: float,
) -> Array:
    r"""As many steps at once, by the eigenvectors of the kernel.

    Without end they are a single fit that is regularised more,
    :math:`c_\infty = (K + \tfrac{\lambda}{a} I)^{-1} y`, reached as fast as the powers
    of (1 - a) fall, or faster; by the fits alone (a = 0) it is 0.

    Args:
      kernel: K, [N, N] float, positive semidefinite.
      target: y, [N] or [N, outputs].
      weight: a in [0, 1], of the truth.
      regularisation: lambda > 0.
      steps: tau, at least 1; ``math.inf`` is the limit.

    Returns:
      Coefficients c, as target.

    Raises:
      InputError: if shapes do not fit, or numbers are out of their ranges.
    """
    _check(kernel, target, regularisation, steps)
    values, vectors = jnp.linalg.eigh(kernel)
    scale = _scale(jnp.maximum(values, 0), weight, regularisation, steps)
    along = jnp.matmul(vectors.T, target, precision=_EXACT)
    scale = scale.reshape(scale.shape + (1,) * (along.ndim - 1))
    return jnp.matmul(vectors, scale * along, precision=_EXACT)


def shrinkage(
    values: Array, *, weight: float | Array, regularisation: float, steps: float
) -> Array:
    r"""What is left of the truth along each eigenvector of the kernel.

    .. math:: B_\tau = \frac{a d}{a d + \lambda}\big(1 - r^{\tau-1}\big) + \frac{d}{d +
        \lambda}\,r^{\tau-1}, \quad r = (1 - a)\,\frac{d}{d + \lambda}

    Small values shrink fastest: distillation sparsifies.

    Args:
      values: d, [...] float, at least 0.
      weight: a in [0, 1], of the truth.
      regularisation: lambda > 0.
      steps: tau, at least 1; ``math.inf`` is the limit.

    Returns:
      [...] in [0, 1].
    """
    return values * _scale(values, weight, regularisation, steps)


def best_weight(truth: Array, first: Array, distilled: Array) -> Array:
    r"""The weight of the truth that makes the next step's squared error least.

    .. math:: a^* = \frac{\langle y - g,\; f_1 - g \rangle}{\|f_1 - g\|^2}

    A step is affine in its weight, :math:`f = a f_1 + (1 - a) g`: exactly so for
    kernels, and by assumption for networks, where it spares a search. Can be outside of
    [0, 1]; networks are given it clipped.

    Args:
      truth: y, [...] float, on examples that no fit has seen.
      first: f_1, [...], answers there of the first step's fit.
      distilled: g, [...], of this step's fit with weight 0: of the last fit alone.

    Returns:
      float []; 0 where both answer the same.
    """
    apart = first - distilled
    square = jnp.sum(apart**2)
    along = jnp.sum((truth - distilled) * apart)
    return jnp.where(square > 0, along / jnp.where(square > 0, square, 1.0), 0.0)


def _scale(values, weight, regularisation, steps):
    """Coefficients by the truth, along each eigenvector."""
    left = ((1 - weight) * values / (values + regularisation)) ** (steps - 1)
    limit = weight / (weight * values + regularisation)
    return limit * (1 - left) + left / (values + regularisation)


def _check(kernel, target, regularisation, steps=1):
    if kernel.ndim != 2 or {*kernel.shape} != {len(target)}:
        raise InputError(
            f'kernel is {kernel.shape} and target {target.shape}; give [N, N] and [N] '
            'or [N, outputs].'
        )
    if not regularisation > 0 or not steps >= 1:
        raise InputError(
            f'regularisation is {regularisation} and steps {steps}; give a number '
            'above 0, and at least 1.'
        )
