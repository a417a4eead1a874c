"""Losses that move knowledge from one network's logits to another's.

The teacher's side is stopped in all of them, and both must have the same classes. Rows
are not reduced: ``masked_mean`` of them is the 'batchmean' that mdistiller, DHO and
SSLD divide by; PromptKD divides by the logits, which is that over C.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError
from ssljax.losses.classification import kl_divergence


def distillation(
    logits: Array, teacher_logits: Array, *, temperature: float = 1.0
) -> Array:
    r"""Knowledge distillation at a temperature, with its square as factor.

    .. math:: \ell = T^2\,\mathrm{KL}(q\,\|\,p), \quad
        q = \mathrm{softmax}(z_t/T), \; p = \mathrm{softmax}(z_s/T)

    The factor keeps the gradient's size when T changes. The teacher's side is stopped.

    Args:
      logits: [..., C] float, the student's.
      teacher_logits: [..., C] float.
      temperature: T > 0.

    Returns:
      float32 [...], >= 0, not reduced.

    Raises:
      InputError: if the shapes differ, such as of networks with other classes.

    Source: Hinton et al. 2015, arXiv 1503.02531.
    """
    student, teacher = _pair(logits, teacher_logits, temperature)
    return temperature**2 * kl_divergence(student, jax.nn.softmax(teacher))


def symmetric_kl(
    logits: Array, teacher_logits: Array, *, temperature: float = 1.0
) -> Array:
    r"""Half the divergence each way, with the square of the temperature as factor.

    .. math:: \ell = \tfrac{T^2}2 \big(\mathrm{KL}(q\,\|\,p) + \mathrm{KL}(p\,\|\,q)
        \big) = \tfrac{T^2}2 \sum_c (q_c - p_c)(\log q_c - \log p_c)

    SSLD's codes have this at T = 1 and call it Jensen-Shannon; the true one, bounded
    and of small gradient where both disagree, is ``jensen_shannon``.

    Args:
      logits: [..., C] float, the student's.
      teacher_logits: [..., C] float.
      temperature: T > 0.

    Returns:
      float32 [...], >= 0, not reduced.

    Raises:
      InputError: if the shapes differ.

    Source: Cui et al. 2021 (SSLD), arXiv 2103.05959, as PaddleClas has it.
    """
    student, teacher = _pair(logits, teacher_logits, temperature)
    log_p, log_q = jax.nn.log_softmax(student), jax.nn.log_softmax(teacher)
    alike = log_p == log_q  # also where both are -inf, whose difference is not a number
    apart = jnp.where(alike, 0.0, log_q - log_p)
    return temperature**2 / 2 * jnp.sum((jnp.exp(log_q) - jnp.exp(log_p)) * apart, -1)


def decoupled_distillation(
    logits: Array,
    teacher_logits: Array,
    label: Array,
    *,
    temperature: float = 4.0,
    target_weight: float | Array = 1.0,
    other_weight: float | Array = 8.0,
) -> Array:
    r"""Distils the share of the label's class, and apart from it all other classes.

    .. math:: \ell = T^2 \big(\alpha\,\mathrm{KL}(b_t\,\|\,b_s) + \beta\,
        \mathrm{KL}(\hat q\,\|\,\hat p)\big), \quad b = (p_y, 1 - p_y)

    with the distributions over all classes but y beneath the hats. Plain distillation
    is alpha 1 and beta 1 - q_y: it hardly teaches the others where the teacher is sure.

    Args:
      logits: [..., C] float, the student's.
      teacher_logits: [..., C] float.
      label: y, [...] int in [0, C); the loss of any other means nothing.
      temperature: T > 0.
      target_weight: alpha, a number or [...].
      other_weight: beta, a number or [...]; 8 is for 100 classes, 0.5 for ImageNet.

    Returns:
      float32 [...], >= 0, not reduced.

    Raises:
      InputError: if the shapes do not fit.

    Source: Zhao et al. 2022 (DKD), arXiv 2203.08679; mdistiller.
    """
    student, teacher = _pair(logits, teacher_logits, temperature)
    label = jnp.asarray(label)
    if label.shape != student.shape[:-1]:
        raise InputError(
            f'label has shape {label.shape} and logits {student.shape}; labels must '
            'have the leading axes of logits.'
        )
    classes = jax.lax.broadcasted_iota(label.dtype, student.shape, student.ndim - 1)
    own = classes == label[..., None]

    def others(z):
        return jnp.where(own, -jnp.inf, z)

    def two(z):
        """Logits of the label's class and of the others together."""
        target = jnp.sum(jnp.where(own, z, 0.0), axis=-1)
        return jnp.stack([target, jax.nn.logsumexp(others(z), axis=-1)], axis=-1)

    of_target = kl_divergence(two(student), jax.nn.softmax(two(teacher)))
    of_others = kl_divergence(others(student), jax.nn.softmax(others(teacher)))
    return temperature**2 * (target_weight * of_target + other_weight * of_others)


