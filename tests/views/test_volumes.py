"""Volumes: exact where voxels stay voxels, and everything moves along."""

import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

RNG = np.random.default_rng(0)
IMAGE = RNG.random((4, 6, 6, 1)).astype(np.float32)
MASK = np.arange(144, dtype=np.int32).reshape(4, 6, 6)
KEY = jax.random.key(0)


def draw(view, example, seeds):
    keys = jax.random.split(KEY, seeds)
    many = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return jax.device_get(many(keys, example))


@pytest.mark.parametrize(
    ('view', 'count'),
    [
        (views.flip3d(), 8),
        (views.flip3d(('z',)), 2),
        (views.turn3d(), 4),
    ],
)
def test_flips_and_turns_are_exact(view, count):
    """Every voxel of a numbered mask says where it came from."""
    voxel = np.float32([[1, 4, 3]])  # (x, y, z)
    example = {'image': IMAGE, 'mask': MASK, 'landmarks': voxel}
    got = draw(view, example, 40)
    met = set()
    for k, mask in enumerate(got['mask']):
        assert sorted(mask.ravel()) == list(range(144))
        np.testing.assert_array_equal(
            got['image'][k, ..., 0].ravel(), IMAGE.ravel()[mask.ravel()]
        )
        x, y, z = got['landmarks'][k, 0].astype(int)
        assert mask[z, y, x] == MASK[3, 4, 1]
        at = np.array(np.unravel_index(mask[0, 0, 0], MASK.shape))[::-1]
        np.testing.assert_array_equal(got['warp'][k] @ [*at, 1], [0, 0, 0, 1])
        met.add(mask.tobytes())
    assert len(met) == count


def test_turns_are_rot90_of_their_plane():
    image = RNG.random((5, 3, 5, 1)).astype(np.float32)
    got = draw(views.turn3d(('z', 'x')), {'image': image}, 24)['image']
    turns = [np.rot90(image, k, (0, 2)) for k in range(4)]
    found = [[(one == turn).all() for turn in turns] for one in got]
    assert (np.sum(found, axis=1) == 1).all() and np.any(found, axis=0).all()


@pytest.mark.parametrize('degrees', [40.0, (40.0, 0.0, 0.0)], ids=['all', 'z'])
def test_a_landmark_lands_on_its_voxel(degrees):
    z, y, x = np.mgrid[:17, :19, :21]
    at = np.float32([[12, 8, 9]])
    apart = (x - at[0, 0]) ** 2 + (y - at[0, 1]) ** 2 + (z - at[0, 2]) ** 2
    blob = np.exp(-apart / 4)[..., None].astype(np.float32)
    example = {'image': blob, 'landmarks': at, 'mask': (apart < 4).astype(np.int32)}
    view = views.affine3d(degrees=degrees, scale=(0.9, 1.2))
    got = draw(view, example, 6)
    for k, image in enumerate(got['image'][..., 0]):
        mass = [(image * axis).sum() / image.sum() for axis in (x, y, z)]
        np.testing.assert_allclose(mass, got['landmarks'][k, 0], atol=0.05)
        here = got['mask'][k] == 1
        centre = [axis[here].mean() for axis in (x, y, z)]
        np.testing.assert_allclose(centre, got['landmarks'][k, 0], atol=0.5)
    z_moves = np.ptp(got['warp'][:, 2, :2])
    assert z_moves > 0.1 if degrees == 40.0 else z_moves == 0
    size = np.cbrt(np.linalg.det(got['warp'][:, :3, :3]))
    assert 0.9 <= size.min() < size.max() <= 1.2


@pytest.mark.parametrize(
    'view', [views.flip3d(probability=0.0), views.affine3d(), views.intensity3d()]
)
def test_nothing_asked_nothing_changed(view):
    got = draw(view, {'image': IMAGE, 'mask': MASK}, 2)
    np.testing.assert_array_equal(got['image'], np.stack([IMAGE] * 2))
    np.testing.assert_array_equal(got['mask'], np.stack([MASK] * 2))


def test_intensities_change_as_said():
    image = 3 * IMAGE - 1  # a scan's units

    def seen(**given):
        view = jax.jit(views.intensity3d(**given))
        return np.asarray(view(KEY, {'image': image})['image'])

    low, span, mean = image.min(), np.ptp(image), image.mean()
    expected = low + span * ((image - low) / span) ** 2
    np.testing.assert_allclose(seen(gamma=(2.0, 2.0)), expected, atol=1e-5)
    expected = 3 * (mean + 0.5 * (image - mean))
    got = seen(brightness=(3.0, 3.0), contrast=(0.5, 0.5))
    np.testing.assert_allclose(got, expected, atol=1e-5)
    noisy = draw(views.intensity3d(noise=0.4), {'image': image}, 64)['image'] - image
    deviation = noisy.std(axis=(1, 2, 3, 4))
    assert deviation.min() < 0.05 and 0.35 < deviation.max() < 0.45
    assert abs(noisy.mean()) < 0.01
    drawn = draw(views.intensity3d(contrast=(0.5, 2.0)), {'image': image}, 64)['image']
    factors = drawn.std(axis=(1, 2, 3, 4)) / image.std()
    assert 0.49 < factors.min() < 0.6 and 1.9 < factors.max() < 2.01


@pytest.mark.parametrize(
    'make',
    [
        lambda: views.flip3d(()),
        lambda: views.flip3d(('x', 'x')),
        lambda: views.flip3d(('w',)),
        lambda: views.flip3d(probability=2.0),
        lambda: views.turn3d(('x',)),
        lambda: views.affine3d(scale=(0.0, 1.0)),
        lambda: views.affine3d(degrees=(1.0, 2.0)),
        lambda: views.intensity3d(gamma=(0.0, 1.0)),
        lambda: views.intensity3d(contrast=(2.0, 1.0)),
        lambda: views.intensity3d(noise=-1.0),
        lambda: views.turn3d(('z', 'x'))(KEY, {'image': IMAGE}),
        lambda: views.flip3d()(KEY, {'image': IMAGE[0]}),
        lambda: views.rotate90()(KEY, {'image': IMAGE}),
    ],
)
def test_impossible_numbers_and_shapes_are_refused(make):
    with pytest.raises(InputError):
        make()
