"""Elastic distortion of images and volumes."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import InputError, View
from ssljax.views import coordinates, warp
from ssljax.views.warp import Fill


def elastic(alpha: float, sigma: float, *, fill: Fill = 0.0) -> View:
    """Bends an image or a volume by a smooth random field.

    Each component of the displacement is alpha * (G_sigma * u), u uniform in [-1, 1]
    at each pixel and 0 outside, G a Gaussian of total 1. Inside an image its deviation
    is alpha / (2 sqrt(3 pi) sigma) pixels: 34 and 4 give 1.4. There is no matrix for
    it: ``warp`` stays as it was.

    Args:
      alpha: >= 0, in pixels; small enough beside sigma that nothing folds over.
      sigma: > 0, in pixels.
      fill: what moves in, in image units, or 'edge'.

    Source: Simard, Steinkraus & Platt 2003, Best practices for convolutional neural
    networks applied to visual document analysis.
    """
    if not sigma > 0 or not alpha >= 0:
        raise InputError(
            f'alpha is {alpha} and sigma {sigma}; give alpha >= 0 and sigma > 0.'
        )
    # A derivative of the field has the deviation of the field over sqrt(2) sigma.
    slope = alpha / (2 * math.sqrt(6 * math.pi) * sigma**2)
    if slope > 1 / 3:  # of 1, where it folds: three deviations
        most = 2 * math.sqrt(6 * math.pi) * sigma**2 / 3
        raise InputError(
            f'alpha is {alpha}, which folds the image over at sigma {sigma}; give at '
            f'most {most:.3g}, or a larger sigma.'
        )

    def view(key, example):
        size = jnp.shape(example['image'])[:-1]
        draw = jax.random.uniform(key, (*size, len(size)), minval=-1.0, maxval=1.0)
        for axis, length in enumerate(size):
            # Blurred along one axis at a time.
            along = jnp.moveaxis(draw, axis, 0)
            blurred = coordinates.product(
                jnp.asarray(_gaussian(length, sigma)), along.reshape(length, -1)
            )
            draw = jnp.moveaxis(blurred.reshape(along.shape), 0, axis)
        return warp.displace(example, alpha * draw, fill=fill)

    return view


def _gaussian(length: int, sigma: float) -> np.ndarray:
    """Returns [length, length] float32: row i weighs what is blurred into site i."""
    reach = np.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1)
    total = np.exp(-0.5 * (reach / sigma) ** 2).sum()
    apart = np.subtract.outer(np.arange(length), np.arange(length))
    return (np.exp(-0.5 * (apart / sigma) ** 2) / total).astype(np.float32)
