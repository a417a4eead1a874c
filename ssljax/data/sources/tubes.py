"""Drawn vessels to segment: thin branching tubes, in pictures or volumes.

Source: after the small proof that DS6 (arXiv 2006.10802) asks for: random trees of
width 1 to 3 with imperfect labels; the drawing is our own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssljax.data.sources.blobs import grid, lit, parted, spatial, waves
from ssljax.data.sources.generated import (
    Generated,
    at_least,
    edge,
    integers,
    over,
    within,
)

CLASSES = ('background', 'vessel')


class _Options(NamedTuple):
    size: tuple[int, ...]
    seed: int
    train: int  # rows with noisy masks, before the others
    trees: int
    noise: float
    label_noise: float


def tubes(
    cases: int,
    size: tuple[int, ...] = (64, 64),
    *,
    validation: int = 0,
    test: int = 0,
    seed: int = 0,
    trees: int = 3,
    noise: float = 0.08,
    label_noise: float = 0.0,
) -> Generated:
    """Draws trees of bright tubes that enter at the border and branch.

    Args:
      cases: to train on; each is one row.
      size: (H, W) or (Z, H, W), each at least 16.
      validation: rows behind these, to choose by.
      test: rows behind these, to test on; without both, ``data.load`` carves them out.
      seed: of everything.
      trees: in each picture.
      noise: standard deviation of each pixel's noise.
      label_noise: probability in [0, 1] that a training mask lacks a branch; and that
        the mask as a whole is half a pixel to one pixel too thick. The others are
        exact.

    Returns:
      A Source of ``image`` [*size, 1] float32 in [0, 1], ``mask`` [*size] int32 of
      ``CLASSES``, and ``annotated`` [] bool, true.

    Raises:
      InputError: if a number is out of its range.
    """
    sides = spatial(size)
    integers(trees=(trees, 1), seed=(seed, 0))
    at_least(noise=(noise, 0))
    within(label_noise=(label_noise, 0, 1))
    options = _Options(sides, seed, cases, trees, noise, label_noise)
    return parted(_row, options, cases, validation, test, CLASSES)


def _row(row: int, o: _Options) -> dict[str, np.ndarray]:
    random = np.random.default_rng([o.seed, row])
    side = min(o.size)
    grey = random.uniform(0.2, 0.4)
    image = grey + waves(random, grid(o.size), (0.1 * side, 0.5 * side), 0.04)
    bright = grey + random.uniform(0.25, 0.4)
    # To the nearest tube's surface, below 0 inside: of all tubes, and of those told.
    true = np.full(o.size, np.float32(9))
    told = true.copy()
    wrong = np.random.default_rng([o.seed, row, 1])
    share = o.label_noise if row < o.train else 0.0
    for _ in range(o.trees):
        for depth, points, radius in _tree(random, o.size):
            place, distance = _around(points, o.size)
            true[place] = np.minimum(true[place], distance - radius)
            if depth == 0 or wrong.random() >= share:
                told[place] = np.minimum(told[place], distance - radius)
    thicker = wrong.uniform(0.5, 1) if wrong.random() < share else 0.0
    image = over(image, edge(true, 1.0), bright)
    mask = (told < thicker).astype(np.int32)
    return {'image': lit(random, image, o.noise), 'mask': mask}


def _tree(random: np.random.Generator, size: tuple[int, ...]):
    """Yields the branches of a tree: depth, points [n, axes] and radius."""
    d, side = len(size), min(size)
    axis, high = random.integers(d), random.integers(2)
    start = random.uniform(0.15, 0.85, d) * np.array(size)
    start[axis] = high * (size[axis] - 1)
    towards = 0.4 * random.standard_normal(d)
    towards[axis] = 1 - 2 * high
    waiting = [(0, start, towards, random.uniform(1.0, 1.5))]
    while waiting:
        depth, point, towards, radius = waiting.pop()
        points = []
        for _ in range(int(random.uniform(0.3, 0.6) * side / 0.5)):
            towards = towards + 0.12 * random.standard_normal(d)
            towards = towards / np.linalg.norm(towards)
            point = point + 0.5 * towards  # half a pixel: no gaps
            points.append(point)
        yield depth, np.array(points), radius
        if depth < 2:
            for _ in range(2):
                turned = towards + 0.7 * random.standard_normal(d)
                thinner = max(0.75 * radius, 0.6)
                waiting.append((depth + 1, point, turned, thinner))


def _around(points: np.ndarray, size: tuple[int, ...]):
    """Returns a box around points [n, axes], and how far its pixels are from them."""
    low = np.clip(np.floor(points.min(0)).astype(int) - 3, 0, size)
    high = np.clip(np.ceil(points.max(0)).astype(int) + 4, 0, size)
    squares = np.float32(0)
    for axis in range(len(size)):
        along = np.arange(low[axis], high[axis]) - points[:, axis : axis + 1]
        shape = [len(points), *(-1 if a == axis else 1 for a in range(len(size)))]
        squares = squares + (along.astype(np.float32) ** 2).reshape(shape)
    place = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return place, np.sqrt(squares.min(0, initial=81))
