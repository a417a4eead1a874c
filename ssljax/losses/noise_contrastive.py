"""Noise-contrastive estimation: is a pair a true one, or was its partner drawn?"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


def noise_contrastive(scores: Array, log_normaliser: Array, rows: int) -> Array:
    r"""Tells the true partner of a row from K that were drawn from N rows.

    .. math:: \ell = -\log\frac{p_0}{p_0 + K/N} - \sum_{k=1}^K \log\frac{K/N}{p_k + K/N}
        , \quad p = e^s / Z

    It is a logistic regression of :math:`s - \log Z - \log(K/N)`: nothing is
    normalised over the N rows. CRD is the sum of two, of the student's features against
    the teacher's memory and the other way round, with weight 0.8 (``targets.crd``).

    Args:
      scores: s, [..., 1 + K] float, logits; the true partner's is the first.
      log_normaliser: log Z, [] or [...] float; a constant, here stopped.
      rows: N, of which the K were drawn.

    Returns:
      float32 [...], >= 0, not reduced.

    Raises:
      InputError: if no partner was drawn.

    Source: Gutmann & Hyvarinen 2010; Tian et al. 2020 (CRD), arXiv 1910.10699; their
    code has 1e-7 more in the denominators.
    """
    scores = jnp.asarray(scores, jnp.float32)
    drawn = scores.shape[-1] - 1
    if drawn < 1:
        raise InputError(
            f'scores has shape {scores.shape}; give the true partner and at least one '
            'drawn one, [..., 1 + K].'
        )
    shift = jax.lax.stop_gradient(jnp.asarray(log_normaliser, jnp.float32))
    logits = scores - (shift + jnp.log(drawn / rows))[..., None]
    true, noise = logits[..., 0], logits[..., 1:]
    return -jax.nn.log_sigmoid(true) - jnp.sum(jax.nn.log_sigmoid(-noise), axis=-1)
