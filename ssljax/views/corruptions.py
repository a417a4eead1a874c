"""The 15 corruptions of CIFAR-C and ImageNet-C, in five severities, generated.

For test-time adaptation and for measuring robustness. Constants are the published
ones; random draws, and what ``corrupt`` says of single kinds, are not.

Source: Hendrycks & Dietterich 2019, arXiv 1903.12261, and their code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError, View
from ssljax.views import blurs, colour, coordinates, warp, weather
from ssljax.views.images import as_float
from ssljax.views.jpeg import jpeg


def gaussian_noise(key: Array, image: Array, deviation: float) -> Array:
    """Adds normal noise."""
    return image + deviation * jax.random.normal(key, image.shape)


def shot_noise(key: Array, image: Array, photons: float) -> Array:
    """Counts photons: Poisson, ``photons`` of them where the image is 1."""
    return jax.random.poisson(key, image * photons).astype(jnp.float32) / photons


def impulse_noise(key: Array, image: Array, share: float) -> Array:
    """Sets a share of all values to 0 or 1."""
    draw = jax.random.uniform(key, image.shape)
    return jnp.where(draw < share, (draw < share / 2).astype(jnp.float32), image)


def brightness(key: Array, image: Array, more: float) -> Array:
    """Adds to the value of HSV."""
    if image.shape[-1] != 3:
        return image + more
    h, s, v = colour.hsv(image)
    return colour.rgb(h, s, jnp.clip(v + more, 0, 1))


def contrast(key: Array, image: Array, factor: float) -> Array:
    """Scales about each channel's mean."""
    mean = jnp.mean(image, axis=(0, 1), keepdims=True)
    return (image - mean) * factor + mean


def pixelate(key: Array, image: Array, factor: float) -> Array:
    """Shrinks and enlarges again, both by Pillow's BOX, in whole levels."""
    height, width, channels = image.shape
    small = int(height * factor), int(width * factor)
    seen = jnp.round(image * 255)
    for shape in (small, (height, width)):
        # Pillow resizes rows first, and rounds between.
        across = jnp.asarray(_box(seen.shape[1], shape[1]), jnp.float32)
        seen = jnp.round(
            jax.vmap(lambda row, m=across: coordinates.product(m, row))(seen)
        )
        down = jnp.asarray(_box(seen.shape[0], shape[0]), jnp.float32)
        seen = jnp.round(coordinates.product(down, seen.reshape(seen.shape[0], -1)))
        seen = seen.reshape(*shape, channels)
    return seen / 255


