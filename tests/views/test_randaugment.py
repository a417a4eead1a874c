"""RandAugment: whole policies against Pillow, and what is drawn how often."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import policies
from ssljax.views.randaugment import POOLS, Pool, branch

ROWS = 256


def draw(view, example, rows=ROWS, seed=0):
    keys = jax.random.split(jax.random.key(seed), rows)
    return jax.jit(jax.vmap(view, in_axes=(0, None)))(keys, example)


def test_a_policy_is_pillows_one_operation_after_the_other(pillow, pictures):
    names = [name for name in POOLS['fixmatch'].ranges if name != 'AutoContrast']
    rng = np.random.default_rng(0)
    images = pictures((16, 16, 3))
    which = rng.integers(0, len(names), (len(images), 3))
    low, high = np.array([POOLS['fixmatch'].ranges[n] for n in names]).T
    magnitude = low[which] + rng.random(which.shape) * (high - low)[which]
    magnitude = magnitude.astype(np.float32)

    branches = [branch(name, POOLS['fixmatch']) for name in names]

    def one(image, which, magnitude):
        steps = [(which[i], magnitude[i], jnp.zeros(2)) for i in range(3)]
        return policies.applied({'image': image}, branches, steps)

    rows = jax.jit(lambda *rows: jax.lax.map(lambda row: one(*row), rows))
    got = rows(images, which, magnitude)
    for i, image in enumerate(images):
        want = Image.fromarray(image)
        for op, v in zip(which[i], magnitude[i], strict=True):
            want = pillow[names[op]][0](want, float(v))
        want = np.asarray(want, np.float32) / 255
        np.testing.assert_allclose(got['image'][i], want, atol=1e-6)
    assert np.abs(np.array(got['warp']) - np.eye(3)).max() > 0.1


def test_operations_are_drawn_evenly_with_replacement_for_every_image():
    half = Pool({'Identity': (0, 1), 'Invert': (0, 1)})
    black = {'image': np.zeros((4, 4, 1), np.uint8)}
    once = draw(views.randaugment(1, pool=half, cutout=False), black)['image']
    assert abs(float(once.mean()) - 0.5) < 0.1
    # Without replacement, one of two inversions would always be the other's undoing.
    twice = draw(views.randaugment(2, pool=half, cutout=False), black, seed=1)
    assert abs(float(twice['image'].mean()) - 0.5) < 0.1


def test_magnitudes_fill_their_range_or_stand_where_m_says():
    pool = Pool({'Brightness': (0.25, 0.75)})
    white = {'image': np.full((2, 2, 1), 255, np.uint8)}
    got = np.array(draw(views.randaugment(1, pool=pool, cutout=False), white)['image'])
    seen = got[:, 0, 0, 0]
    assert 0.245 < seen.min() < 0.27 and 0.73 < seen.max() < 0.755
    assert abs(seen.mean() - 0.5) < 0.04
    fixed = views.randaugment(1, 15, pool, cutout=False)
    np.testing.assert_allclose(draw(fixed, white, 4)['image'], 127 / 255, rtol=1e-5)
    # A signed operation goes either way at full strength.
    turn = views.randaugment(1, 30, Pool({'TranslateX': (-0.5, 0.5)}), cutout=False)
    warp = np.array(draw(turn, white, 32)['warp'])[:, 0, 2]
    assert set(np.round(warp, 5)) == {-1.0, 1.0}


def test_the_last_hole_covers_up_to_half_of_the_side():
    plain = Pool({'Identity': (0, 1)}, hole=(0, 0, 0))
    white = {'image': np.full((16, 16, 3), 255, np.uint8)}
    got = np.array(draw(views.randaugment(1, pool=plain), white)['image'])
    width = (got == 0).all(-1).any(1).sum(-1)
    assert width.max() == 8 and width.min() <= 2
    assert abs(width.mean() - 4) < 1


def test_udas_pool_is_its_own():
    black = {'image': np.zeros((32, 32, 3), np.uint8)}
    got = draw(views.randaugment(2, pool='uda'), black)
    hole = np.isclose(np.array(got['image']) * 255, [125, 122, 113]).all(-1)
    assert (hole.sum((1, 2)) >= 64).all()  # always cut, 17 x 17 less what hangs over
    # Both operations geometry, both done: (5/15 * 1/2)^2; one in 36 at least moves.
    moved = np.abs(np.array(got['warp']) - np.eye(3)).max((1, 2)) > 1e-3
    assert abs(moved.mean() - (1 - (1 - 1 / 6) ** 2)) < 0.08


def test_labels_in_the_image_follow():
    pool = Pool({'Rotate': (20, 30), 'TranslateX': (-0.3, 0.3)})
    image = np.zeros((33, 33, 1), np.uint8)
    image[10:13, 18:21] = 255
    mask = (image[..., 0] > 0).astype(np.int32)
    point = np.array([[19.0, 11.0]], np.float32)
    example = {'image': image, 'mask': mask, 'landmarks': point}
    got = draw(views.randaugment(2, pool=pool, cutout=False), example, 32)
    y, x = np.mgrid[:33, :33]
    for seen, mark, cover in zip(
        got['image'][..., 0], got['landmarks'][:, 0], got['mask'], strict=True
    ):
        seen = np.array(seen)
        if seen.sum() < 7:  # partly outside
            continue
        centre = np.array([(x * seen).sum(), (y * seen).sum()]) / seen.sum()
        # Two resamples to the nearest pixel move a square of 3 by less than one.
        np.testing.assert_allclose(centre, mark, atol=0.8)
        assert ((np.array(cover) == 1) & (seen > 0)).sum() >= 5


def test_one_example_a_batch_and_a_batch_of_batches_agree(pictures):
    pool = Pool({'Equalize': (0, 1), 'Solarize': (0, 256), 'ShearX': (-0.3, 0.3)})
    view = views.randaugment(1, pool=pool)
    images = pictures((8, 8, 3))[:6]
    keys = jax.random.split(jax.random.key(3), 6)
    rows = jax.jit(jax.vmap(view))(keys, {'image': images})['image']
    one = jax.jit(view)(keys[4], {'image': images[4]})['image']
    np.testing.assert_array_equal(rows[4], one)
    many = jax.jit(jax.vmap(jax.vmap(view)))(
        keys.reshape(2, 3), {'image': images.reshape(2, 3, 8, 8, 3)}
    )['image']
    np.testing.assert_array_equal(many.reshape(rows.shape), rows)


@pytest.mark.parametrize(
    'arguments, message',
    [
        ({'n': 0}, 'n is 0'),
        ({'m': 31}, 'm is 31'),
        ({'pool': 'cifar'}, "'cifar'.*fixmatch"),
        ({'pool': Pool({'Blur': (0, 1)})}, "'Blur'"),
    ],
)
def test_what_is_none_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        views.randaugment(**arguments)
