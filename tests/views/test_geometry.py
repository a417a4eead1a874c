"""Geometry: exact pixels, and a warp that says where they went."""

import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

KEY = jax.random.key(0)
IMAGE = np.random.default_rng(0).random((6, 8, 2)).astype(np.float32)


def draw(view, example, seeds=8):
    """The view of one example under several keys, [seeds, ...]."""
    keys = jax.random.split(jax.random.key(0), seeds)
    many = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return jax.device_get(many(keys, example))


def moved(image, dx, dy):
    """Content moved right by dx and down by dy, zeros moving in."""
    height, width = image.shape[:2]
    out = np.zeros_like(image)
    y, x = np.mgrid[:height, :width]
    inside = (0 <= y - dy) & (y - dy < height) & (0 <= x - dx) & (x - dx < width)
    out[inside] = image[(y - dy)[inside], (x - dx)[inside]]
    return out


def test_shift_moves_whole_pixels_as_its_warp_says():
    got = draw(views.shift(2), {'image': IMAGE, 'label': 3}, seeds=64)
    offsets = set()
    for image, warp in zip(got['image'], got['warp'], strict=True):
        dx, dy = warp[:2, 2].astype(int)
        np.testing.assert_array_equal(image, moved(IMAGE, dx, dy))
        np.testing.assert_array_equal(warp, [[1, 0, dx], [0, 1, dy], [0, 0, 1]])
        offsets.add((dx, dy))
    both = {axis: {o[axis] for o in offsets} for axis in (0, 1)}
    assert both == {0: {-2, -1, 0, 1, 2}, 1: {-2, -1, 0, 1, 2}}
    assert len(offsets) > 10  # the axes move independently
    assert (got['label'] == 3).all()


@pytest.mark.parametrize('padding', ['reflect', 'edge', 'zero'])
def test_crop_pad_is_a_crop_of_the_padded(padding):
    """And the mask does not know what is in the padding, whatever it shows."""
    mode = {'zero': 'constant'}.get(padding, padding)
    image = (IMAGE * 255).astype(np.uint8)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode=mode)
    mask = np.arange(48, dtype=np.uint8).reshape(6, 8)
    masked = np.pad(mask, 2, constant_values=255)
    got = draw(
        views.crop_pad(2, padding=padding), {'image': image, 'mask': mask}, seeds=16
    )
    assert got['image'].dtype == np.uint8
    for warp, one, labels in zip(got['warp'], got['image'], got['mask'], strict=True):
        x, y = 2 - warp[:2, 2].astype(int)
        np.testing.assert_array_equal(one, padded[y : y + 6, x : x + 8])
        np.testing.assert_array_equal(labels, masked[y : y + 6, x : x + 8])


@pytest.mark.parametrize(
    'view',
    [
        views.affine(),
        views.shift(0),
        views.crop_pad(0),
        views.flip_horizontal(0.0),
        views.flip_vertical(0.0),
        views.perspective(0.0, 1.0),
        views.perspective(0.5, 0.0),
        views.resized_crop((1.0, 1.0), (8 / 6, 8 / 6)),
        views.elastic(0.0, 2.0),
    ],
)
def test_nothing_asked_nothing_moved(view):
    example = {
        'image': IMAGE,
        'mask': np.arange(48).reshape(6, 8),
        'landmarks': np.float32([[1.5, 2.0]]),
        'boxes': np.float32([[0.5, 1.0, 3.0, 4.25]]),
    }
    got = draw(view, example, seeds=2)
    for name, value in example.items():
        np.testing.assert_array_equal(got[name], np.stack([value, value]))
    np.testing.assert_array_equal(got['warp'], np.stack([np.eye(3)] * 2))
    assert got['visible'].all() and got['valid'].all()


