"""Types of images: bytes become floats once, and floats are left alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

BYTES = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
KEY = jax.random.key(0)


def test_bytes_become_floats_in_the_unit_interval():
    example = {'image': BYTES, 'label': 1}
    got = jax.jit(views.to_float())(KEY, example)
    assert got['image'].dtype == jnp.float32 and got['label'] == 1
    np.testing.assert_allclose(got['image'], BYTES / 255, rtol=1e-6)
    again = views.to_float()(KEY, got)
    np.testing.assert_array_equal(again['image'], got['image'])
    low = views.as_float(jnp.zeros((2, 2, 1), jnp.bfloat16))
    assert low.dtype == jnp.bfloat16
    with pytest.raises(InputError, match='int32'):
        views.as_float(np.zeros((2, 2, 1), np.int32))


@pytest.mark.parametrize(
    'mean, std', [(0.5, 0.25), ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)), (0.5, (1, 2, 4))]
)
def test_normalize_works_on_channels(mean, std):
    got = jax.jit(views.normalize(mean, std))(KEY, {'image': BYTES})['image']
    want = (BYTES / 255 - np.asarray(mean)) / np.asarray(std)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_normalize_refuses_what_does_not_fit():
    with pytest.raises(InputError, match='above 0'):
        views.normalize(0.0, 0.0)
    with pytest.raises(InputError, match='mean has 2 numbers .* 3 channels'):
        views.normalize((0.0, 1.0), 1.0)(KEY, {'image': BYTES})
