"""Geometry: exact pixels, and a warp that says where they went."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

IMAGE = np.random.default_rng(0).random((6, 8, 2)).astype(np.float32)


def draw(view, example, seeds=8):
    """The view of one example under several keys, [seeds, ...]."""
    keys = jax.random.split(jax.random.key(0), seeds)
    return jax.jit(jax.vmap(view, in_axes=(0, None)))(keys, example)


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
    for image, warp in zip(np.array(got['image']), np.array(got['warp']), strict=True):
        dx, dy = warp[:2, 2].astype(int)
        np.testing.assert_array_equal(image, moved(IMAGE, dx, dy))
        np.testing.assert_array_equal(warp, [[1, 0, dx], [0, 1, dy], [0, 0, 1]])
        offsets.add((dx, dy))
    both = {axis: {o[axis] for o in offsets} for axis in (0, 1)}
    assert both == {0: {-2, -1, 0, 1, 2}, 1: {-2, -1, 0, 1, 2}}
    assert len(offsets) > 10  # the axes move independently
    assert (got['label'] == 3).all()


@pytest.mark.parametrize('view', [views.affine(), views.shift(0)])
def test_nothing_asked_nothing_moved(view):
    got = draw(view, {'image': IMAGE}, seeds=2)
    np.testing.assert_array_equal(got['image'], np.stack([IMAGE, IMAGE]))
    np.testing.assert_array_equal(got['warp'], np.stack([np.eye(3)] * 2))


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
        views.compose(views.affine(degrees=20.0, translate=0.1), views.shift(2)),
    ],
    ids=['shift', 'turn', 'stretch', 'composed'],
)
def test_a_landmark_lands_on_its_pixel(view):
    """The centre of mass of a small blob, moved by ``warp``, is that of its image."""
    height, width, at = 24, 32, np.array([18.0, 10.0])  # (x, y)
    y, x = np.mgrid[:height, :width]
    blob = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 4)
    got = draw(view, {'image': blob[..., None].astype(np.float32)})
    for image, warp in zip(np.array(got['image'][..., 0]), got['warp'], strict=True):
        lands = (np.array(warp) @ [*at, 1])[:2]
        mass = np.array([(image * x).sum(), (image * y).sum()]) / image.sum()
        np.testing.assert_allclose(mass, lands, atol=0.05)


def test_a_bright_pixel_lands_on_its_pixel():
    image = np.zeros((6, 8, 1), np.float32)
    image[2, 5] = 1
    got = draw(views.shift(2), {'image': image})
    lands = np.array(got['warp'] @ np.float32([5, 2, 1]))[:, :2].astype(int)
    for one, (x, y) in zip(np.array(got['image']), lands, strict=True):
        assert one[y, x] == one.sum() == 1


def test_parameters_stay_in_their_ranges():
    """Read back from the warps: size * turn about the centre, a share of each side."""
    view = views.affine(degrees=30.0, scale=(0.5, 2.0), translate=0.25)
    warps = np.array(draw(view, {'image': np.zeros((9, 17, 1))}, seeds=200)['warp'])
    size = np.sqrt(np.linalg.det(warps[:, :2, :2]))
    angle = np.degrees(np.arctan2(warps[:, 1, 0], warps[:, 0, 0]))
    move = ((warps @ [8, 4, 1])[:, :2] - [8, 4]) / [17, 9]
    for drawn, low, high in ((size, 0.5, 2.0), (angle, -30, 30), (move, -0.25, 0.25)):
        assert (low <= drawn + 1e-4).all() and (drawn - 1e-4 <= high).all()
        assert (np.ptp(drawn, axis=0) > 0.9 * (high - low)).all()


@pytest.mark.parametrize('field', ['mask', 'landmarks', 'boxes'])
@pytest.mark.parametrize('view', [views.shift(1), views.affine(degrees=5.0)])
def test_other_spatial_fields_are_refused(view, field):
    with pytest.raises(InputError, match=field):
        view(jax.random.key(0), {'image': jnp.asarray(IMAGE), field: jnp.zeros(4)})


@pytest.mark.parametrize(
    'make',
    [
        lambda: views.shift(-1),
        lambda: views.affine(scale=(0.0, 1.0)),
        lambda: views.affine(scale=(1.2, 1.0)),
        lambda: views.affine(shear=1.0),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(InputError):
        make()
