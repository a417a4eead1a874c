"""A multi-layer perceptron: projection heads, critics, small tables of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from ssljax.contracts import InputError, Network
from ssljax.models.adapters import from_linen
from ssljax.models.precision import compute_type, widened


def mlp(
    outputs: int, *, hidden: Sequence[int] = (64,), dtype: DTypeLike = 'float32'
) -> Network:
    """Linear layers with a ReLU between them.

    Args:
      outputs: width of the answer, at least 1.
      hidden: width of each hidden layer, the last one being D; () is one linear layer.
      dtype: that the hidden layers compute in; 'bfloat16' leaves parameters, features
        and logits float32.

    Returns:
      A Network of inputs [..., any width] float, which it takes from the inputs that it
      is started with. It answers ``{'logits': [..., outputs], 'features': [..., D]}``.

    Raises:
      InputError: if a width is below 1, or for another dtype.
    """
    for width in (outputs, *hidden):
        if width < 1:
            raise InputError(f'outputs and hidden have {width}; give widths of 1 up.')
    return from_linen(_MLP(outputs, tuple(hidden), compute_type(dtype)))


# linen and not nnx, because its layers find the width of their inputs themselves.
class _MLP(linen.Module):
    outputs: int
    hidden: tuple[int, ...]
    dtype: jnp.dtype

    @linen.compact
    def __call__(self, x):
        for width in self.hidden:
            x = jax.nn.relu(linen.Dense(width, dtype=self.dtype)(x))
        x = widened(x)
        return {'logits': linen.Dense(self.outputs)(x), 'features': x}
