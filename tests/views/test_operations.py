"""Every operation of the policies against Pillow's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from ssljax.views import levels, operations


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('name', [*operations.TONES, *operations.MOVES])
def test_each_operation_is_pillows(name, channels, pillow, pictures):
    reference, (low, high) = pillow[name]
    images = pictures((17, 24, channels))
    magnitudes = np.random.default_rng(1).uniform(low, high, len(images))
    magnitudes = magnitudes.astype(np.float32)

    def one(image, magnitude):
        pixels = levels.planes(image)
        if name in operations.MOVES:
            source = operations.MOVES[name](magnitude, pixels.shape[1:])
            return operations.moved(pixels, source)
        return operations.TONES[name](pixels, magnitude, jnp.zeros(2))

    got = jax.jit(lambda *rows: jax.lax.map(lambda row: one(*row), rows))(
        images, magnitudes
    )
    assert got.dtype == jnp.uint8
    for image, magnitude, pixels in zip(images, magnitudes, got, strict=True):
        given = Image.fromarray(image.squeeze())
        want = np.asarray(reference(given, float(magnitude))).reshape(image.shape)
        error = np.abs(np.moveaxis(np.array(pixels), 0, -1).astype(int) - want)
        if name == 'AutoContrast':
            # Whole numbers that Pillow's product in double falls short of.
            assert error.max() <= 1
        else:
            assert error.max() == 0


@pytest.mark.parametrize('name', ['SMOOTH', 'BLUR'])
def test_filters_are_pillows(name, pictures):
    run = jax.jit(getattr(levels, name.lower()))
    for image in pictures((9, 12, 3))[::8]:
        want = Image.fromarray(image).filter(getattr(ImageFilter, name))
        got = run(levels.planes(image))
        np.testing.assert_array_equal(np.moveaxis(np.array(got), 0, -1), want)
    for shape in ((2, 2, 1), (6, 3, 1)):  # none of which a 5x5 ring fits
        tiny = levels.planes(pictures(shape)[0])
        np.testing.assert_array_equal(levels.blur(tiny), tiny)


def test_levels_and_floats_turn_into_each_other(pictures):
    image = pictures((8, 8, 3))[0]
    np.testing.assert_array_equal(
        levels.planes(levels.image(levels.planes(image))), np.moveaxis(image, -1, 0)
    )
    beyond = jnp.array([[[-1.0], [0.5]], [[1.0], [7.0]]])
    np.testing.assert_array_equal(levels.planes(beyond)[0], [[0, 128], [255, 255]])


def test_the_hole_is_the_square_that_pillow_draws():
    rng = np.random.default_rng(0)
    pixels = jnp.full((3, 12, 16), 9, jnp.uint8)
    cut = jax.jit(
        lambda side, place: operations.filled(
            pixels, operations.hole(side, place, (12, 16)), (125, 123, 114)
        )
    )
    for side, *place in rng.random((32, 3)).astype(np.float32) * np.array([9, 1, 1]):
        x0 = int(max(0, place[0] * 16 - side / 2))
        y0 = int(max(0, place[1] * 12 - side / 2))
        want = Image.new('RGB', (16, 12), (9, 9, 9))
        corners = (x0, y0, int(min(16, x0 + side)), int(min(12, y0 + side)))
        ImageDraw.Draw(want).rectangle(corners, (125, 123, 114))
        got = cut(np.float32(side), np.array(place, np.float32))
        np.testing.assert_array_equal(np.moveaxis(np.array(got), 0, -1), want)
    np.testing.assert_array_equal(cut(np.float32(0), np.zeros(2, np.float32)), pixels)