def teacher_mixture(
    teacher_logits: Sequence[Array] | Array,
    weights: Sequence[float] | Array | None = None,
    *,
    temperature: float = 1.0,
    mean: str = 'arithmetic',
) -> Array:
    r"""Logits of several teachers together, for any of the losses here.

    .. math:: z = T \log \sum_e w_e\,\mathrm{softmax}(z_e / T) \qquad\text{or}\qquad
        z = \sum_e w_e z_e

    The first, 'arithmetic', makes ``distillation`` at the same T teach as the mean of
    the losses of each teacher does; the second, 'geometric', is the mean of logits:
    a class that one teacher excludes is excluded.

    Args:
      teacher_logits: [E, ..., C] float, of E teachers.
      weights: w, [E], or [E, ...] for each row; at least 0, summing to 1 after division
        by their sum. None is alike.
      temperature: T > 0, that of the loss.
      mean: 'arithmetic' or 'geometric', of the probabilities.

    Returns:
      float32 [..., C], stopped.

    Raises:
      InputError: if teachers differ in shape, or the weights or the mean do not fit.
    """
    shapes = {jnp.shape(z) for z in teacher_logits}
    if len(shapes) != 1:
        raise InputError(
            f'teacher_logits have shapes {sorted(shapes)}; give teachers of the same '
            'classes, at least one.'
        )
    stacked = jnp.stack([jnp.asarray(z, jnp.float32) for z in teacher_logits])
    if weights is None:
        weights = jnp.ones(len(stacked))
    shares = jnp.asarray(weights, jnp.float32)
    if not shares.ndim or shares.shape != stacked.shape[:-1][: shares.ndim]:
        raise InputError(
            f'weights have shape {shares.shape} and teacher_logits {stacked.shape}; '
            'give a number a teacher, or one a teacher and row.'
        )
    shares = shares / shares.sum(0, keepdims=True)
    shares = shares.reshape(shares.shape + (1,) * (stacked.ndim - shares.ndim))
    if mean == 'geometric':
        mixed = jnp.sum(shares * stacked, axis=0)
    elif mean == 'arithmetic':
        log_probs = jax.nn.log_softmax(stacked / temperature)
        mixed = temperature * jax.nn.logsumexp(log_probs, axis=0, b=shares)
    else:
        raise InputError(f"mean is {mean!r}; give 'arithmetic' or 'geometric'.")
    return jax.lax.stop_gradient(mixed)


def _pair(logits, teacher_logits, temperature):
    """Both over the temperature, float32, the teacher's stopped."""
    student, teacher = (
        jnp.asarray(z, jnp.float32) / temperature for z in (logits, teacher_logits)
    )
    if student.shape != teacher.shape:
        raise InputError(
            f'logits has shape {student.shape} and teacher_logits {teacher.shape}; '
            'the student and its teacher must answer the same rows with the same '
            'classes.'
        )
    return student, jax.lax.stop_gradient(teacher)
