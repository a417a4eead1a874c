"""Contrast of two networks' embeddings, site by site, where their masks agree."""

from __future__ import annotations

import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.losses.contrastive import unit
from ssljax.losses.reduce import masked_mean


def region_contrast(
    a: Array,
    b: Array,
    mask_a: Array,
    mask_b: Array,
    *,
    temperature: float = 0.1,
    masked: bool = False,
) -> Array:
    r"""Draws embeddings of the same site together where both networks say the same.

    .. math:: \ell(R) = -\frac1N\sum_n \log \frac{e^{R_n s_n / T}}
        {e^{R_n s_n / T} + \sum_m e^{(1 - R_m) s_m / T}}, \quad
        L = \ell(A \cap B) + \ell(\overline{A \cup B})

    with the cosine :math:`s_n` of the two embeddings of site n: what both call object
    is drawn together against all other sites, and so is what both call background. As
    published, a site outside of R still counts :math:`e^0` above and a site inside
    below, which leaves about log N.

    Args:
      a: [B, *S, D] float, embeddings of one network.
      b: [B, *S, D] float, of the other.
      mask_a: [B, *S] bool, where the first network sees an object.
      mask_b: [B, *S] bool.
      temperature: T > 0.
      masked: the mean is over the sites of R alone, and the sum over the others.

    Returns:
      float32 [], a batch statistic, over the sites of all devices.

    Raises:
      InputError: if the shapes do not fit.

    Source: C3S3 (2025), arXiv 2506.07368, utils/ContrastiveLoss.py.
    """
    if a.shape != b.shape or not a.shape[:-1] == mask_a.shape == mask_b.shape:
        raise InputError(
            f'a is {a.shape}, b {b.shape} and the masks are {mask_a.shape} and '
            f'{mask_b.shape}; give embeddings of the same sites.'
        )
    alike = jnp.sum(unit(a) * unit(b), axis=-1) / temperature

    def drawn(region):
        inside = region.astype(jnp.float32)
        # Exponents of 1 / T at most: 0.1 leaves room for 1e33 sites in float32.
        others = jnp.exp((1 - inside) * alike)
        if masked:
            others = others * (1 - inside)
        against = shards.total(jnp.sum(others)).reshape((1,) * alike.ndim)
        own = inside * alike
        lost = jnp.log(against + jnp.exp(own) + 1e-8) - own
        return masked_mean(lost, inside if masked else None, over='kept')

    return drawn(mask_a & mask_b) + drawn(~(mask_a | mask_b))
