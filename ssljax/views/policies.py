"""Policies: sequences of operations that were drawn, on an image and what is on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, Example
from ssljax.views import coordinates, levels, operations, warp
from ssljax.views.operations import Colour, Source, Tone
from ssljax.views.rows import literal

Branch = Callable[[Array, Array, Array], tuple[Array, Array]]
"""``(pixels, magnitude, place) -> (pixels, source [6])``"""


def toning(tone: Tone) -> Branch:
    """An operation that leaves pixels where they are."""

    def branch(pixels, magnitude, place):
        return tone(pixels, magnitude, place), _row(operations.STAY, like=pixels)

    return branch


def moving(
    source: Callable[[Array, tuple[int, int]], Source], fill: Colour = (0, 0, 0)
) -> Branch:
    """An operation that moves pixels: ``(magnitude, (H, W)) -> Source``."""

    def branch(pixels, magnitude, place):
        del place
        at = source(magnitude, pixels.shape[1:])
        return operations.moved(pixels, at, fill), _row(at, like=pixels)

    return branch


def applied(
    example: Example,
    branches: Sequence[Branch],
    steps: Sequence[tuple[Array, Array, Array]],
    finish: Callable[[Array], Array] = lambda pixels: pixels,
) -> Example:
    """Applies a policy that has been drawn.

    Args:
      example: with ``image`` [H, W, channels].
      branches: the operations.
      steps: (which of them, its magnitude, a place [2] in [0, 1)), in order.
      finish: what is done at the end, ``pixels -> pixels`` of the same places.

    Returns:
      The example with a float32 image; ``warp`` and what it moves have followed.
    """
    pixels = levels.planes(warp.flat(example)['image'])
    source = jnp.array(operations.STAY)
    for which, magnitude, place in steps:
        pixels, step = jax.lax.switch(which, branches, pixels, magnitude, place)
        source = _after(source, step)
    pixels = finish(pixels)
    matrix = coordinates.inverse(_centred(source))

    def follow(array, outside):
        if outside is None:
            return levels.image(pixels)
        taken = warp.resample(array[..., None], matrix, fill=outside, nearest=True)
        return taken[..., 0]

    return warp.move(example, matrix, pixels=follow)


def _row(source: Source, like: Array) -> Array:
    """[6] float32. Inside shard_map the branches of a policy have to agree in type."""
    return shards.spread(literal(source, jnp.float32), like)


def _after(first: Array, then: Array) -> Array:
    """Where a pixel comes from when two moves follow each other."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    rows = a * p + b * s, a * q + b * t, a * r + b * u + c
    return jnp.stack([*rows, d * p + e * s, d * q + e * t, d * r + e * u + f])


def _centred(source: Array) -> Array:
    """[3, 3], from the view's pixels to the image's, counted from pixel centres."""
    a, b, c, d, e, f = source
    x, y = c + 0.5 * (a + b) - 0.5, f + 0.5 * (d + e) - 0.5
    top = jnp.stack([a, b, x, d, e, y]).reshape(2, 3)
    return jnp.concatenate([top, jnp.eye(3)[2:]], axis=0)