@pytest.mark.parametrize(
    ('view', 'axis'), [(views.flip_horizontal(), 1), (views.flip_vertical(), 0)]
)
def test_flips_are_exact(view, axis):
    example = {
        'image': (IMAGE * 255).astype(np.uint8),
        'mask': np.arange(48).reshape(6, 8),
        'landmarks': np.float32([[0, 1], [7, 2.5]]),
        'boxes': np.float32([[1, 1, 3, 5]]),
    }
    got = draw(view, example, seeds=32)
    last = 7 - np.array([0, 7]) if axis else 5 - np.array([1, 2.5])
    box = [4, 1, 6, 5] if axis else [1, 0, 3, 4]
    turns = 0
    for k, image in enumerate(got['image']):
        if (np.asarray(image) == example['image']).all():
            continue
        turns += 1
        np.testing.assert_array_equal(image, np.flip(example['image'], axis))
        np.testing.assert_array_equal(got['mask'][k], np.flip(example['mask'], axis))
        np.testing.assert_array_equal(got['landmarks'][k, :, 1 - axis], last)
        np.testing.assert_array_equal(got['boxes'][k], [box])
    assert 8 < turns < 24  # half of the time


def test_a_left_eye_stays_a_left_eye():
    eyes = np.float32([[1, 2], [6, 2], [3, 4]])  # left, right, nose
    example = {
        'image': IMAGE,
        'landmarks': eyes,
        'visible': np.array([True, False, True]),
    }
    got = jax.jit(views.flip_horizontal(1.0, swap=[1, 0, 2]))(KEY, example)
    np.testing.assert_array_equal(got['landmarks'], [[1, 2], [6, 2], [4, 4]])
    assert got['visible'].tolist() == [False, True, True]
    with pytest.raises(InputError, match='swap has 3 landmarks and the example 2'):
        example = {'image': IMAGE, 'landmarks': eyes[:2]}
        jax.eval_shape(views.flip_horizontal(swap=[1, 0, 2]), KEY, example)


def test_quarter_turns_are_exact():
    image = IMAGE[:, :6]
    got = draw(
        views.rotate90(),
        {'image': image, 'mask': image[..., 0] > 0.5}
        | {'mask': np.arange(36).reshape(6, 6), 'landmarks': np.float32([[5, 1]])},
        seeds=24,
    )
    met = set()
    for k, one in enumerate(got['image']):
        (turn,) = (t for t in range(4) if (one == np.rot90(image, t)).all())
        mask = np.rot90(np.arange(36).reshape(6, 6), turn)
        np.testing.assert_array_equal(got['mask'][k], mask)
        x, y = got['landmarks'][k, 0].astype(int)
        assert got['mask'][k][y, x] == 1 * 6 + 5
        met.add(turn)
    assert met == {0, 1, 2, 3}
    with pytest.raises(InputError, match='image is 6x8'):
        views.rotate90()(KEY, {'image': IMAGE})


@pytest.mark.parametrize('side', [5, 6])
def test_a_quarter_turn_is_rot90(side):
    """x to the right, y down: (x, y) -> (y, side - 1 - x) is counterclockwise."""
    image = IMAGE[:side, :side]
    turn = np.float32([[0, 1, 0], [-1, 0, side - 1], [0, 0, 1]])
    np.testing.assert_allclose(
        jax.jit(views.resample)(image, turn), np.rot90(image), rtol=1e-6
    )


def test_half_a_pixel_is_the_mean_of_two():
    matrix = np.float32([[1, 0, 0.5], [0, 1, 0], [0, 0, 1]])
    got = jax.jit(views.resample)(IMAGE, matrix)
    expected = (IMAGE[:, 1:] + IMAGE[:, :-1]) / 2
    np.testing.assert_allclose(got[:, 1:], expected, rtol=1e-6)


