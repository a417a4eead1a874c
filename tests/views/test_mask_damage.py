"""Masks with mistakes of known kinds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import mask_damage

KEYS = jax.random.split(jax.random.key(0), 60)
MASK = np.zeros((24, 26), np.int32)
MASK[5:18, 4:20] = 1
MASK[9:14, 8:13] = 2
MASK[20, 3:9] = 1


def draw(view, mask):
    many = jax.jit(jax.vmap(view, in_axes=(0, None)))
    got = jax.device_get(many(KEYS, {'mask': mask}))
    np.testing.assert_array_equal(got['mask'], np.stack([mask] * len(KEYS)))
    return got['damaged']


def _many(one):
    return np.asarray(jax.jit(jax.vmap(one))(KEYS))


@pytest.mark.parametrize('radius', [1, 2, 3, 4])
def test_a_disc_is_a_disc(radius):
    y, x = np.mgrid[-4:5, -4:5]
    disc = y**2 + x**2 <= radius**2
    region = np.random.default_rng(radius).random((3, 20, 22)) > 0.97
    expected = np.stack([ndimage.binary_dilation(one, disc) for one in region])
    np.testing.assert_array_equal(mask_damage.dilated(region, radius), expected)


def test_nothing_or_something():
    quiet = draw(views.damage_mask(3, probability=0.0), MASK)
    np.testing.assert_array_equal(quiet, np.stack([MASK] * len(KEYS)))
    some = draw(views.damage_mask(3, probability=0.3), MASK)
    changed = (some != MASK).any((1, 2))
    assert 0.3 < changed.mean() < 0.75  # 0.51, but not every change shows
    always = draw(views.damage_mask(3, probability=1.0), MASK)
    assert (always != MASK).any((1, 2)).mean() > 0.95
    # Mistakes, not another mask.
    assert 0.01 < (always != MASK).mean() < 0.3


def test_swaps_keep_the_classes_sizes():
    """Up to pixels that two swaps want at once."""
    swaps = _many(lambda key: mask_damage._swapped(key, jnp.array(MASK), 0.1))
    sizes = np.array([np.bincount(m.ravel(), minlength=3) for m in swaps])
    moved = (swaps != MASK).sum((1, 2))
    assert moved.mean() > 3 and np.abs(sizes - np.bincount(MASK.ravel())).mean() < 2


def test_classes_grow_over_the_background_only():
    many = _many(lambda key: mask_damage._morphed(key, jnp.array(MASK), 3))
    kept = (many == MASK) | (many == 0) | (MASK == 0)
    assert kept.all()
    grown, shrunk = ((many > 0) & (MASK == 0)).any((1, 2)), (many == 0) & (MASK > 0)
    assert grown.any() and shrunk.any()


def test_slices_of_a_volume_differ():
    volume = np.stack([MASK] * 5).astype(np.uint8)
    damaged = draw(views.damage_mask(3, probability=1.0), volume)
    assert damaged.shape == (60, 5, 24, 26) and damaged.dtype == np.uint8
    assert (damaged[:, 0] != damaged[:, 1]).any((1, 2)).mean() > 0.9


@pytest.mark.parametrize('given', [{'num_classes': 1}, {'share': 2.0}])
def test_impossible_numbers(given):
    with pytest.raises(InputError):
        views.damage_mask(**{'num_classes': 2, **given})
