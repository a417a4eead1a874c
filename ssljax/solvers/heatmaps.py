"""Landmarks as heatmaps and back, and as a centre with offsets to all of them.

Coordinates are (x, y) in pixels of the network's input, 0 at the centre of the first
pixel. Of stride s, the cell in row i and column j has its centre at the pixel
(j s + (s - 1) / 2, i s + (s - 1) / 2). Any leading axes; the landmark axis of heatmaps
is last.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError

_FAINT = 1e-4
"""Share of a peak below which a neighbour's value tells nothing but that."""


def draw(
    landmarks: Array,
    visible: Array,
    size: Sequence[int],
    stride: int,
    sigma: float,
    *,
    background: bool = False,
    floor: float = 0.01,
) -> Array:
    r"""Draws a Gaussian around every visible landmark, at its exact sub-pixel place.

    .. math:: H_k(c) = \exp(-\|c - p_k\|^2 / 2 \sigma^2)

    Args:
      landmarks: [..., K, 2] float, pixels; may lie outside.
      visible: [..., K] bool; the map of one that is not is 0.
      size: (h, w) of the heatmaps, in cells.
      stride: pixels a cell.
      sigma: of the Gaussian, in pixels, above 0.
      background: adds a last channel, 1 - the highest of the others.
      floor: values below become 0; they are never above 1.

    Returns:
      [..., h, w, K] or [..., h, w, K + 1] float32 in [0, 1].

    Raises:
      InputError: if sigma is not above 0.

    Source: Dong et al. 2018 (SBR), arXiv 1807.00966, and TSAL, generate_label_map.
    """
    if sigma <= 0:
        raise InputError(f'sigma is {sigma}; give pixels above 0.')
    x, y = jnp.moveaxis(jnp.asarray(landmarks, jnp.float32), -1, 0)

    def along(length, at):
        """Returns [..., length, K]: the Gaussian of one coordinate."""
        cells = to_pixels(jnp.arange(length), stride)
        cells = jnp.expand_dims(cells[:, None], tuple(range(at.ndim - 1)))
        return jnp.exp(-0.5 * ((cells - at[..., None, :]) / sigma) ** 2)

    down, across = along(size[0], y), along(size[1], x)
    maps = down[..., :, None, :] * across[..., None, :, :]
    shown = jnp.asarray(visible, bool)[..., None, None, :] & (maps >= floor)
    maps = jnp.where(shown, maps, 0.0)
    if not background:
        return maps
    return jnp.concatenate([maps, 1 - maps.max(axis=-1, keepdims=True)], axis=-1)


def to_pixels(cells: Array, stride: int) -> Array:
    """Returns the pixel coordinates of cell coordinates, of any shape."""
    return jnp.asarray(cells, jnp.float32) * stride + 0.5 * (stride - 1)


def to_cells(pixels: Array, stride: int) -> Array:
    """Returns the cell coordinates, not rounded, of pixel coordinates."""
    return (jnp.asarray(pixels, jnp.float32) - 0.5 * (stride - 1)) / stride


def peak(heatmaps: Array, stride: int) -> tuple[Array, Array]:
    r"""Finds every landmark by the parabola through the logarithm of its peak.

    .. math:: x = i + \frac{\ell_{i-1} - \ell_{i+1}}
        {2(\ell_{i-1} - 2\ell_i + \ell_{i+1})}, \quad \ell = \log H

    and likewise y; at the border through the three outermost cells. The logarithm of a
    Gaussian is a parabola: of ``draw`` it is exact at any place on the image, where
    ``soft_argmax`` is drawn to the middle of its window. It never leaves the highest
    cell.

    Args:
      heatmaps: [..., h, w, K] float, h and w at least 3.
      stride: pixels a cell.

    Returns:
      Landmarks [..., K, 2] float32 in pixels, differentiable, and the highest value of
      each map [..., K] float32.

    Source: Zhang et al. 2020 (DARK), arXiv 1910.06278, with the curvature along the
    axes and no blur before.
    """
    maps, (row, column), score = _highest(heatmaps)
    *_, h, w = maps.shape
    if min(h, w) < 3:
        raise InputError(f'The heatmaps are {h}x{w}; give at least 3x3 cells.')
    on_row = jnp.take_along_axis(maps, row[..., None, None], axis=-2)[..., 0, :]
    on_column = jnp.take_along_axis(maps, column[..., None, None], axis=-1)[..., 0]

    def vertex(line, at):
        """Returns [..., K], of values on a line [..., K, n] with the highest at it."""
        first = jnp.clip(at - 1, 0, line.shape[-1] - 3)
        three = first[..., None] + _lead(jnp.arange(3), at.ndim)
        values = jnp.take_along_axis(line, three, axis=-1)
        values = values / jnp.where(score > 0, score, 1.0)[..., None]
        low, middle, high = jnp.moveaxis(jnp.log(jnp.maximum(values, _FAINT)), -1, 0)
        bend = low - 2 * middle + high
        round_ = bend < 0
        shift = 0.5 * (low - high) / jnp.where(round_, bend, 1.0)
        found = jnp.where(round_, first + 1 + shift, at.astype(jnp.float32))
        return jnp.clip(found, at - 0.5, at + 0.5)

    found = jnp.stack([vertex(on_row, column), vertex(on_column, row)], axis=-1)
    return to_pixels(found, stride), score