@pytest.mark.parametrize(
    'view',
    [
        views.shift(3),
        views.affine(degrees=180.0),
        views.affine(scale=(0.7, 1.3), shear=0.3),
        views.normal_affine(),
        views.compose(views.affine(degrees=20.0, translate=0.1), views.shift(2)),
        views.compose(views.flip_horizontal(), views.flip_vertical()),
        views.resized_crop((0.7, 1.0)),
        views.perspective(0.2, 1.0),
    ],
    ids='shift turn stretch normal composed flips crop perspective'.split(),
)
def test_a_landmark_lands_on_its_pixel(view):
    """The centre of mass of a small blob, moved by ``warp``, is that of its image."""
    height, width, at = 24, 32, np.array([18.0, 10.0])  # (x, y)
    y, x = np.mgrid[:height, :width]
    blob = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 4)
    example = {'image': blob[..., None], 'landmarks': at[None]}
    got = draw(view, jax.tree.map(np.float32, example))
    for k, image in enumerate(got['image'][..., 0]):
        lands = np.array(got['warp'][k], np.float64) @ [*at, 1]
        lands = lands[:2] / lands[2]
        np.testing.assert_allclose(got['landmarks'][k, 0], lands, atol=1e-4)
        assert got['visible'][k, 0]
        mass = np.array([(image * x).sum(), (image * y).sum()]) / image.sum()
        # Foreshortening pulls a blob's centre of mass a little; the others are < 0.05.
        np.testing.assert_allclose(mass, lands, atol=0.1)


def test_a_bright_pixel_lands_on_its_pixel():
    image = np.zeros((6, 8, 1), np.float32)
    image[2, 5] = 1
    got = draw(views.shift(2), {'image': image})
    lands = np.array(got['warp'] @ np.float32([5, 2, 1]))[:, :2].astype(int)
    for one, (x, y) in zip(got['image'], lands, strict=True):
        assert one[y, x] == one.sum() == 1


def test_parameters_stay_in_their_ranges():
    """Read back from the warps: size * turn about the centre, a share of each side."""
    view = views.affine(degrees=30.0, scale=(0.5, 2.0), translate=0.25)
    warps = draw(view, {'image': np.zeros((9, 17, 1))}, seeds=200)['warp']
    size = np.sqrt(np.linalg.det(warps[:, :2, :2]))
    angle = np.degrees(np.arctan2(warps[:, 1, 0], warps[:, 0, 0]))
    move = ((warps @ [8, 4, 1])[:, :2] - [8, 4]) / [17, 9]
    for drawn, low, high in ((size, 0.5, 2.0), (angle, -30, 30), (move, -0.25, 0.25)):
        assert (low <= drawn + 1e-4).all() and (drawn - 1e-4 <= high).all()
        assert (np.ptp(drawn, axis=0) > 0.9 * (high - low)).all()


def test_normal_draws_are_clipped():
    warp = draw(views.normal_affine(), {'image': IMAGE}, seeds=512)['warp']
    shown = 1 / np.sqrt(np.linalg.det(warp[:, :2, :2]))
    assert 0.7499 < shown.min() < 0.7501 and 1.2499 < shown.max() < 1.2501
    assert abs(np.mean((shown > 0.7501) & (shown < 1.2499)) - 0.683) < 0.07
    angle = np.degrees(np.arctan2(warp[:, 1, 0], warp[:, 0, 0]))
    assert 59.9 < np.abs(angle).max() < 60.1
    assert abs(np.mean(angle == 0) - 0.2) < 0.05
    turned = angle[(angle != 0) & (np.abs(angle) < 59.9)]
    assert abs(turned.std() - 26.4) < 2  # a normal of 30, cut at 2 deviations
    centre = warp @ np.array([3.5, 2.5, 1])
    np.testing.assert_allclose(
        centre[:, :2], np.tile([[3.5, 2.5]], (512, 1)), atol=1e-5
    )


@pytest.mark.parametrize(
    'make',
    [
        lambda: views.shift(-1),
        lambda: views.affine(scale=(0.0, 1.0)),
        lambda: views.affine(scale=(1.2, 1.0)),
        lambda: views.affine(shear=1.0),
        lambda: views.normal_affine(scale=1.0),
        lambda: views.normal_affine(probability=-0.1),
        lambda: views.crop_pad(4, padding='mirror'),
        lambda: views.flip_horizontal(1.5),
        lambda: views.flip_horizontal(swap=[1, 2, 0]),
        lambda: views.flip_horizontal(swap=[0, 0]),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(InputError):
        make()
