"""One way to move an image and everything on it.

Coordinates are (x, y), or (x, y, z) in a volume, in pixels, 0 at the centre of the
first pixel: an image covers x from -0.5 to W - 0.5. Boxes are in the same coordinates.
``warp`` [d + 1, d + 1] float32, d = 2 or 3, maps homogeneous coordinates of the raw
example to those of the view. What moves together, by name:

* ``image`` [H, W, channels] or [Z, H, W, channels], bilinear;
* ``mask`` [H, W] or [Z, H, W] integer, nearest; what moves in is ignored (255);
* ``landmarks`` [K, d] float32, with ``visible`` [K] bool, false once outside;
* ``boxes`` [M, 2 d] float32 (low corner, high corner), with ``valid`` [M] bool;
* ``points`` [M, d] float32 of things to count, with ``valid`` [M] bool, false once
  outside. Points of more numbers are a cloud (``views.points``) and stay.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import IGNORED, Array, Example, InputError
from ssljax.views.coordinates import carry, hull, inside, inverse, product
from ssljax.views.images import as_float

Fill = float | Sequence[float] | str
"""What moves in: a value, one a channel, or 'edge', the nearest pixel of the image."""


def move(
    example: Example,
    matrix: Array,
    *,
    shape: tuple[int, ...] | None = None,
    fill: Fill = 0.0,
    ignore: int = IGNORED,
    min_area: float = 0.1,
    pixels: Callable | None = None,
) -> Example:
    """Moves every spatial field of an example by one matrix, and composes its warp.

    Args:
      example: fields as this module lists them; ``image`` is needed.
      matrix: [d + 1, d + 1] float32, invertible: coordinates before to those after;
        affine, or a perspective of an image.
      shape: of the image afterwards, without channels; the image's own by default.
      fill: what moves into the image.
      ignore: what moves into the mask.
      min_area: share of a box's hull, in [0, 1], that must stay in the image for the
        box to stay valid.
      pixels: for moves by whole pixels, which need no resample: ``(array, outside) ->
        array`` on the image (``outside`` None) and the mask (``ignore``). The image's
        type is kept; a resampled image is float.

    Returns:
      The example; boxes are the clipped hulls of the moved ones, ``visible`` and
      ``valid`` are added where they were missing.

    Raises:
      InputError: if a field has not the shape or type listed.
    """
    size = _checked(example, ignore)
    _square('matrix', matrix, len(size))
    shape = tuple(shape or size)
    if pixels is None:
        at = _sources(matrix, shape)

        def pixels(array, outside):
            if outside is None:
                return sample(as_float(array), at, fill=fill)
            taken = sample(array[..., None], at, fill=outside, nearest=True)
            return taken[..., 0]

    return _moved(
        example,
        pixels,
        lambda points: carry(points, matrix),
        shape,
        ignore,
        min_area,
        matrix,
        sides=2,
    )


def displace(
    example: Example,
    flow: Array,
    *,
    fill: Fill = 0.0,
    ignore: int = IGNORED,
    min_area: float = 0.1,
) -> Example:
    """Moves every spatial field by a smooth field of displacements.

    The view shows at p what was at p + flow[p]. A displacement has no matrix: ``warp``
    stays as it was, so that ``align`` is off by as much as ``flow``.

    Args:
      example: fields as this module lists them; ``image`` is needed.
      flow: [*shape of the image, d] float32, (x, y) or (x, y, z) in pixels; its
        derivatives below 1, so that nothing folds over.
      fill: as in ``move``.
      ignore: as in ``move``.
      min_area: as in ``move``.
    """
    size = _checked(example, ignore)
    if flow.shape != (*size, len(size)):
        raise InputError(
            f'flow is {flow.shape} on an image {size}; give {(*size, len(size))}.'
        )
    d = len(size)
    sites = grid(size)[:-1] + jnp.moveaxis(flow, -1, 0).reshape(d, -1)
    # Settled by a product with one; see _sources.
    at = [x.reshape(size) for x in product(jnp.eye(d), sites)]

    def pixels(array, outside):
        if outside is None:
            return sample(as_float(array), at, fill=fill)
        return sample(array[..., None], at, fill=outside, nearest=True)[..., 0]

    def lands(points):
        """Solves q + flow(q) = p; each turn gains a factor of the flow's slope."""

        def turn(_, q):
            at = [q[..., k] for k in range(d)]
            return points - sample(flow, at, fill='edge')

        return jax.lax.fori_loop(0, 16, turn, points)

    stays = jnp.eye(d + 1)
    return _moved(example, pixels, lands, size, ignore, min_area, stays, sides=5)


