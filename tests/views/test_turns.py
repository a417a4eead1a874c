"""Self-labelled views: turned as they say, in four ways."""

import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

IMAGE = np.random.default_rng(0).random((4, 4, 2)).astype('f')


def quarters(image, turn):
    return np.rot90(image, turn)


def flips(image, turn):
    return image[:: -1 if turn % 2 else 1, :: -1 if turn >= 2 else 1]


@pytest.mark.parametrize('expected', [quarters, flips])
def test_turned_as_it_says(expected):
    view = views.turn(expected.__name__)
    keys = jax.random.split(jax.random.key(0), 40)
    image = IMAGE if expected is quarters else IMAGE[:3]
    seen = jax.jit(jax.vmap(lambda key: view(key, {'image': image})))(keys)
    for turned, turn in zip(seen['image'], seen['turn'], strict=True):
        np.testing.assert_array_equal(turned, expected(image, turn))
    assert set(seen['turn'].tolist()) == {0, 1, 2, 3}
    assert seen['turn'].dtype == np.int32


def test_refuses():
    with pytest.raises(InputError, match="way is 'halves'"):
        views.turn('halves')
    with pytest.raises(InputError, match="3x4; quarters need squares: give 'flips'"):
        views.turn()(jax.random.key(0), {'image': IMAGE[:3]})


def test_log_mels_lie_in_the_wave():
    mels = np.arange(12, dtype=np.float32).reshape(4, 3, 1)
    view = views.turn('flips')
    for key in jax.random.split(jax.random.key(0), 8):
        image = view(key, {'image': mels})
        seen = view(key, {'wave': mels, 'label': 1})
        np.testing.assert_array_equal(seen['wave'], image['image'])
        assert seen['turn'] == image['turn'] and seen['label'] == 1
