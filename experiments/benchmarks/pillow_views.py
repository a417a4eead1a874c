"""FixMatch's pairs of views as loaders make them: Pillow, an image at a time."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from ssljax.views.randaugment import POOLS

AFFINE = Image.Transform.AFFINE

PILLOW = {
    'AutoContrast': lambda i, v: ImageOps.autocontrast(i),
    'Brightness': lambda i, v: ImageEnhance.Brightness(i).enhance(v),
    'Color': lambda i, v: ImageEnhance.Color(i).enhance(v),
    'Contrast': lambda i, v: ImageEnhance.Contrast(i).enhance(v),
    'Equalize': lambda i, v: ImageOps.equalize(i),
    'Identity': lambda i, v: i,
    'Posterize': lambda i, v: ImageOps.posterize(i, int(v)),
    'Rotate': lambda i, v: i.rotate(v),
    'Sharpness': lambda i, v: ImageEnhance.Sharpness(i).enhance(v),
    'ShearX': lambda i, v: i.transform(i.size, AFFINE, (1, v, 0, 0, 1, 0)),
    'ShearY': lambda i, v: i.transform(i.size, AFFINE, (1, 0, 0, v, 1, 0)),
    'Solarize': lambda i, v: ImageOps.solarize(i, v),
    'TranslateX': lambda i, v: i.transform(
        i.size, AFFINE, (1, 0, v * i.size[0], 0, 1, 0)
    ),
    'TranslateY': lambda i, v: i.transform(
        i.size, AFFINE, (1, 0, 0, 0, 1, v * i.size[1])
    ),
}


def weak_by_pillow(image: np.ndarray) -> np.ndarray:
    """Crops and flips; numpy's slices, which are faster than Pillow's."""
    side = image.shape[0]
    pad = side // 8
    image = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode='reflect')
    y, x = random.randint(0, 2 * pad), random.randint(0, 2 * pad)
    image = image[y : y + side, x : x + side]
    return image[:, ::-1] if random.random() < 0.5 else image


def strong_by_pillow(image: np.ndarray) -> np.ndarray:
    """Crops, flips, two operations and a hole."""
    picture = Image.fromarray(np.ascontiguousarray(weak_by_pillow(image)))
    for name, (low, high) in random.choices(
        list(POOLS['fixmatch'].ranges.items()), k=2
    ):
        picture = PILLOW[name](picture, low + (high - low) * random.random())
    width, height = picture.size
    side = random.random() * 0.5 * width
    x0 = int(max(0, random.random() * width - side / 2))
    y0 = int(max(0, random.random() * height - side / 2))
    corners = (x0, y0, min(width, x0 + side), min(height, y0 + side))
    ImageDraw.Draw(picture).rectangle(corners, (125, 123, 114))
    return np.asarray(picture)


def by_pillow(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a batch as floats."""
    pairs = [(weak_by_pillow(x), strong_by_pillow(x)) for x in images]
    return tuple(np.stack(x).astype(np.float32) / 255 for x in zip(*pairs, strict=True))