def soft_argmax(
    heatmaps: Array, stride: int, *, radius: int = 4, threshold: float = 1e-6
) -> tuple[Array, Array]:
    r"""Finds every landmark as the mean place around the highest cell, by value.

    .. math:: p = \frac{\sum_{c \in W} H(c)\, c}{\sum_{c \in W} H(c)}

    Its gradient reaches all cells of the window; the window itself is constant. Where
    ``floor`` or the border cuts the Gaussian it is off by a share of a cell.

    Args:
      heatmaps: [..., h, w, K] float.
      stride: pixels a cell.
      radius: of the window W, in cells.
      threshold: values up to it count as (nearly) nothing.

    Returns:
      Landmarks [..., K, 2] float32 in pixels, and the highest value of each map
      [..., K] float32.

    Source: Dong et al. 2018 (SBR), arXiv 1807.00966; TSAL, find_tensor_peak_batch, with
    the division of the index as it was meant.
    """
    maps, (row, column), score = _highest(heatmaps)
    *_, h, w = maps.shape
    down = _lead(jnp.arange(h), row.ndim) - row[..., None]  # [..., K, h]
    across = _lead(jnp.arange(w), row.ndim) - column[..., None]
    near = (jnp.abs(down) <= radius)[..., :, None]
    near &= (jnp.abs(across) <= radius)[..., None, :]
    # Everywhere else in the window, also outside of the map, lies the same next to
    # nothing: no direction, but a mean also where all is below the threshold.
    nothing = float(jnp.finfo(jnp.float64).eps)
    mass = jnp.where(near & (maps > threshold), maps - nothing, 0.0)
    total = mass.sum((-2, -1)) + nothing * (2 * radius + 1) ** 2
    x = column + (mass.sum(-2) * across).sum(-1) / total
    y = row + (mass.sum(-1) * down).sum(-1) / total
    return to_pixels(jnp.stack([x, y], axis=-1), stride), score


def centre_targets(
    landmarks: Array,
    visible: Array,
    size: Sequence[int],
    stride: int,
    centre: int,
    *,
    radius: int = 4,
) -> tuple[Array, Array, Array, Array]:
    """Draws what the centre-offset branch is taught.

    The centre is the cell nearest to one landmark, its map a Gaussian of sigma
    (2 radius + 1) / 6 cells, cut at the radius.

    Args:
      landmarks: [..., K, 2] float, pixels.
      visible: [..., K] bool.
      size: (h, w) of the maps, in cells.
      stride: pixels a cell.
      centre: number of the landmark that is the centre, such as the nose.
      radius: in cells.

    Returns:
      The centre map [..., h, w], exactly 1 at one cell; its (row, column) [..., 2]
      int32; the offsets from there [..., K, 2] in cells; and whether there is a centre
      [...] bool. Where it is not visible or outside, the map is 0.

    Source: TSAL, arXiv 2012.06711, as it is meant: the official code transposes the
    centre and mixes units.
    """
    at = to_cells(landmarks, stride)  # [..., K, 2], (x, y)
    middle = jnp.round(at[..., centre, :])
    limits = _lead(jnp.array(size[::-1]), middle.ndim - 1)
    there = jnp.all((middle >= 0) & (middle < limits), axis=-1)
    there &= jnp.asarray(visible, bool)[..., centre]
    middle = jnp.where(there[..., None], middle, 0.0)
    maps = draw(
        middle[..., None, :], there[..., None], size, 1, (2 * radius + 1) / 6, floor=0.0
    )[..., 0]
    reach = jnp.ones((), bool)
    for axis, length in enumerate(size):
        line = _lead(jnp.arange(length), there.ndim) - middle[..., 1 - axis, None]
        reach = reach & jnp.expand_dims(jnp.abs(line) <= radius, -1 - (axis == 1))
    cell = middle[..., ::-1].astype(jnp.int32)
    return jnp.where(reach, maps, 0.0), cell, at - middle[..., None, :], there


