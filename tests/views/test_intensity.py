"""Noise and holes: how much, and where nothing changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

IMAGE = np.random.default_rng(0).random((8, 12, 2)).astype(np.float32)


def draw(view, example, seeds=64):
    keys = jax.random.split(jax.random.key(0), seeds)
    return jax.jit(jax.vmap(view, in_axes=(0, None)))(keys, example)


def test_noise_has_its_mean_and_deviation():
    image = np.full((32, 32, 3), 0.5, np.float32)
    got = np.array(draw(views.noise(0.1), {'image': image, 'label': 1})['image'])
    error = got.ravel() - 0.5
    # 64 * 3072 draws: standard errors 2e-4 and 1.6e-4.
    assert abs(error.mean()) < 1e-3
    assert abs(error.std() - 0.1) < 1e-3
    assert abs(np.corrcoef(got[0].ravel(), got[1].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize('view', [views.noise(0.0), views.cutout(0.0, fill=9.0)])
def test_nothing_asked_nothing_changed(view):
    got = draw(view, {'image': IMAGE}, seeds=4)['image']
    np.testing.assert_array_equal(got, np.stack([IMAGE] * 4))


def test_cutout_fills_one_square_and_nothing_else():
    got = np.array(draw(views.cutout(0.5, fill=-1.0), {'image': IMAGE}, 256)['image'])
    areas = []
    for image in got:
        hole = (image == -1).all(axis=-1)
        np.testing.assert_array_equal(image[~hole], IMAGE[~hole])
        rows, columns = hole.any(axis=1), hole.any(axis=0)
        np.testing.assert_array_equal(hole, np.outer(rows, columns))  # a rectangle
        assert max(rows.sum(), columns.sum()) <= 6  # half the width
        for line in (rows, columns):
            assert np.abs(np.diff(np.flatnonzero(line))).max(initial=1) == 1
        areas.append(hole.sum())
    assert min(areas) == 0 and max(areas) >= 25  # its side is random


@pytest.mark.parametrize(
    'view',
    [views.noise(0.1), views.cutout(0.5), views.jitter(), views.unimatch()],
)
def test_image_type_is_kept(view):
    low = {'image': IMAGE.astype(jnp.bfloat16)}
    got = jax.eval_shape(view, jax.random.key(0), low)
    assert got['image'].dtype == jnp.bfloat16


@pytest.mark.parametrize(
    'view', [views.cutout(), views.random_erasing(), views.random_grayscale()]
)
def test_volumes_are_refused(view):
    with pytest.raises(InputError, match='give .H, W, channels'):
        view(jax.random.key(0), {'image': IMAGE[None]})


@pytest.mark.parametrize('make', [lambda: views.noise(-1.0), lambda: views.cutout(2)])
def test_impossible_numbers_are_refused(make):
    with pytest.raises(InputError):
        make()
