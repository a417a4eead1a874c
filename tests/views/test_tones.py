"""Views of colours: what is drawn, how often, in which order."""

import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import colour, tones

IMAGE = np.random.default_rng(0).integers(40, 200, (8, 8, 3)).astype(np.uint8)
FLOAT = IMAGE.astype(np.float32) / 255


def draw(view, image=IMAGE, rows=128):
    keys = jax.random.split(jax.random.key(0), rows)
    run = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return np.array(run(keys, {'image': image, 'label': 1})['image'])


def test_a_magnitude_is_drawn_uniformly_and_done_as_often_as_said():
    got = draw(views.tone('brightness', 0.5, 0.9, probability=0.75))
    factor = got.mean((1, 2, 3)) / FLOAT.mean()
    untouched = np.isclose(factor, 1)
    assert abs(untouched.mean() - 0.25) < 0.1
    assert factor.min() < 0.53 and factor[~untouched].max() > 0.87
    assert factor[~untouched].max() < 0.9 + 1e-5


def test_jitter_draws_factors_within_their_ranges():
    got = draw(views.colour_jitter(0.5, hue=0.25), rows=64)
    assert got.min() >= 0 and got.max() <= 1 and got.dtype == np.float32
    factor = got.max((1, 2, 3)) / FLOAT.max()  # which a hue does not change
    assert 0.5 <= factor.min() < 0.56 and factor.max() > 1.2
    assert len(np.unique(got.reshape(64, -1), axis=0)) == 64


def test_jitter_draws_its_order(monkeypatch):
    changes = {'brightness': lambda x, v: x + 1, 'contrast': lambda x, v: x * 2}
    monkeypatch.setattr(tones, '_KINDS', changes)
    got = draw(views.colour_jitter(1, 1), np.ones((1, 1, 1), np.float32))
    assert set(got.ravel()) == {3.0, 4.0}
    assert abs((got == 4).mean() - 0.5) < 0.15


def test_nothing_asked_nothing_changed():
    for view in (views.colour_jitter(), views.random_blur(0.0)):
        np.testing.assert_allclose(draw(view, rows=2), np.stack([FLOAT] * 2), rtol=1e-6)


def test_grey_and_blur_happen_as_often_as_said():
    grey = draw(views.random_grayscale(0.3), rows=256)
    assert abs((np.ptp(grey, axis=-1) < 1e-6).all((1, 2)).mean() - 0.3) < 0.08
    blurred = draw(views.random_blur(0.5, (1.0, 1.0)))
    want = np.array(colour.gaussian_blur(FLOAT, 1.0))
    is_one = np.isclose(blurred, want, atol=1e-5).all((1, 2, 3))
    assert abs(is_one.mean() - 0.5) < 0.13
    same = np.isclose(blurred, FLOAT[None], atol=1e-6).all((1, 2, 3))
    assert (same ^ is_one).all()


def test_unimatch_changes_most_images_and_keeps_grey_ones_of_one_channel():
    got = draw(views.unimatch(), rows=64)
    same = np.isclose(got, FLOAT[None], atol=1e-6).all((1, 2, 3)).mean()
    assert same < 0.25  # 0.2 x 0.8 x 0.5 = 0.08
    assert draw(views.unimatch(), IMAGE[..., :1], 2).shape == (2, 8, 8, 1)


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda: views.tone('glow'), "'glow'.*brightness"),
        (lambda: views.tone('brightness'), 'low <= high'),
        (lambda: views.tone('invert', 0, 1), 'neither'),
        (lambda: views.tone('hue', 1, 0), 'low <= high'),
        (lambda: views.colour_jitter(hue=0.6), 'hue is 0.6'),
        (lambda: views.colour_jitter(-1), 'brightness is -1'),
        (lambda: views.random_blur(0.5, (0, 1)), 'sigma is'),
        (lambda: views.random_grayscale(1.5), 'probability is 1.5'),
    ],
)
def test_impossible_numbers_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
