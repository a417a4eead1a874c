"""Layers whose inside is computed again when the gradient asks for it."""

from __future__ import annotations

from collections.abc import Callable

from flax import nnx

from ssljax.contracts import Array


def through(remat: bool) -> Callable[[nnx.Module, Array], Array]:
    """Returns how a layer is run: its inside kept for the gradient, or done again."""

    def run(layer, x):
        return layer(x)

    return nnx.remat(run) if remat else run
