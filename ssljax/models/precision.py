"""Numbers of two widths: those that layers compute in, and those that are kept."""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import DTypeLike

from ssljax.contracts import Array, InputError


def compute_type(dtype: DTypeLike) -> jnp.dtype:
    """Returns what layers compute in, 'bfloat16' say; parameters are float32 anyway.

    Raises:
      InputError: if it is no type of floating-point numbers.
    """
    try:
        found = jnp.dtype(dtype)
    except TypeError:
        found = None
    if found is None or not jnp.issubdtype(found, jnp.floating):
        raise InputError(f"dtype is {dtype!r}; give 'float32' or 'bfloat16'.")
    return found


def widened(x: Array) -> Array:
    """Returns x in float32, or in float64 if it is."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
