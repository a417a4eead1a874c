"""Logit adjustment: classes that are rare among the labels do not seem so."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError


def adjust_logits(logits: Array, prior: Any, *, strength: float = 1.0) -> Array:
    r"""Returns :math:`z_c + \tau \log \pi_c`, to be learnt from in the place of z.

    The cross-entropy of these makes z itself, unadjusted, the answer of a world in
    which all classes are alike frequent. For a network that was trained without, the
    same is had afterwards by ``strength`` -1, when it answers.

    Args:
      logits: [..., C] float.
      prior: pi, [C] frequencies or counts of the labels, above 0.
      strength: tau; 1 is the balanced error's.

    Returns:
      float32 [..., C].

    Raises:
      InputError: if the prior is not [C] or has a class of 0.

    Source: Menon et al. 2021, arXiv 2007.07314, equations 10 and 9; Ren et al. 2020
    (balanced softmax), arXiv 2007.10740.
    """
    counts = np.asarray(prior, np.float64)
    classes = jnp.shape(logits)[-1]
    if counts.shape != (classes,) or not (counts > 0).all():
        raise InputError(
            f'prior is {prior} and the logits have {classes} classes; give a number '
            'above 0 for each.'
        )
    log_prior = jnp.asarray(np.log(counts / counts.sum()), jnp.float32)
    logits = jnp.asarray(logits, jnp.float32)
    shift = jax.lax.broadcast_in_dim(log_prior, logits.shape, (logits.ndim - 1,))
    return logits + strength * shift
