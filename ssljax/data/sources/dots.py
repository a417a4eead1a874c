"""Drawn dots to count, among things that are none.

Source: after the small proof that TreeFormer (arXiv 2307.06118) asks for: 0 to 60 blobs
on texture; the drawing is our own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssljax.data.sources import generated, scenes
from ssljax.data.sources.generated import (
    Generated,
    at_least,
    integers,
    over,
    sides,
    stroke,
)


class _Options(NamedTuple):
    size: tuple[int, int]
    most: int
    seed: int
    clutter: int
    texture: float
    noise: float


def dots(
    rows: int,
    size: tuple[int, int] = (64, 64),
    *,
    most: int = 60,
    seed: int = 0,
    clutter: int = 6,
    texture: float = 0.06,
    noise: float = 0.03,
) -> Generated:
    """Draws dots, scattered or in clumps, light or dark against what lies behind.

    Dots of a picture are alike up to a third in size and grey; between pictures they
    differ, as numbers and clumps do. Strokes and discs are no dots, though three discs
    in five have the size of one.

    Args:
      rows: of the Source, at least 1.
      size: (H, W), each at least 16.
      most: M, at least 1; numbers of dots are uniform from 0 to M.
      seed: of everything, at least 0.
      clutter: strokes and discs that do not count, at least 0.
      texture: standard deviation of the background's grey, at least 0.
      noise: standard deviation of each pixel's noise, at least 0.

    Returns:
      A Source of ``image`` [H, W, 1] float32 in [0, 1], ``points`` [M, 2] float32
      (x, y) in pixels, the dots first and then zeros, ``valid`` [M] bool, ``count``
      [] float32 and ``annotated`` [] bool, true.

    Raises:
      InputError: if a number is no integer where one is asked for, or out of its
        range.
    """
    integers(rows=(rows, 1), most=(most, 1), seed=(seed, 0), clutter=(clutter, 0))
    at_least(texture=(texture, 0), noise=(noise, 0))
    options = _Options(sides(size), most, seed, clutter, texture, noise)
    columns = {'annotated': np.ones(rows, bool)}
    return Generated(_row, options, rows, columns=columns)


def _row(row: int, o: _Options) -> dict[str, np.ndarray]:
    random = np.random.default_rng([o.seed, row])
    scene = scenes.scene(random, o.size, texture=o.texture, clutter=o.clutter)
    sites = generated.pixels(o.size)
    image = scenes.behind(scene, sites)
    count = int(random.integers(0, o.most + 1))
    points = np.zeros((o.most, 2), np.float32)
    points[:count] = _places(random, count, o.size)
    sign = 1 if scene.grey < 0.5 else -1
    grey = scene.grey + sign * random.uniform(0.2, 0.5)
    width = random.uniform(2.0, 4.5)
    for point in points[:count]:
        own_width = width * random.uniform(0.8, 1.2)
        own_grey = grey + random.uniform(-0.07, 0.07)
        # A dot touches few pixels: the others are left alone.
        x, y = np.floor(point).astype(int)
        near = np.s_[max(y - 4, 0) : y + 6, max(x - 4, 0) : x + 6]
        disc = stroke(sites[near], point, point, own_width, 1.0)
        image[near] = over(image[near], disc, own_grey)
    return {
        'image': scenes.lit(random, image[None], 0.2, o.noise)[0][..., None],
        'points': points,
        'valid': np.arange(o.most) < count,
        'count': np.float32(count),
    }


def _places(
    random: np.random.Generator, count: int, size: tuple[int, int]
) -> np.ndarray:
    """[count, 2] in the image, in up to 4 clumps and between them."""
    far = np.array(size[::-1])
    centres = random.uniform(0.15, 0.85, (4, 2)) * far
    clumped = random.random(count) < random.random()
    own = centres[random.integers(0, random.integers(1, 5), count)]
    tight = own + random.normal(0, 0.1 * min(size), (count, 2))
    loose = random.uniform(0, far, (count, 2)) - 0.5
    # Kept off the edge by half a pixel: what is cut off is still seen.
    return np.clip(np.where(clumped[:, None], tight, loose), 0, far - 1)
