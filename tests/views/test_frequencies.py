"""Low and high frequencies add up, and are what they are called."""

import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError


@pytest.mark.parametrize('shape', [(2, 9, 12, 3), (2, 6, 7, 10, 1)])
def test_the_sum_is_the_image(shape):
    images = np.random.default_rng(0).random(shape).astype(np.float32)
    low, high = views.split_frequencies(jnp.array(images), 0.1)
    np.testing.assert_allclose(low + high, images, rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        low.mean((1, 2)) if len(shape) == 4 else low.mean((1, 2, 3)),
        images.mean(tuple(range(1, len(shape) - 1))),
        atol=1e-6,
    )
    assert high.std() > 0.5 * images.std() > 0.5 * low.std()


@pytest.mark.parametrize('cycles', [(2, 0), (0, 3), (4, 5)])
def test_a_wave_keeps_its_share(cycles):
    y, x = np.mgrid[:16, :20]
    rates = cycles[0] / 16, cycles[1] / 20
    wave = np.cos(2 * np.pi * (rates[0] * y + rates[1] * x)).astype(np.float32)
    low, _ = views.split_frequencies(jnp.array(wave)[None, ..., None], 0.2)
    share = np.exp(-(rates[0] ** 2 + rates[1] ** 2) / (2 * 0.2**2))
    np.testing.assert_allclose(low[0, ..., 0], share * wave, atol=1e-5)


def test_a_cutoff_out_of_range():
    with pytest.raises(InputError, match='cutoff is 0.5'):
        views.split_frequencies(jnp.zeros((1, 4, 4, 1)), 0.5)


def test_standardize():
    image = 7 + 3 * np.random.default_rng(0).random((4, 5, 6, 1)).astype(np.float32)
    view = views.standardize()
    got = view(None, {'image': image})['image']
    np.testing.assert_allclose([got.mean(), got.std()], [0, 1], atol=1e-4)
    np.testing.assert_array_equal(
        view(None, {'image': np.full((4, 4, 1), 0.3, np.float32)})['image'], 0
    )
