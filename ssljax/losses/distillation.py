"""Losses that move knowledge from one network's logits to another's."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array
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

    Source: Hinton et al. 2015, arXiv 1503.02531.
    """
    teacher_logits = jax.lax.stop_gradient(jnp.asarray(teacher_logits, jnp.float32))
    target = jax.nn.softmax(teacher_logits / temperature)
    student = jnp.asarray(logits, jnp.float32) / temperature
    return temperature**2 * kl_divergence(student, target)
