"""Colour functions against Pillow, within one grey level, and closed forms."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage

from ssljax.views import colour

SAME = {  # by Pillow's name: ours, and magnitudes in Pillow's units for ours
    'AutoContrast': (lambda x, v: colour.autocontrast(x)),
    'Brightness': colour.brightness,
    'Color': colour.saturation,
    'Contrast': colour.contrast,
    'Equalize': (lambda x, v: colour.equalize(x)),
    'Invert': (lambda x, v: colour.invert(x)),
    'Posterize': colour.posterize,
    'Sharpness': colour.sharpness,
    'Solarize': (lambda x, v: colour.solarize(x, v / 255)),
}


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('name', SAME)
def test_each_function_is_pillows_within_a_level(name, channels, pillow, pictures):
    reference, (low, high) = pillow[name]
    images = pictures((17, 24, channels))
    magnitudes = np.random.default_rng(1).uniform(low, high, len(images))
    if name == 'Solarize':
        magnitudes = np.floor(magnitudes)
    run = jax.jit(lambda rows: jax.lax.map(lambda row: SAME[name](*row), rows))
    got = run((images.astype(np.float32) / 255, magnitudes.astype(np.float32)))
    for image, magnitude, mine in zip(images, magnitudes, got, strict=True):
        given = Image.fromarray(image.squeeze())
        want = np.asarray(reference(given, float(magnitude))).reshape(image.shape)
        assert np.abs(np.round(np.array(mine) * 255) - want).max() <= 1
        assert mine.min() >= 0 and mine.max() <= 1


def test_grayscale_is_pillows(pictures):
    image = pictures((8, 9, 3))[0]
    want = np.asarray(ImageOps.grayscale(Image.fromarray(image)))
    got = np.array(colour.grayscale(image.astype(np.float32) / 255)) * 255
    for channel in range(3):
        assert np.abs(got[..., channel] - want).max() <= 0.51


def test_hue_is_exact_and_near_pillows(pictures):
    image = pictures((6, 7, 3))[3]
    floats = image.astype(np.float32) / 255
    got = np.array(jax.jit(colour.hue)(floats, 0.2))
    for y, x in np.ndindex(6, 7):
        h, s, v = colorsys.rgb_to_hsv(*floats[y, x].astype(float))
        want = colorsys.hsv_to_rgb((h + 0.2) % 1, s, v)
        np.testing.assert_allclose(got[y, x], want, atol=1e-5)
    h, s, v = np.moveaxis(np.asarray(Image.fromarray(image).convert('HSV')), -1, 0)
    turned = np.stack([h + np.uint8(51), s, v], axis=-1)
    pillow = np.asarray(Image.fromarray(turned, 'HSV').convert('RGB')) / 255
    assert np.abs(got - pillow).max() < 0.03
    np.testing.assert_allclose(colour.hue(floats, 1.0), floats, atol=1e-5)
    np.testing.assert_array_equal(colour.hue(floats[..., :1], 0.3), floats[..., :1])


@pytest.mark.parametrize('sigma', [0.1, 0.8, 2.5])
def test_blur_is_a_gaussian(sigma, pictures):
    image = pictures((12, 15, 3))[2].astype(np.float32) / 255
    want = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode='nearest')
    got = jax.jit(colour.gaussian_blur)(image, sigma)
    np.testing.assert_allclose(got, want, atol=2e-4)


@pytest.mark.parametrize(
    'change', [colour.brightness, colour.contrast, colour.saturation, colour.sharpness]
)
def test_factor_one_is_the_identity(change, pictures):
    image = jnp.asarray(pictures((8, 8, 3))[1], jnp.float32) / 255
    np.testing.assert_allclose(change(image, 1.0), image, atol=1e-6)