def elastic(
    key: Array, image: Array, alpha: float, sigma: float, shift: float
) -> Array:
    """Moves three points, and bends; all in shares of the side, mirrored outside."""
    height, width, _ = image.shape
    side = min(height, width)
    points_key, x_key, y_key = jax.random.split(key, 3)
    third = side // 3
    middle = np.array([width // 2, height // 2])
    before = middle + third * np.array([[1, 1], [1, -1], [-1, -1]])
    by = jax.random.uniform(points_key, (3, 2), minval=-1.0, maxval=1.0)
    after = jnp.asarray(before, jnp.float32) + shift * side * by
    solve = np.linalg.inv(np.concatenate([before, np.ones((3, 1))], axis=1))
    top = coordinates.product(jnp.asarray(solve, jnp.float32), after).T
    matrix = jnp.concatenate([top, jnp.eye(3)[2:]], axis=0)
    y, x = jnp.mgrid[:height, :width].astype(jnp.float32)
    grid = jnp.stack([x, y, jnp.ones_like(x)]).reshape(3, -1)
    across, down, _ = coordinates.product(coordinates.inverse(matrix), grid)
    at = [_mirrored(across, width, 0.0), _mirrored(down, height, 0.0)]
    image = warp.sample(image, at, fill='edge').reshape(image.shape)
    if not alpha:
        return image
    product = coordinates.product
    bells = _bell(height, sigma * side), _bell(width, sigma * side).T
    vertical, horizontal = (jnp.asarray(bell, jnp.float32) for bell in bells)
    right, low = (
        alpha * side * product(product(vertical, noise), horizontal)
        for noise in (
            jax.random.uniform(one, (height, width), minval=-1.0)
            for one in (x_key, y_key)
        )
    )
    at = [_mirrored(x + right, width, 0.5), _mirrored(y + low, height, 0.5)]
    return warp.sample(image, at, fill='edge')


def jpeg_compression(key: Array, image: Array, quality: int) -> Array:
    """JPEG; see ``jpeg``."""
    return jpeg(image, quality)


Constants = Sequence[tuple[float, ...]]
_ELASTIC = 244 / 224  # the published constants for 224 pixels were made for 244

KINDS: Mapping[str, tuple[Callable, Constants, Constants]] = {
    'gaussian_noise': (
        gaussian_noise,
        [(0.04,), (0.06,), (0.08,), (0.09,), (0.10,)],
        [(0.08,), (0.12,), (0.18,), (0.26,), (0.38,)],
    ),
    'shot_noise': (
        shot_noise,
        [(500,), (250,), (100,), (75,), (50,)],
        [(60,), (25,), (12,), (5,), (3,)],
    ),
    'impulse_noise': (
        impulse_noise,
        [(0.01,), (0.02,), (0.03,), (0.05,), (0.07,)],
        [(0.03,), (0.06,), (0.09,), (0.17,), (0.27,)],
    ),
    'defocus_blur': (
        blurs.defocus,
        [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
        [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    ),
    'glass_blur': (
        blurs.glass,
        [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
        [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
    ),
    'motion_blur': (
        blurs.motion,
        [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
        [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
    ),
    'zoom_blur': (
        blurs.zoom,
        [(1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)],
        [(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)],
    ),
    'snow': (
        weather.snow,
        [
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ],
        [
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ],
    ),
    'frost': (
        weather.frost,
        [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
        [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)],
    ),
    'fog': (
        weather.fog,
        [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
        [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
    ),
    'brightness': (
        brightness,
        [(0.05,), (0.1,), (0.15,), (0.2,), (0.3,)],
        [(0.1,), (0.2,), (0.3,), (0.4,), (0.5,)],
    ),
    'contrast': (
        contrast,
        [(0.75,), (0.5,), (0.4,), (0.3,), (0.15,)],
        [(0.4,), (0.3,), (0.2,), (0.1,), (0.05,)],
    ),
    'elastic_transform': (
        elastic,
        [
            (0, 0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ],
        [
            (2 * _ELASTIC, 0.7 * _ELASTIC, 0.1 * _ELASTIC),
            (2 * _ELASTIC, 0.08 * _ELASTIC, 0.2 * _ELASTIC),
            (0.05 * _ELASTIC, 0.01 * _ELASTIC, 0.02 * _ELASTIC),
            (0.07 * _ELASTIC, 0.01 * _ELASTIC, 0.02 * _ELASTIC),
            (0.12 * _ELASTIC, 0.01 * _ELASTIC, 0.02 * _ELASTIC),
        ],
    ),
    'pixelate': (
        pixelate,
        [(0.95,), (0.9,), (0.85,), (0.75,), (0.65,)],
        [(0.6,), (0.5,), (0.4,), (0.3,), (0.25,)],
    ),
    'jpeg_compression': (
        jpeg_compression,
        [(80,), (65,), (58,), (50,), (40,)],
        [(25,), (18,), (15,), (10,), (7,)],
    ),
}
"""By name: the function and its constants, for 32 pixels and for 224."""


def corrupt(kind: str, severity: int, *, constants: str = 'cifar') -> View:
    """Corrupts an image.

    Frost is generated (``weather.frost``); JPEG comes without libjpeg's rounding
    (``jpeg``); values are not cut to bytes at the end. Geometry of 'elastic_transform'
    moves the image only: what is corrupted is the input, not its labels.

    Args:
      kind: one of ``corruptions.KINDS``.
      severity: 1 to 5.
      constants: 'cifar', published for 32 pixels, or 'imagenet', for 224. Lengths in
        pixels stay those numbers, whatever the image's size.

    Raises:
      InputError: if there is no such corruption, severity or set of constants, or
        (when called) the image is not [H, W, channels].
    """
    if kind not in KINDS:
        raise InputError(f'kind is {kind!r}; give one of {sorted(KINDS)}.')
    if severity not in (1, 2, 3, 4, 5):
        raise InputError(f'severity is {severity!r}; give 1, 2, 3, 4 or 5.')
    if constants not in ('cifar', 'imagenet'):
        raise InputError(f"constants is {constants!r}; give 'cifar' or 'imagenet'.")
    change, *tables = KINDS[kind]
    numbers = tables[constants == 'imagenet'][severity - 1]

    def view(key, example):
        image = as_float(warp.flat(example)['image']).astype(jnp.float32)
        return {**example, 'image': jnp.clip(change(key, image, *numbers), 0, 1)}

    return view


def _box(before: int, after: int) -> np.ndarray:
    """[after, before]: which pixels a resized line takes, as Pillow's BOX weighs."""
    scale = before / after
    wide = max(scale, 1)
    matrix = np.zeros((after, before))
    for i in range(after):
        middle = (i + 0.5) * scale
        low = max(int(middle - 0.5 * wide + 0.5), 0)
        high = min(int(middle + 0.5 * wide + 0.5), before)
        at = (np.arange(low, high) - middle + 0.5) / wide
        matrix[i, low:high] = (at > -0.5) & (at <= 0.5)
    return matrix / matrix.sum(axis=1, keepdims=True)


def _bell(length: int, sigma: float) -> np.ndarray:
    """[length, length]: a Gaussian to 3 deviations of what is mirrored outside.

    Outside it must be other pixels: were it the edge's pixel again, that one would
    weigh half at the edge, and throw it far at the large deviations for 224 pixels.
    """
    reach = int(3 * sigma + 0.5)
    at = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (at / sigma) ** 2)
    place = (np.arange(length)[:, None] + at[None]) % (2 * length)
    place = np.minimum(place, 2 * length - 1 - place)
    matrix = np.zeros((length, length))
    np.add.at(matrix, (np.arange(length)[:, None], place), weight / weight.sum())
    return matrix


def _mirrored(at: Array, length: int, edge: float) -> Array:
    """Folds coordinates at ``edge`` pixels beyond the centres of the outer pixels."""
    span = length - 1 + 2 * edge
    return span - jnp.abs((at + edge) % (2 * span) - span) - edge
