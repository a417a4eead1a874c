"""A multi-layer perceptron: projection heads, critics, small tables of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import jax
from flax import linen

from ssljax.contracts import InputError, Network
from ssljax.models.adapters import from_linen


def mlp(outputs: int, *, hidden: Sequence[int] = (64,)) -> Network:
    """Linear layers with a ReLU between them.

    Args:
      outputs: width of the answer, at least 1.
      hidden: width of each hidden layer, the last one being D; () is one linear layer.

    Returns:
      A Network of inputs [..., any width] float, which it takes from the inputs that it
      is started with. It answers ``{'logits': [..., outputs], 'features': [..., D]}``.

    Raises:
      InputError: if a width is below 1.
    """
    for width in (outputs, *hidden):
        if width < 1:
            raise InputError(f'outputs and hidden have {width}; give widths of 1 up.')
    return from_linen(_MLP(outputs, tuple(hidden)))


# linen and not nnx, because its layers find the width of their inputs themselves.
class _MLP(linen.Module):
    outputs: int
    hidden: tuple[int, ...]

    @linen.compact
    def __call__(self, x):
        for width in self.hidden:
            x = jax.nn.relu(linen.Dense(width)(x))
        return {'logits': linen.Dense(self.outputs)(x), 'features': x}
