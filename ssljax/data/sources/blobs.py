"""Drawn hearts to segment: rings around a cavity, in pictures or volumes.

Source: after the small proofs that BCP (arXiv 2305.00673) and others ask for: textured
rings and ellipses with known masks; the drawing is our own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.generated import (
    Generated,
    are_integers,
    at_least,
    edge,
    integers,
    over,
)

CLASSES = ('background', 'wall', 'cavity')


class _Options(NamedTuple):
    size: tuple[int, ...]
    seed: int
    train: int  # rows with noisy masks, before the others
    clutter: int
    texture: float
    noise: float
    label_noise: float


def blobs(
    cases: int,
    size: tuple[int, ...] = (48, 48),
    *,
    validation: int = 0,
    test: int = 0,
    seed: int = 0,
    clutter: int = 4,
    texture: float = 0.06,
    noise: float = 0.06,
    label_noise: float = 0.0,
) -> Generated:
    """Draws one dented ring a picture, among blobs of the same greys that are none.

    Places, forms, greys and light differ between pictures. What is wall and what is
    cavity can be told from the form only, as clutter looks like either.

    Args:
      cases: to train on; each is one row.
      size: (H, W) or (Z, H, W), each at least 16.
      validation: rows behind these, to choose by.
      test: rows behind these, to test on; without both, ``data.load`` carves them out.
      seed: of everything.
      clutter: blobs of the wall's or the cavity's grey.
      texture: standard deviation of the background's grey.
      noise: standard deviation of each pixel's noise.
      label_noise: how much larger or smaller the training masks are than what is seen,
        at most, as a share of the radius, below 1. The others are exact.

    Returns:
      A Source of ``image`` [*size, 1] float32 in [0, 1], ``mask`` [*size] int32 of
      ``CLASSES``, and ``annotated`` [] bool, true.

    Raises:
      InputError: if a number is out of its range.
    """
    sides = spatial(size)
    integers(clutter=(clutter, 0), seed=(seed, 0))
    at_least(texture=(texture, 0), noise=(noise, 0), label_noise=(label_noise, 0))
    if label_noise >= 1:
        raise InputError(f'label_noise is {label_noise}; give a share below 1.')
    options = _Options(sides, seed, cases, clutter, texture, noise, label_noise)
    return parted(_row, options, cases, validation, test, CLASSES)


def _row(row: int, o: _Options) -> dict[str, np.ndarray]:
    random = np.random.default_rng([o.seed, row])
    d, side = len(o.size), min(o.size)
    sites = grid(o.size)
    far = np.array(o.size, np.float32)
    grey = random.uniform(0.35, 0.55)
    levels = grey + np.array([-1, 1]) * random.uniform(0.12, 0.28, 2)  # wall, cavity
    image = grey + waves(random, sites, (0.1 * side, 0.5 * side), o.texture)
    for _ in range(o.clutter):
        centre = random.uniform(0, 1, d) * far
        radii = random.uniform(0.05, 0.12, d) * side
        away = np.sqrt((((sites - centre) / radii) ** 2).sum(-1))
        image = over(
            image, edge((away - 1) * min(radii), 1.0), levels[random.choice(2)]
        )

    centre = (far - 1) / 2 + random.uniform(-0.15, 0.15, d) * far
    radii = random.uniform(0.2, 0.32, d) * side
    inner = random.uniform(0.5, 0.7)
    away = (sites - centre) / radii
    distance = np.sqrt((away**2).sum(-1))
    # Dents: a wavy function of the direction, [-1, 1]^d is where directions lie.
    direction = away / np.maximum(distance, 1e-3)[..., None]
    distance = distance / (1 + waves(random, direction, (0.8, 3.0), 0.08))
    for share, level in zip((1.0, inner), levels, strict=True):
        image = over(image, edge((distance - share) * min(radii), 1.0), level)
    told = 1.0
    if row < o.train:
        told += o.label_noise * random.uniform(-1, 1)
    mask = (distance < told).astype(np.int32) + (distance < told * inner)
    return {'image': lit(random, image, o.noise), 'mask': mask.astype(np.int32)}


def parted(draw, options, cases, validation, test, classes) -> Generated:
    """Returns a Source that ``data.read`` parts into so many rows each."""
    integers(cases=(cases, 1), validation=(validation, 0), test=(test, 0))
    part = np.repeat([0, 1, 2], [cases, validation, test]).astype(np.int32)
    columns = {'annotated': np.ones(len(part), bool), 'part': part}
    return Generated(draw, options, len(part), columns=columns, classes=classes)


def spatial(size: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the size of pictures or volumes as integers; refuses any other."""
    if not (are_integers(size, 2, 16) or are_integers(size, 3, 16)):
        raise InputError(
            f'size is {size}; give (H, W) or (Z, H, W), integers of at least 16.'
        )
    return tuple(map(int, size))


def grid(size: tuple[int, ...]) -> np.ndarray:
    """Returns [*size, axes] float32, every pixel's place along the axes."""
    axes = np.meshgrid(*map(np.arange, size), indexing='ij')
    return np.stack(axes, -1).astype(np.float32)


def waves(
    random: np.random.Generator,
    sites: np.ndarray,
    lengths: tuple[float, float],
    contrast: float,
    count: int = 8,
) -> np.ndarray:
    """Returns a texture [...] of mean 0 at sites [..., axes]: a sum of plane waves.

    Args:
      random: consumed.
      sites: of any coordinate system.
      lengths: the shortest and the longest wave, in its units.
      contrast: standard deviation.
      count: of waves.
    """
    d = sites.shape[-1]
    across = random.standard_normal((count, d))
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    length = np.exp(
        random.uniform(math.log(lengths[0]), math.log(lengths[1]), (count, 1))
    )
    rates = (2 * np.pi / length * across).astype(np.float32)
    phases = random.uniform(0, 2 * np.pi, count)
    made = np.zeros(sites.shape[:-1], np.float32)
    for rate, phase in zip(rates, phases, strict=True):
        made += np.sin(sites @ rate + np.float32(phase))
    return contrast * math.sqrt(2 / count) * made


def lit(random: np.random.Generator, image: np.ndarray, noise: float) -> np.ndarray:
    """Returns an image [*S] under uneven light, with noise: [*S, 1] in [0, 1]."""
    ramp = grid(image.shape) / np.array(image.shape, np.float32) - 0.5
    light = 1 + ramp @ random.uniform(-0.3, 0.3, image.ndim).astype(np.float32)
    grain = noise * random.standard_normal(image.shape, dtype=np.float32)
    return np.clip(image * light + grain, 0, 1).astype(np.float32)[..., None]
