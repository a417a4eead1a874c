"""The 15 corruptions: closed forms, Pillow, and severities that grow."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import blurs, corruptions, weather
from ssljax.views.jpeg import jpeg, tables

SIDE = 32


@pytest.fixture(scope='module')
def photo():
    """Something like a photograph: smooth colours, an edge, some texture."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    smooth = np.stack([0.3 + 0.4 * x, 0.6 - 0.3 * y, 0.4 + 0.2 * np.sin(6 * x * y)], -1)
    smooth[8:20, 10:24] += 0.2
    return np.clip(smooth + rng.normal(size=smooth.shape) * 0.04, 0, 1).astype('f')


@pytest.mark.parametrize('kind', corruptions.KINDS)
def test_severities_grow_and_values_stay_in_range(kind, photo):
    image = photo[::2, ::2]
    keys = jax.random.split(jax.random.key(0), 4)
    found = []
    for severity in (1, 5):
        view = jax.vmap(views.corrupt(kind, severity), in_axes=(0, None))
        view = jax.jit(view)
        got = np.array(view(keys, {'image': image, 'label': 1})['image'])
        assert got.shape == (4, *image.shape) and got.dtype == np.float32
        assert got.min() >= 0 and got.max() <= 1 and np.isfinite(got).all()
        if kind == 'frost':  # which keeps less of the image, and adds less of light
            alike = [np.corrcoef(one.ravel(), image.ravel())[0, 1] for one in got]
            found.append(1 - np.mean(alike))
        else:
            found.append(np.sqrt(((got - image[None]) ** 2).mean()))
    if kind == 'elastic_transform':  # published: less of a shift, more of a bend
        assert min(found) > 0.01
    else:
        assert 0.001 < found[0] < found[1] < 0.6


