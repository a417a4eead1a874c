"""Blurs of the corruption benchmarks: ``(key, image, *constants) -> image``.

An image is [H, W, channels] float in [0, 1]; constants are plain numbers, because the
sizes of kernels follow from them.

Source: Hendrycks & Dietterich 2019, arXiv 1903.12261, and their code.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array
from ssljax.views import colour, coordinates


def defocus(key: Array, image: Array, radius: float, alias: float) -> Array:
    """A disk, softened by a small Gaussian."""
    del key
    reach = 8 if radius <= 8 else int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (x**2 + y**2 <= radius**2).astype(float)
    soft = 1 if radius <= 8 else 2
    at = np.arange(-soft, soft + 1)
    bell = np.exp(-0.5 * (at / alias) ** 2)
    bell /= bell.sum()
    kernel = np.pad(disk / disk.sum(), soft)
    for axis in (0, 1):
        kernel = sum(
            w * np.roll(kernel, k, axis) for w, k in zip(bell, at, strict=True)
        )
    return _filtered(image, kernel)


def glass(key: Array, image: Array, sigma: float, reach: int, iterations: int) -> Array:
    """Blurs, copies every pixel from a near one, one after the other, and blurs.

    The published code means to exchange pixels, and copies. A loop over the pixels:
    slow on accelerators, and meant for making test sets.
    """
    height, width, _ = image.shape
    image = colour.gaussian_blur(image, sigma)
    y = np.arange(height - reach, reach, -1)
    x = np.arange(width - reach, reach, -1)
    order = np.stack(np.meshgrid(y, x, indexing='ij'), axis=-1).reshape(-1, 2)
    order = np.tile(order, (iterations, 1))
    near = jax.random.randint(key, order.shape, -reach, reach)
    here = jnp.asarray(order)
    there = here + near

    def copy(i, seen):
        (a, b), (c, d) = here[i], there[i]
        return seen.at[a, b].set(seen[c, d])

    image = jax.lax.fori_loop(0, len(order), copy, image)
    return colour.gaussian_blur(image, sigma)


def motion(key: Array, image: Array, radius: int, sigma: float) -> Array:
    """Half a Gaussian along a line within 45 degrees of the horizontal."""
    angle = jax.random.uniform(key, (), minval=-jnp.pi / 4, maxval=jnp.pi / 4)
    return streak(image, radius, sigma, angle)


def streak(image: Array, radius: int, sigma: float, angle: Array) -> Array:
    """ImageMagick's motion blur: 2 radius + 1 taps of half a Gaussian, whole pixels.

    Args:
      image: [H, W, channels].
      radius: in pixels.
      sigma: of the Gaussian, in pixels.
      angle: of the line, in radians.
    """
    height, width, _ = image.shape
    taps = 2 * int(radius) + 1
    bell = np.exp(-0.5 * (np.arange(taps) / sigma) ** 2)
    weight = jnp.asarray(bell / bell.sum(), image.dtype)
    at = jnp.arange(taps, dtype=jnp.float32)
    right = jnp.ceil(at * jnp.cos(angle) - 0.5).astype(jnp.int32)
    down = jnp.ceil(at * jnp.sin(angle) - 0.5).astype(jnp.int32)

    def add(i, total):
        rows = jnp.clip(jnp.arange(height) + down[i], 0, height - 1)
        columns = jnp.clip(jnp.arange(width) + right[i], 0, width - 1)
        return total + weight[i] * image[rows][:, columns]

    return jax.lax.fori_loop(0, taps, add, jnp.zeros_like(image))


def zoom(key: Array, image: Array, stop: float, step: float) -> Array:
    """The mean of the image and of itself at factors 1, 1 + step, ... below stop."""
    del key
    factors = np.arange(1, stop, step)
    total = sum(zoomed(image, factor) for factor in factors)
    return (image + total) / (len(factors) + 1)


def zoomed(image: Array, factor: float) -> Array:
    """The middle of an image, magnified to its size, bilinearly."""
    height, width, _ = image.shape
    down = jnp.asarray(_magnifier(height, factor), image.dtype)
    across = jnp.asarray(_magnifier(width, factor), image.dtype)
    rows = coordinates.product(down, image.reshape(height, -1)).reshape(image.shape)
    return jax.vmap(lambda row: coordinates.product(across, row))(rows)


def _magnifier(length: int, factor: float) -> np.ndarray:
    """[length, length]: which pixels a magnified middle takes, as scipy's zoom does."""
    cut = math.ceil(length / factor)
    grown = max(round(cut * factor), length)
    first = (length - cut) // 2
    skip = (grown - length) // 2
    at = (np.arange(length) + skip) * (cut - 1) / max(grown - 1, 1)
    low = np.minimum(np.floor(at).astype(int), cut - 1)
    share = at - low
    matrix = np.zeros((length, length))
    rows = np.arange(length)
    np.add.at(matrix, (rows, first + low), 1 - share)
    np.add.at(matrix, (rows, first + np.minimum(low + 1, cut - 1)), share)
    return matrix


def _filtered(image: Array, kernel: np.ndarray) -> Array:
    """Correlates with a kernel of odd sides; the image is mirrored outside."""
    held = np.argwhere(kernel > 0)
    middle = len(kernel) // 2
    reach = int(np.abs(held - middle).max())
    core = slice(middle - reach, middle + reach + 1)
    kernel = kernel[core, core]
    padded = jnp.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode='reflect')
    shape = padded.shape[:2]
    # By Fourier, because a kernel of 25 x 25 is 625 taps otherwise.
    spectrum = jnp.fft.rfft2(jnp.asarray(kernel[::-1, ::-1], jnp.float32), shape)
    seen = jnp.fft.rfft2(padded, axes=(0, 1)) * spectrum[..., None]
    full = jnp.fft.irfft2(seen, shape, axes=(0, 1))
    return full[2 * reach :, 2 * reach :].astype(image.dtype)
