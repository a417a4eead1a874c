"""What views are held against: Pillow, and pictures of all kinds."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

AFFINE = Image.Transform.AFFINE
PILLOW = {
    'AutoContrast': (lambda i, v: ImageOps.autocontrast(i), (0, 1)),
    'Brightness': (lambda i, v: ImageEnhance.Brightness(i).enhance(v), (0, 2)),
    'Color': (lambda i, v: ImageEnhance.Color(i).enhance(v), (0, 2)),
    'Contrast': (lambda i, v: ImageEnhance.Contrast(i).enhance(v), (0, 2)),
    'Equalize': (lambda i, v: ImageOps.equalize(i), (0, 1)),
    'Identity': (lambda i, v: i, (0, 1)),
    'Invert': (lambda i, v: ImageOps.invert(i), (0, 1)),
    'Posterize': (lambda i, v: ImageOps.posterize(i, int(v)), (1, 8.9)),
    'Rotate': (lambda i, v: i.rotate(v), (-45, 45)),
    'Sharpness': (lambda i, v: ImageEnhance.Sharpness(i).enhance(v), (0, 2)),
    'ShearX': (lambda i, v: i.transform(i.size, AFFINE, (1, v, 0, 0, 1, 0)), (-1, 1)),
    'ShearY': (lambda i, v: i.transform(i.size, AFFINE, (1, 0, 0, v, 1, 0)), (-1, 1)),
    'Solarize': (lambda i, v: ImageOps.solarize(i, v), (0, 256)),
    'TranslateX': (
        lambda i, v: i.transform(i.size, AFFINE, (1, 0, v * i.size[0], 0, 1, 0)),
        (-0.6, 0.6),
    ),
    'TranslateY': (
        lambda i, v: i.transform(i.size, AFFINE, (1, 0, 0, 0, 1, v * i.size[1])),
        (-0.6, 0.6),
    ),
}
ROWS = 24


def _pictures(shape, seed=0):
    """Smooth and rough, bright and dark ones, one of a single colour."""
    rng = np.random.default_rng(seed)
    mean, spread = rng.uniform(20, 230, ROWS), rng.uniform(2, 80, ROWS)
    shape = (ROWS, *shape)
    noise = rng.normal(size=shape) * spread[:, None, None, None]
    found = np.clip(mean[:, None, None, None] + noise, 0, 255).astype(np.uint8)
    found[-1] = 93
    return found


@pytest.fixture(scope='session')
def pillow():
    """Pillow's operations by name: ``(function (image, magnitude), range)``."""
    return PILLOW


@pytest.fixture(scope='session')
def pictures():
    """``pictures((H, W, channels))`` -> [24, H, W, channels] uint8."""
    return _pictures