def test_each_draw_is_its_own_and_the_key_decides(photo):
    view = jax.jit(views.corrupt('snow', 3))
    first, again, other = (
        view(jax.random.key(k), {'image': photo})['image'] for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_brightness_and_contrast_have_their_closed_forms(photo):
    grey = jnp.full((4, 4, 3), 0.4)
    lit = views.corrupt('brightness', 5)(None, {'image': grey})['image']
    np.testing.assert_allclose(lit, 0.7, rtol=1e-6)
    got = views.corrupt('brightness', 3)(None, {'image': photo})['image']
    np.testing.assert_allclose(
        got.max(-1), np.minimum(photo.max(-1) + 0.15, 1), atol=1e-6
    )
    mean = photo.mean((0, 1), keepdims=True)
    got = views.corrupt('contrast', 2, constants='imagenet')(None, {'image': photo})
    np.testing.assert_allclose(got['image'], (photo - mean) * 0.3 + mean, atol=1e-6)


def test_noises_have_their_moments():
    grey = {'image': jnp.full((64, 64, 3), 0.5)}
    key = jax.random.key(0)
    noise = np.array(views.corrupt('gaussian_noise', 3)(key, grey)['image']) - 0.5
    assert abs(noise.std() - 0.08) < 0.003 and abs(noise.mean()) < 0.003
    shot = np.array(views.corrupt('shot_noise', 5)(key, grey)['image'])
    assert abs(shot.var() - 0.5 / 50) < 0.001 and abs(shot.mean() - 0.5) < 0.005
    salt = np.array(views.corrupt('impulse_noise', 5)(key, grey)['image'])
    assert abs((salt == 1).mean() - 0.035) < 0.005
    assert abs((salt == 0).mean() - 0.035) < 0.005


@pytest.mark.parametrize('severity', [1, 3, 5])
def test_pixelate_is_pillows(severity, photo):
    levels = np.round(photo * 255).astype(np.uint8)
    small = int(SIDE * (0.95, None, 0.85, None, 0.65)[severity - 1])
    want = Image.fromarray(levels).resize((small, small), Image.Resampling.BOX)
    want = np.asarray(want.resize((SIDE, SIDE), Image.Resampling.BOX))
    got = views.corrupt('pixelate', severity)(None, {'image': levels})['image']
    assert np.abs(np.array(got) * 255 - want).max() <= 1.01


@pytest.mark.parametrize('quality', [80, 40, 10])
@pytest.mark.parametrize('channels', [1, 3])
def test_jpeg_is_near_libjpegs(quality, channels, photo):
    levels = np.round(photo[:30, :28, :channels] * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels.squeeze()).save(file, 'JPEG', quality=quality)
    want = np.asarray(Image.open(file)).reshape(levels.shape).astype(float)
    got = np.array(jax.jit(jpeg, static_argnums=1)(levels / np.float32(255), quality))
    # Far nearer to libjpeg's picture than the original is.
    error = np.abs(got * 255 - want).mean()
    assert error < 0.35 * np.abs(levels - want).mean()
    assert error < (0.6 if channels == 1 else 3)


@pytest.mark.parametrize('quality', [80, 50, 40, 18, 7])
def test_jpegs_steps_are_libjpegs(quality):
    file = io.BytesIO()
    Image.new('RGB', (8, 8)).save(file, 'JPEG', quality=quality)
    want = Image.open(file).quantization
    for k, table in enumerate(tables(quality)):
        np.testing.assert_array_equal(table.ravel(), want[k])


@pytest.mark.parametrize('sigma', [0.5, 3.0, 20.0])
def test_the_elastic_field_is_blurred_as_published(sigma):
    noise = np.random.default_rng(0).uniform(-1, 1, (12, 17))
    want = ndimage.gaussian_filter(noise, sigma, mode='reflect', truncate=3)
    got = corruptions._bell(12, sigma) @ noise @ corruptions._bell(17, sigma).T
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_a_wide_bend_is_slight():
    """Were the edge repeated outside, corners would fly by a third of the image."""
    ramp = np.broadcast_to(np.arange(24, dtype=np.float32)[:, None, None], (24, 24, 1))
    bend = jax.vmap(lambda key: corruptions.elastic(key, ramp, 2.0, 0.7, 0.0))
    got = jax.jit(bend)(jax.random.split(jax.random.key(0), 16))
    expected = 2 * 24 / np.sqrt(3) / 24  # all pixels weigh about alike
    assert 0.5 * expected < np.std(np.asarray(got) - ramp) < 1.5 * expected


def test_blurs_keep_a_flat_image_and_spread_a_point():
    flat = jnp.full((16, 16, 1), 0.3)
    point = jnp.zeros((17, 17, 1)).at[8, 8].set(1.0)
    key = jax.random.key(0)
    for kind in ('defocus_blur', 'glass_blur', 'motion_blur', 'zoom_blur'):
        view = jax.jit(views.corrupt(kind, 5))
        np.testing.assert_allclose(view(key, {'image': flat})['image'], 0.3, atol=1e-5)
    disk = np.array(blurs.defocus(key, point, 3, 0.1))[..., 0]
    np.testing.assert_allclose(disk.sum(), 1, rtol=1e-5)
    y, x = np.mgrid[-8:9, -8:9]
    np.testing.assert_allclose(disk > 1e-3, x**2 + y**2 <= 9)
    streak = np.array(blurs.streak(point, 4, 2.0, 0.0))[..., 0]
    want = np.exp(-0.5 * (np.arange(9) / 2) ** 2)
    np.testing.assert_allclose(streak[8, 8::-1], want / want.sum(), rtol=1e-5)


def test_plasma_is_a_landscape_from_0_to_1_that_decays():
    plasma = jax.jit(weather.plasma, static_argnums=1)
    rough, smooth = (np.array(plasma(jax.random.key(0), 32, d)) for d in (1.2, 4.0))
    for land in (rough, smooth):
        assert land.shape == (32, 32) and land.min() == 0 and land.max() == 1
    slope = [np.abs(np.diff(land, axis=0)).mean() for land in (rough, smooth)]
    assert slope[0] > 1.2 * slope[1]
    shape = jax.eval_shape(lambda key: weather.plasma(key, 33, 2.0), jax.random.key(0))
    assert shape.shape == (64, 64)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('rain', 1), "'rain'.*snow"),
        (('snow', 6), 'severity is 6'),
    ],
)
def test_what_is_none_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        views.corrupt(*arguments)
    with pytest.raises(InputError, match="constants is 'c'"):
        views.corrupt('fog', 1, constants='c')
