"""Rows that are computed when they are asked for, and what pictures are drawn with.

Colours are grey levels in [0, 1], coordinates (x, y) as in ``ssljax.views.warp``. The
drawing functions take sites [..., 2] of any coordinate system, so that what is drawn
can lie on something that moves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.arrays import content_hash


class Generated:
    """A Source whose row i is ``draw(i, options)``.

    Args:
      draw: ``(row, options) -> {field: array}``, pure, of the top level of a module.
      options: all that it depends on besides the row.
      rows: how many there are.
      columns: fields [rows, ...] that are known without drawing.
      classes: names of the classes, of labels or of masks.
    """

    def __init__(
        self,
        draw: Callable[[int, Any], dict[str, np.ndarray]],
        options: Any,
        rows: int,
        *,
        columns: Mapping[str, np.ndarray] | None = None,
        classes: tuple[str, ...] | None = None,
    ):
        self.classes = classes
        self.draw, self.options, self.rows = draw, options, rows
        self._columns = dict(columns or {})

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """What is known without drawing."""
        return self._columns

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        row = range(self.rows)[row]  # as a list: -1 is the last, and the end is one
        own = {name: value[row] for name, value in self._columns.items()}
        return self.draw(row, self.options) | own

    def name(self, row: int) -> str:
        """Returns its number."""
        return str(row)

    def fingerprint(self) -> str:
        """Returns the sha256 of what is drawn, with which options, and of a row."""
        digest = hashlib.sha256(content_hash(self[0]).encode())
        # The first row shows a change of the drawing, the options that of all others.
        said = f'{self.draw.__qualname__} {self.rows} {self.options}'
        digest.update(said.encode())
        return digest.hexdigest()


class Waves(NamedTuple):
    """A texture without an end: plane waves, as smooth as the shortest of them."""

    frequencies: np.ndarray  # [n, 2] radians a unit
    phases: np.ndarray  # [n]
    heights: np.ndarray  # [n]


def waves(
    random: np.random.Generator,
    shortest: float,
    longest: float,
    contrast: float,
    count: int = 8,
) -> Waves:
    """Draws plane waves of all directions.

    Args:
      random: consumed.
      shortest: wavelength, in units of the sites; on pixels at least 2.
      longest: wavelength.
      contrast: standard deviation of the texture.
      count: n.
    """
    lengths = np.exp(random.uniform(np.log(shortest), np.log(longest), count))
    angles = random.uniform(0, 2 * np.pi, count)
    across = np.stack([np.cos(angles), np.sin(angles)], -1)
    frequencies = across * (2 * np.pi / lengths)[:, None]
    heights = contrast * np.sqrt(2 / count) * np.ones(count)
    return Waves(frequencies, random.uniform(0, 2 * np.pi, count), heights)


def texture(made: Waves, sites: np.ndarray) -> np.ndarray:
    """Returns the waves' sum at sites [..., 2], of mean 0, in the sites' type."""
    result = np.zeros(sites.shape[:-1], sites.dtype)
    for (x, y), phase, height in zip(
        *(a.astype(sites.dtype) for a in made), strict=True
    ):
        result += height * np.sin(x * sites[..., 0] + y * sites[..., 1] + phase)
    return result


def stroke(
    sites: np.ndarray,
    begin: Sequence[float] | np.ndarray,
    end: Sequence[float] | np.ndarray,
    width: float,
    soft: float,
) -> np.ndarray:
    """Returns how much of each site a straight stroke with round ends covers.

    Args:
      sites: [..., 2].
      begin: [2]; with ``end`` the same it is a disc.
      end: [2].
      width: of the stroke, in units of the sites.
      soft: over which its edge fades: a pixel, in units of the sites.

    Returns:
      [...] in [0, 1].
    """
    x, y = (sites[..., k] - sites.dtype.type(begin[k]) for k in (0, 1))
    u, v = (float(e) - float(b) for b, e in zip(begin, end, strict=True))
    along = np.clip((x * u + y * v) / max(u * u + v * v, 1e-12), 0, 1)
    x -= along * u
    y -= along * v
    return edge(np.sqrt(x * x + y * y) - width / 2, soft)


def ellipse(
    sites: np.ndarray, centre: np.ndarray, radii: np.ndarray, soft: float
) -> np.ndarray:
    """Returns how much of each site [..., 2] an upright ellipse covers, in [0, 1]."""
    x, y = ((sites[..., k] - float(centre[k])) / float(radii[k]) for k in (0, 1))
    return edge((np.sqrt(x * x + y * y) - 1) * float(min(radii)), soft)


def edge(distance: np.ndarray, soft: float) -> np.ndarray:
    """Returns 1 inside, 0 outside, fading over ``soft`` where the distance is 0."""
    return np.clip(0.5 - distance / soft, 0, 1)


def over(image: np.ndarray, cover: np.ndarray, level: Any) -> np.ndarray:
    """Paints a level, a number or an array, over an image where ``cover`` is 1."""
    return image + cover * (level - image)


class Path(NamedTuple):
    """A number that changes smoothly with time: two slow waves."""

    rates: np.ndarray  # [..., 2] radians a frame
    phases: np.ndarray  # [..., 2]
    heights: np.ndarray  # [..., 2]


def path(
    random: np.random.Generator, shape: tuple[int, ...], speed: float | np.ndarray
) -> Path:
    """Draws paths of a mean square speed, with periods of 12 to 40 frames.

    Args:
      random: consumed.
      shape: of the numbers.
      speed: root mean square of their change a frame; leading axes of ``shape``.
    """
    rates = 2 * np.pi / random.uniform(12, 40, (*shape, 2))
    heights = np.asarray(speed)[..., None] / rates
    return Path(rates, random.uniform(0, 2 * np.pi, (*shape, 2)), heights)


def at(paths: Path, frames: int) -> np.ndarray:
    """Returns [frames, ...], the numbers at times 0, 1, ..."""
    time = np.arange(frames).reshape(-1, *(1,) * paths.rates.ndim)
    return (paths.heights * np.sin(paths.rates * time + paths.phases)).sum(-1)


def pixels(size: tuple[int, int]) -> np.ndarray:
    """Returns [H, W, 2] float32, (x, y) of every pixel."""
    return np.stack(np.meshgrid(*map(np.arange, size[::-1])), -1).astype(np.float32)


def at_least(**numbers: tuple[float, float]) -> None:
    """Refuses numbers below what each must be at least: name=(number, least)."""
    for name, (number, least) in numbers.items():
        if not isinstance(number, Real) or not number >= least:
            raise InputError(f'{name} is {number}; give at least {least}.')


def within(**numbers: tuple[float, float, float]) -> None:
    """Refuses numbers outside of what each can be: name=(number, least, most)."""
    for name, (number, least, most) in numbers.items():
        if not isinstance(number, Real) or not least <= number <= most:
            raise InputError(f'{name} is {number}; give {least} to {most}.')


def integers(**numbers: tuple[int, int]) -> None:
    """Refuses what is no integer of at least so much: name=(number, least)."""
    for name, (number, least) in numbers.items():
        if not are_integers([number], 1, least):
            raise InputError(
                f'{name} is {number}; give an integer of at least {least}.'
            )


def sides(size: Any) -> tuple[int, int]:
    """Returns (H, W) as integers; refuses any other, and below 16."""
    if not are_integers(size, 2, 16):
        raise InputError(
            f'size is {size}; give (H, W) or HxW, integers of at least 16.'
        )
    height, width = size
    return int(height), int(width)


def are_integers(values: Any, count: int, least: int) -> bool:
    """Returns whether values are so many integers of at least so much each."""
    try:
        found = tuple(values)
    except TypeError:  # a number by itself
        return False
    # True is an integer to Python, but nobody means 1 by it.
    return len(found) == count and all(
        isinstance(x, Integral) and not isinstance(x, bool) and int(x) >= least
        for x in found
    )