def resample(
    image: Array,
    matrix: Array,
    *,
    shape: tuple[int, ...] | None = None,
    fill: Fill = 0.0,
    nearest: bool = False,
) -> Array:
    """Warps an image by a matrix.

    Bilinear without antialiasing: shrinking to less than about half skips pixels.

    Args:
      image: [H, W, channels] or [Z, H, W, channels]; uint8 becomes float in [0, 1],
        unless ``nearest``.
      matrix: [d + 1, d + 1] float32, invertible: coordinates of the image to those of
        the result.
      shape: of the result, without channels; the image's own by default.
      fill: what moves in.
      nearest: takes the nearest pixel as it is, halves up as Pillow does.

    Returns:
      [*shape, channels], the image as seen in the view.
    """
    at = _sources(matrix, tuple(shape or image.shape[:-1]))
    image = image if nearest else as_float(image)
    return sample(image, at, fill=fill, nearest=nearest)


def sample(
    image: Array, at: Sequence[Array], *, fill: Fill = 0.0, nearest: bool = False
) -> Array:
    """Reads an image between its pixels.

    One take of all channels for each of the 2^d neighbours, at flattened sites: for
    448 images 32x32x3, 0.6 of the CPU time of ``map_coordinates`` by channel.

    Args:
      image: [*size, channels], d axes of size; float unless ``nearest``.
      at: d arrays [...] float32, x and y, or x, y and z of each site.
      fill: what is read outside; beside the edge it is blended in.
      nearest: reads the nearest pixel, halves up.

    Returns:
      [..., channels] of the image's type.
    """
    *size, channels = image.shape
    sites = at[0].shape
    at = [one.reshape(-1) for one in at]
    if isinstance(fill, str):
        _known_fill(fill)
        at = [jnp.clip(x, 0, n - 1) for x, n in zip(at, size[::-1], strict=True)]
        fill = 0.0  # nothing is outside now
    flat = jnp.asarray(image).reshape(-1, channels)
    low = [jnp.floor(x + 0.5 if nearest else x) for x in at]
    share = [x - n for x, n in zip(at, low, strict=True)]
    if nearest:
        share = [jnp.zeros_like(x) for x in share]
    low = [x.astype(jnp.int32) for x in low]

    def take(corner):
        """Returns a neighbour's pixels [P, channels], and its weight [P, 1]."""
        row, weight = jnp.int32(0), jnp.float32(1)
        for axis, length in enumerate(size):
            one = len(size) - 1 - axis  # coordinates run the other way
            tap = low[one] + corner[axis]
            part = share[one] if corner[axis] else 1 - share[one]
            weight = weight * jnp.where((tap >= 0) & (tap < length), part, 0.0)
            row = row * length + jnp.clip(tap, 0, length - 1)
        return flat.at[row].get(mode='promise_in_bounds'), weight[:, None]

    corners = itertools.product((0, 1), repeat=len(size))
    result, covered = take(next(corners))
    if nearest:
        result = jnp.where(covered > 0, result, _value(fill, result))
    else:
        result = covered * result
        for corner in corners:
            taken, weight = take(corner)
            result, covered = result + weight * taken, covered + weight
        if not isinstance(fill, int | float) or fill != 0:
            result = result + (1 - covered) * _value(fill, result)
    return result.astype(image.dtype).reshape(*sites, channels)


def flat(example: Example) -> Example:
    """Returns an example of an image, not a volume.

    Raises:
      InputError: if it is none.
    """
    shape = np.shape(example.get('image', 0))
    if len(shape) != 3:
        raise InputError(f'image is {shape} for one example; give [H, W, channels].')
    return example


def chance(probability: float) -> None:
    """Raises InputError unless a probability is in [0, 1]."""
    if not 0 <= probability <= 1:
        raise InputError(f'probability is {probability}; give a number in [0, 1].')


