"""Snow, frost and fog of the corruption benchmarks: ``(key, image, *constants)``.

An image is [H, W, channels] float in [0, 1]; constants are plain numbers.

Source: Hendrycks & Dietterich 2019, arXiv 1903.12261, and their code.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array
from ssljax.views import blurs, colour


def fog(key: Array, image: Array, thickness: float, decay: float) -> Array:
    """Adds a fractal haze and scales to the image's own maximum."""
    height, width, _ = image.shape
    haze = plasma(key, max(height, width), decay)[:height, :width, None]
    most = jnp.max(image)
    return (image + thickness * haze) * most / (most + thickness)


def frost(key: Array, image: Array, kept: float, ice: float) -> Array:
    """Adds ice, which is generated.

    The published sets add a part of one of five photographs of frosted windows. Here
    the ice is a fractal whose ridges are bright, like needles of ice, blue in colour
    images: the constants weigh it as they did the photographs, but it is not them, and
    numbers on this corruption do not compare with the published ones.
    """
    height, width, channels = image.shape
    side = max(height, width)
    first, second = jax.random.split(key)
    ridges = 1 - jnp.abs(2 * plasma(first, side, 1.8) - 1)
    cover = plasma(second, side, 2.5)
    needles = (0.25 + 0.75 * ridges**3 * (0.5 + 0.5 * cover))[:height, :width, None]
    tint = jnp.array([0.85, 0.95, 1.0]) if channels == 3 else jnp.ones((channels,))
    return kept * image + ice * needles * tint[None, None, :]


def snow(
    key: Array,
    image: Array,
    mean: float,
    deviation: float,
    size: float,
    least: float,
    radius: int,
    sigma: float,
    kept: float,
) -> Array:
    """Bleaches the image and adds flakes that fall, once as drawn and once turned."""
    height, width, _ = image.shape
    flakes_key, angle_key = jax.random.split(key)
    flakes = mean + deviation * jax.random.normal(flakes_key, (height, width, 1))
    flakes = blurs.zoomed(flakes, size)
    flakes = jnp.clip(jnp.where(flakes < least, 0, flakes), 0, 1)
    angle = jax.random.uniform(
        angle_key, (), minval=-0.75 * jnp.pi, maxval=-0.25 * jnp.pi
    )
    flakes = blurs.streak(flakes, radius, sigma, angle)
    pale = jnp.maximum(image, colour.luma(image) * 1.5 + 0.5)
    return kept * image + (1 - kept) * pale + flakes + jnp.rot90(flakes, 2)


def plasma(key: Array, least: int, decay: float) -> Array:
    """A fractal landscape by diamonds and squares, [side, side] in [0, 1].

    It wraps round. Every halving adds noise that is ``decay`` squared times weaker.

    Args:
      key: consumed.
      least: the side is the next power of two.
      decay: > 1; larger is smoother.
    """
    side = 1 << (least - 1).bit_length()
    land = jnp.zeros((side, side))
    step, rough = side, 100.0
    while step >= 2:
        half = step // 2
        key, *keys = jax.random.split(key, 4)

        def noisy(total, one, rough=rough):
            noise = jax.random.uniform(one, total.shape, minval=-rough, maxval=rough)
            return total / 4 + rough * noise

        corners = land[::step, ::step]
        total = corners + jnp.roll(corners, -1, 0)
        total = total + jnp.roll(total, -1, 1)
        middles = noisy(total, keys[0])
        land = land.at[half::step, half::step].set(middles)
        across = middles + jnp.roll(middles, 1, 0) + corners + jnp.roll(corners, -1, 1)
        land = land.at[::step, half::step].set(noisy(across, keys[1]))
        along = middles + jnp.roll(middles, 1, 1) + corners + jnp.roll(corners, -1, 0)
        land = land.at[half::step, ::step].set(noisy(along, keys[2]))
        step, rough = half, rough / decay
    land = land - jnp.min(land)
    return land / jnp.max(land)
