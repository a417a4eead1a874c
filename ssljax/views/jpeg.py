"""What JPEG does to an image: blocks of cosines, rounded to a table's multiples."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array
from ssljax.views import coordinates

# ITU-T T.81, annex K, tables K.1 and K.2.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)
_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168736, -0.331264, 0.5],
        [0.5, -0.418688, -0.081312],
    ]
)


def jpeg(image: Array, quality: int) -> Array:
    """Returns an image after JPEG at a quality, without the lossless coding.

    As libjpeg and Pillow by default: the standard's tables scaled by the quality, and
    colours at half the resolution. Cosines are exact here, and colours come back by
    repetition, where libjpeg interpolates: a mean difference near one grey level.

    Args:
      image: [H, W, 1 or 3] float in [0, 1].
      quality: in [1, 100].
    """
    height, width, channels = image.shape
    luminance, chrominance = tables(quality)
    unit = 16 if channels == 3 else 8
    pad = ((0, -height % unit), (0, -width % unit), (0, 0))
    levels = jnp.pad(jnp.round(jnp.clip(image, 0, 1) * 255), pad, mode='edge')
    if channels != 3:
        planes = [
            _coded(levels[..., c] - 128, luminance) + 128 for c in range(channels)
        ]
        seen = jnp.stack(planes, axis=-1)
    else:
        y, *colours = jnp.moveaxis(_linear(levels, _YCC), -1, 0)
        y = _coded(y - 128, luminance) + 128
        halves = [_coded(_halved(one), chrominance) for one in colours]
        doubled = [jnp.repeat(jnp.repeat(x, 2, axis=0), 2, axis=1) for x in halves]
        seen = _linear(jnp.stack([y, *doubled], axis=-1), np.linalg.inv(_YCC))
    return jnp.clip(jnp.round(seen[:height, :width]), 0, 255) / 255


def tables(quality: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns libjpeg's steps at a quality, of brightness and colour, [8, 8] each."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    scaled = ((np.array(t) * scale + 50) // 100 for t in (_LUMINANCE, _CHROMINANCE))
    luminance, chrominance = (np.clip(table, 1, 255) for table in scaled)
    return luminance, chrominance


def _coded(plane: Array, table: np.ndarray) -> Array:
    """Rounds the cosines of 8 x 8 blocks to multiples of a table's entries."""
    rows, columns = (n // 8 for n in plane.shape)
    k, x = np.mgrid[:8, :8]
    cosines = np.cos((2 * x + 1) * k * np.pi / 16) / 2
    cosines[0] /= np.sqrt(2)
    basis = jnp.asarray(cosines, jnp.float32)
    blocks = plane.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3).reshape(-1, 8)
    # C B C', the transposes by turns.
    half = coordinates.product(blocks, basis.T).reshape(-1, 8, 8).swapaxes(1, 2)
    found = coordinates.product(half.reshape(-1, 8), basis.T).reshape(-1, 8, 8)
    step = jnp.asarray(table.T, jnp.float32)[None]
    kept = jnp.round(found / step) * step
    half = coordinates.product(kept.reshape(-1, 8), basis).reshape(-1, 8, 8)
    back = coordinates.product(half.swapaxes(1, 2).reshape(-1, 8), basis)
    blocks = back.reshape(rows, columns, 8, 8)
    return jnp.round(blocks.transpose(0, 2, 1, 3).reshape(plane.shape))


def _halved(plane: Array) -> Array:
    rows, columns = (n // 2 for n in plane.shape)
    return jnp.round(jnp.mean(plane.reshape(rows, 2, columns, 2), axis=(1, 3)))


def _linear(image: Array, matrix: np.ndarray) -> Array:
    weights = jnp.asarray(matrix.T, jnp.float32)
    return coordinates.product(image.reshape(-1, 3), weights).reshape(image.shape)