def offsets_at(offsets: Array, cell: Array) -> Array:
    """Reads the offsets [..., h, w, 2K] at a (row, column) [..., 2]: [..., K, 2]."""
    *lead, h, w, channels = offsets.shape
    flat = offsets.reshape(*lead, h * w, channels)
    index = (cell[..., 0] * w + cell[..., 1])[..., None, None]
    found = jnp.take_along_axis(flat, index, axis=-2)
    return found.reshape(*lead, channels // 2, 2)


def centre_candidates(
    centre: Array, offsets: Array, stride: int, *, top: int = 32
) -> tuple[Array, Array]:
    """Reads whole sets of landmarks at the peaks of the centre map.

    A peak is a cell that is the highest of the 3x3 around it.

    Args:
      centre: [..., h, w, 1] float logits.
      offsets: [..., h, w, 2K] float, x and y by turns, in cells from the centre.
      stride: pixels a cell.
      top: N, at most so many peaks; no more than h w.

    Returns:
      Candidates [..., N, K, 2] float32 in pixels, best first, and their probabilities
      [..., N] float32; 0 marks one that is no peak.

    Source: Zhou et al. 2019 (CenterNet), arXiv 1904.07850; TSAL, nosecenter_decode, in
    pixels throughout.
    """
    *lead, h, w, channels = offsets.shape
    probability = jax.nn.sigmoid(jnp.asarray(centre, jnp.float32)[..., 0])
    window = (1,) * len(lead) + (3, 3)
    highest = jax.lax.reduce_window(
        probability, -jnp.inf, jax.lax.max, window, (1,) * len(window), 'SAME'
    )
    peaks = jnp.where(probability == highest, probability, 0.0)
    score, index = jax.lax.top_k(peaks.reshape(*lead, h * w), min(top, h * w))
    flat = jnp.asarray(offsets, jnp.float32).reshape(*lead, h * w, channels)
    found = jnp.take_along_axis(flat, index[..., None], axis=-2)
    found = found.reshape(*found.shape[:-1], channels // 2, 2)
    at = jnp.stack([index % w, index // w], axis=-1)  # (x, y)
    return to_pixels(found + at[..., None, :], stride), score


def agree(candidates: Array, score: Array, landmarks: Array) -> tuple[Array, Array]:
    """Chooses the candidate that agrees best with landmarks of another source.

    Args:
      candidates: [..., N, K, 2] float, pixels.
      score: [..., N]; 0 is never chosen while there is another.
      landmarks: [..., K, 2] float, pixels.

    Returns:
      The nearest by the distance of all coordinates together [..., K, 2], and its
      number [...] int32.

    Source: TSAL, arXiv 2012.06711: agreement of a model's two sources of detection.
    """
    apart = jnp.sum((candidates - landmarks[..., None, :, :]) ** 2, axis=(-2, -1))
    choice = jnp.argmin(jnp.where(score > 0, apart, jnp.inf), axis=-1)
    chosen = jnp.take_along_axis(candidates, choice[..., None, None, None], axis=-3)
    return chosen[..., 0, :, :], choice.astype(jnp.int32)


def _highest(heatmaps: Array) -> tuple[Array, tuple[Array, Array], Array]:
    """Returns [..., K, h, w] float32, (row, column) and value of the highest cells."""
    maps = jnp.moveaxis(jnp.asarray(heatmaps, jnp.float32), -1, -3)
    flat = maps.reshape(*maps.shape[:-2], -1)
    index = jnp.argmax(flat, axis=-1)
    score = jnp.take_along_axis(flat, index[..., None], axis=-1)[..., 0]
    return maps, (index // maps.shape[-1], index % maps.shape[-1]), score


def _lead(x: Array, count: int) -> Array:
    """Returns x with so many leading axes of 1."""
    return x.reshape((1,) * count + x.shape)
