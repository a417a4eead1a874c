"""Densities: maps [..., h, w] whose sum over any region is how many there are in it.

Points are (x, y) in pixels of the image, 0 at the centre of the first pixel, as in
``ssljax.views.warp``; a cell of stride s covers s x s pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import Array


def place(points: Array, valid: Array, size: Sequence[int], stride: int) -> Array:
    """Counts the points in each cell.

    Args:
      points: [..., M, 2] float, pixels; those outside of the map count nowhere.
      valid: [..., M] bool.
      size: (h, w) in cells.
      stride: pixels a cell.

    Returns:
      [..., h, w] float32.
    """
    x, y = jnp.moveaxis(jnp.floor((points + 0.5) / stride), -1, 0)

    def along(at, length):
        """Which cell of a line each point lies in, [..., M, length]."""
        cells = jnp.arange(length, dtype=at.dtype)
        return at[..., None] == cells.reshape((1,) * at.ndim + (-1,))

    down = (along(y, size[0]) & jnp.asarray(valid, bool)[..., None]).astype(jnp.float32)
    across = along(x, size[1]).astype(jnp.float32)
    return jnp.einsum('...mh,...mw->...hw', down, across)


def resize(density: Array, size: Sequence[int]) -> Array:
    """Resizes densities so that each keeps its sum: what a cell holds is shared out.

    Args:
      density: [..., h, w] float.
      size: (h, w) afterwards, larger or smaller.
    """

    def shares(before, after):
        """Where each cell of a line goes, [after, before]; columns sum to 1."""
        eye = jnp.eye(before)
        spread = jax.image.resize(eye, (after, before), 'linear')
        return spread / spread.sum(0, keepdims=True)

    height, width = density.shape[-2:]
    down, across = shares(height, size[0]), shares(width, size[1])
    # Accelerators round the factors of a plain product to 8 or 11 bits.
    exact = jax.lax.Precision.HIGHEST
    return jnp.einsum('ah,...hw,bw->...ab', down, density, across, precision=exact)
