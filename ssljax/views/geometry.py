"""Views that move pixels. Each leaves its matrix in ``example['warp']``.

``warp`` [3, 3] float32 maps homogeneous pixel coordinates ``(x, y, 1)`` of the raw
example, x to the right and y down from the centre of the first pixel, to those of the
view. Geometry moves the image only so far: an example that carries other spatial
fields is refused rather than torn apart.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, Example, InputError, View

_SPATIAL = ('mask', 'landmarks', 'boxes')


def shift(pixels: int) -> View:
    """Moves the image by whole pixels, uniformly in [-pixels, pixels] on both axes.

    What moves in is 0. The weak view of small images: padding and a random crop.

    Args:
      pixels: >= 0.
    """
    if pixels < 0:
        raise InputError(f'pixels is {pixels}; give a number of pixels >= 0.')

    def view(key, example):
        image = _image(example)
        by = jax.random.randint(key, (2,), 0, 2 * pixels + 1)  # (y, x) of the crop
        padded = jnp.pad(image, ((pixels, pixels), (pixels, pixels), (0, 0)))
        moved = jax.lax.dynamic_slice(padded, (by[0], by[1], 0), image.shape)
        offset = jnp.asarray(pixels - by, jnp.float32)
        return _moved(example, moved, _matrix(jnp.eye(2), offset[::-1]))

    return view


def affine(
    *,
    degrees: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    translate: float = 0.0,
) -> View:
    """Rotates, scales, shears and translates about the centre, in one resample.

    Every parameter is drawn uniformly; one bilinear resample keeps small images from
    being blurred once an operation. Outside is 0.

    Args:
      degrees: rotation within +-degrees.
      scale: range of the magnification, both > 0; drawn uniformly.
      shear: within +-shear, along x and along y, as a slope in [0, 1).
      translate: within +-translate of the side, on both axes.
    """
    if not 0 < scale[0] <= scale[1]:
        raise InputError(f'scale is {scale}; give 0 < low <= high.')
    if not 0 <= shear < 1:
        raise InputError(f'shear is {shear}; give a slope in [0, 1).')

    def view(key, example):
        image = _image(example)
        height, width = image.shape[:2]
        draw = jax.random.uniform(key, (6,), minval=-1.0, maxval=1.0)
        angle = draw[0] * degrees * jnp.pi / 180.0
        size = scale[0] + (scale[1] - scale[0]) * 0.5 * (draw[1] + 1.0)
        sheared = jnp.eye(2) + shear * jnp.array([[0.0, draw[2]], [draw[3], 0.0]])
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        turn = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
        linear = size * _product(turn, sheared)
        centre = jnp.array([(width - 1) / 2, (height - 1) / 2], jnp.float32)
        move = translate * draw[4:] * jnp.array([width, height], jnp.float32)
        matrix = _matrix(linear, centre + move - _product(linear, centre))
        return _moved(example, resample(image, matrix), matrix)

    return view


def resample(image: Array, matrix: Array) -> Array:
    """Warps an image by a matrix, bilinearly; outside is 0.

    Args:
      image: [H, W, channels] float.
      matrix: [3, 3] float32, affine, invertible: raw pixel coordinates to the view's.

    Returns:
      [H, W, channels], the image as seen in the view.
    """
    height, width = image.shape[:2]
    # Inverse of a 2x2 in closed form: a batched LU costs more than the resample.
    (a, b), (c, d) = matrix[0, :2], matrix[1, :2]
    inverse = jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)
    y, x = jnp.meshgrid(
        jnp.arange(height, dtype=jnp.float32),
        jnp.arange(width, dtype=jnp.float32),
        indexing='ij',
    )
    grid = jnp.stack([x, y]).reshape(2, -1) - matrix[:2, 2:]
    x, y = _product(inverse, grid).reshape(2, height, width)
    channel = lambda one: jax.scipy.ndimage.map_coordinates(  # noqa: E731
        one, [y, x], order=1, mode='constant', cval=0.0
    )
    return jax.vmap(channel, in_axes=-1, out_axes=-1)(image)


def _image(example: Example) -> Array:
    found = [name for name in _SPATIAL if name in example]
    if found:
        raise InputError(
            f'The example has {found}, which this view would leave behind; it moves '
            "'image' only."
        )
    return example['image']


def _moved(example: Example, image: Array, matrix: Array) -> Example:
    before = example.get('warp')
    warp = matrix if before is None else _product(matrix, before)
    return {**example, 'image': image, 'warp': warp}


def _product(a: Array, b: Array) -> Array:
    # Accelerators round the factors of a plain product to 8 or 11 bits: coordinates
    # of a 256 pixel image would be off by half a pixel.
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _matrix(linear: Array, offset: Array) -> Array:
    top = jnp.concatenate([linear, offset[:, None]], axis=1)
    return jnp.concatenate([top, jnp.array([[0.0, 0.0, 1.0]])], axis=0)
