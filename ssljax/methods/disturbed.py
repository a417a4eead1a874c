"""Inputs with noise that a method adds where views must stay where they are."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array
from ssljax.views.prepare import row_keys


def disturbed(
    key: Array,
    inputs: Array,
    size: float,
    *,
    kind: Literal['clipped', 'uniform'] = 'clipped',
) -> Array:
    """Returns inputs with noise of their own on each row, on however many devices.

    Args:
      key: consumed.
      inputs: [rows, ...] float.
      size: in units of the inputs; 0 for none. 'clipped' is normal noise of that
        deviation, at most twice of it; 'uniform' lies between -size and size.
      kind: of the noise.

    Source: SSL4MIS and UA-MT, arXiv 1907.07034, have 'clipped' of 0.1; TraCoCo, arXiv
    2203.14523, 'uniform' of 0.2.
    """
    if not size:
        return inputs
    keys = row_keys(key, shards.row_numbers(len(inputs), like=inputs))
    shape = inputs.shape[1:]
    if kind == 'uniform':
        draw = jax.vmap(lambda own: jax.random.uniform(own, shape, minval=-1.0))(keys)
    else:
        draw = jax.vmap(lambda own: jax.random.normal(own, shape))(keys)
        draw = jnp.clip(draw, -2.0, 2.0)
    return inputs + (size * draw).astype(inputs.dtype)