def _moved(example, pixels, lands, shape, ignore, min_area, matrix, sides):
    done = {'image': pixels(example['image'], None)}
    if 'mask' in example:
        done['mask'] = pixels(example['mask'], ignore)
    if 'landmarks' in example:
        done['landmarks'] = lands(jnp.asarray(example['landmarks'], jnp.float32))
        done['visible'] = inside(done['landmarks'], shape)
        if 'visible' in example:
            done['visible'] &= jnp.asarray(example['visible'], bool)
    if 'boxes' in example:
        boxes = jnp.asarray(example['boxes'], jnp.float32)
        done['boxes'], done['valid'] = hull(boxes, lands, shape, min_area, sides)
        if 'valid' in example:
            done['valid'] &= jnp.asarray(example['valid'], bool)
    elif _counted(example, shape):
        done['points'] = lands(jnp.asarray(example['points'], jnp.float32))
        done['valid'] = inside(done['points'], shape)
        if 'valid' in example:
            done['valid'] &= jnp.asarray(example['valid'], bool)
    before = example.get('warp')
    done['warp'] = matrix if before is None else product(matrix, before)
    return {**example, **done}


def _counted(example: Example, size: tuple[int, ...]) -> bool:
    """Whether an example has points of its image."""
    return 'points' in example and jnp.shape(example['points'])[-1:] == (len(size),)


def _sources(matrix: Array, shape: tuple[int, ...]) -> list[Array]:
    """Returns d arrays of the given shape: where each site of the view comes from."""
    # The matrix product also settles the coordinates. Written out as a sum, XLA may
    # compute them twice and round them differently, once for the neighbours' places
    # and once for their weights; by a whole number, that reads the wrong pixel.
    *at, depth = product(inverse(matrix), grid(shape))
    depth = jnp.maximum(depth, 1e-6)  # 1 unless perspective; < 0 lies behind
    return [(x / depth).reshape(shape) for x in at]


def grid(shape: tuple[int, ...]) -> Array:
    """Returns [d + 1, pixels]: (x, y, 1) or (x, y, z, 1) of every pixel."""
    axes = [jax.lax.broadcasted_iota(jnp.float32, shape, k) for k in range(len(shape))]
    return jnp.stack([*axes[::-1], jnp.ones(shape)]).reshape(len(shape) + 1, -1)


def _value(fill: Fill, like: Array) -> Array:
    value = jnp.atleast_1d(jnp.asarray(fill, like.dtype))
    return value.reshape((1,) * (like.ndim - 1) + (-1,))


def _known_fill(fill: Fill) -> None:
    if isinstance(fill, str) and fill != 'edge':
        raise InputError(f"fill is {fill!r}; give 'edge', or a value of the image.")


def _square(name: str, matrix: Array, d: int) -> None:
    if jnp.shape(matrix) != (d + 1, d + 1):
        raise InputError(
            f'{name} is {jnp.shape(matrix)}; an image of {d} axes and channels moves '
            f'by {(d + 1, d + 1)}.'
        )


def _checked(example: Example, ignore: int) -> tuple[int, ...]:
    """Returns the image's shape without channels, all fields checked against it."""
    if 'image' not in example:
        raise InputError(f"The example has {sorted(example)}; geometry needs 'image'.")
    size = jnp.shape(example['image'])[:-1]
    d = len(size)
    if d not in (2, 3):
        raise InputError(
            f'image is {jnp.shape(example["image"])}; give [H, W, channels], or '
            '[Z, H, W, channels] for a volume.'
        )
    for name, last in (('landmarks', d), ('boxes', 2 * d)):
        if name in example and jnp.shape(example[name])[1:] != (last,):
            found = jnp.shape(example[name])
            raise InputError(f'{name} is {found} for one example; give [..., {last}].')
    if 'boxes' in example and _counted(example, size):
        raise InputError(
            "The example has boxes and points, and one 'valid' for both; move one of "
            'them under another name.'
        )
    if 'warp' in example:
        _square('warp', example['warp'], d)
    if 'mask' in example:
        mask = example['mask']
        if jnp.shape(mask) != size:
            raise InputError(f'mask is {jnp.shape(mask)} on an image {size}.')
        if not jnp.issubdtype(mask.dtype, jnp.integer):
            raise InputError(f'mask is {mask.dtype}; give class ids, integers.')
        if ignore > jnp.iinfo(mask.dtype).max:
            raise InputError(
                f'mask is {mask.dtype}, which cannot hold the value {ignore} of what '
                'moves in; give uint8 or int32.'
            )
    return size
