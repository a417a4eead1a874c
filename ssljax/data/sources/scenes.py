"""What generated pictures have behind and before what they are about.

A background of waves and clutter drifts; something may pass before everything; light
differs over the image and changes with time. All motions are known exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssljax.data.sources import generated
from ssljax.data.sources.generated import Waves, at, edge, over, path, stroke, waves


class Scene(NamedTuple):
    """What is drawn behind and before, over T frames."""

    waves: Waves  # the texture behind
    grey: float
    shift: np.ndarray  # [T, 2] pixels, of all that lies behind
    strokes: np.ndarray  # [clutter, 6] begin, end, width, grey
    cover: np.ndarray | None  # [3] half sides and grey of what passes, if it does
    passing: np.ndarray  # [T, 2] its centre
    stuff: Waves  # its texture


def scene(
    random: np.random.Generator,
    size: tuple[int, int],
    *,
    frames: int = 1,
    speed: float = 0.0,
    texture: float = 0.06,
    clutter: int = 0,
    occluded: float = 0.0,
) -> Scene:
    """Draws a scene.

    Args:
      random: consumed.
      size: (H, W).
      frames: T.
      speed: of what passes, in pixels a frame at 48 pixels; half of it behind.
      texture: standard deviation of the textures.
      clutter: strokes and discs behind.
      occluded: probability that something passes.
    """
    side, far = min(size), np.array(size[::-1])
    step = speed * side / 48
    drift = at(path(random, (2,), 0.5 * step), frames)
    begin = random.uniform(-0.2, 1.2, (clutter, 2)) * far
    length = random.choice([0.0, 1.0], (clutter, 1)) * 0.25 * side
    angle = random.uniform(0, np.pi, clutter)
    end = begin + length * np.stack([np.cos(angle), np.sin(angle)], -1)
    width = random.uniform(0.03, 0.12, (clutter, 1)) * side
    grey = random.uniform(0, 1, (clutter, 1))
    covers = random.random() < occluded
    half = random.uniform(0.1, 0.22, 2) * side
    middle = (far - 1) / 2 + random.uniform(-0.25, 0.25, 2) * side
    return Scene(
        waves(random, 0.1 * side, 0.5 * side, texture),
        random.uniform(0.2, 0.8),
        drift,
        np.concatenate([begin, end, width, grey], 1),
        np.array([*half, random.uniform(0, 1)]) if covers else None,
        middle + at(path(random, (2,), step), frames),
        waves(random, 0.1 * side, 0.5 * side, texture),
    )


def behind(made: Scene, sites: np.ndarray, t: int = 0) -> np.ndarray:
    """Returns the grey [H, W] of the background in frame t at sites [H, W, 2]."""
    moved = sites - made.shift[t].astype(sites.dtype)
    image = made.grey + generated.texture(made.waves, moved)
    for a, b, c, d, width, grey in made.strokes:
        image = over(image, stroke(moved, (a, b), (c, d), width, 1.0), grey)
    return image


def cover(made: Scene, sites: np.ndarray, t: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns how much of each site [..., 2] is covered in frame t, and by what grey.

    What passes is an upright rectangle; without it nothing is covered.
    """
    if made.cover is None:
        return np.zeros(sites.shape[:-1], sites.dtype), np.zeros((), sites.dtype)
    moved = sites - made.passing[t].astype(sites.dtype)
    share = edge((np.abs(moved) - made.cover[:2].astype(sites.dtype)).max(-1), 1.0)
    return share, made.cover[2] + generated.texture(made.stuff, moved)


def lit(
    random: np.random.Generator, images: np.ndarray, lighting: float, noise: float
) -> np.ndarray:
    """Returns images [T, H, W, ...] under another light, with noise, in [0, 1].

    Args:
      random: consumed.
      images: of a clip, float32.
      lighting: share by which light differs over the image and between frames.
      noise: standard deviation, of each pixel of each frame.
    """
    frames, height, width, *rest = images.shape
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope = random.uniform(-1, 1, 3) + at(path(random, (3,), 0.05), frames)
    a, b, c = (lighting * slope.T[..., None, None]).astype(np.float32) / 2
    light = (1 + a * x + b * y + c).reshape(frames, height, width, *(1 for _ in rest))
    grain = noise * random.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images * light + grain, 0, 1).astype(np.float32)
