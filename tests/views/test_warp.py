"""One move for all fields: against float64, and against each other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import coordinates

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
TURN = np.float32([[0.8, -0.6, 9], [0.6, 0.8, -4], [0, 0, 1]])  # whole pixels meet
LEAN = np.float32([[1.1, 0.2, -3], [-0.1, 0.9, 2], [0.004, -0.003, 1]])
TURN3 = np.float32([[0.8, -0.6, 0, 2], [0.6, 0.8, 0, -1], [0, 0, 1, 0.5], [0, 0, 0, 1]])


def reference(image, matrix, shape=None):
    """Linear interpolation in float64; outside is 0."""
    size = image.shape[:-1]
    shape = shape or size
    sites = np.indices(shape)[::-1].reshape(len(size), -1)
    rows = np.linalg.inv(np.float64(matrix)) @ np.vstack(
        [sites, np.ones_like(sites[0])]
    )
    at = (rows[:-1] / rows[-1:])[::-1]
    low = np.floor(at).astype(int)
    result = 0.0
    for corner in np.ndindex(*(2,) * len(size)):
        tap = low + np.array(corner)[:, None]
        weight = np.prod(1 - np.abs(at - tap), axis=0)
        there = ((tap >= 0) & (tap < np.array(size)[:, None])).all(axis=0)
        tap = np.clip(tap, 0, np.array(size)[:, None] - 1)
        result = result + (weight * there)[:, None] * image[tuple(tap)]
    return result.reshape(*shape, image.shape[-1])


@pytest.mark.parametrize(
    ('size', 'matrix', 'shape'),
    [
        ((16, 20, 3), TURN, None),
        ((16, 20, 1), LEAN, (9, 11)),
        ((5, 7, 6, 2), TURN3, None),
    ],
    ids=['turn', 'perspective', 'volume'],
)
def test_resample_interpolates_as_float64_does(size, matrix, shape):
    image = RNG.random(size, np.float32)
    got = jax.jit(lambda *given: views.resample(*given, shape=shape))(image, matrix)
    np.testing.assert_allclose(got, reference(image, matrix, shape), atol=1e-5)
    assert abs(np.asarray(got)).max() > 0.5  # it saw the image


def test_no_pixel_is_mistaken_where_coordinates_are_whole():
    """Places and weights of neighbours agree, however XLA computes them."""
    angles = [(3, 4), (5, 12), (8, 15), (7, 24), (20, 21), (12, 35), (9, 40), (28, 45)]
    matrices = []
    for k in range(64):
        a, b = np.array(angles[k % 8]) / np.hypot(*angles[k % 8])
        linear = np.array([[a, -b], [b, a]]) if k % 3 else np.array([[b, a], [-a, b]])
        offset = np.array([15, 15]) - linear @ [15, 15] + RNG.integers(-4, 5, 2)
        matrices.append(np.vstack([np.c_[linear, offset], [0, 0, 1]]))
    matrices = np.float32(matrices)
    images = RNG.random((64, 31, 31, 3), np.float32)
    got = jax.jit(jax.vmap(views.resample))(images, matrices)
    for one, image, matrix in zip(np.asarray(got), images, matrices, strict=True):
        np.testing.assert_allclose(one, reference(image, matrix), atol=1e-4)


def test_what_moves_in():
    image = np.float32([[[1, 2], [3, 4], [5, 6]]])
    step = np.float32([[1, 0, 1.5], [0, 1, 0], [0, 0, 1]])

    def row(**given):
        return jax.jit(lambda one: views.resample(one, step, **given))(image)[0]

    np.testing.assert_allclose(row(), [[0, 0], [0.5, 1], [2, 3]])
    np.testing.assert_allclose(row(fill=10.0), [[10, 10], [5.5, 6], [2, 3]])
    np.testing.assert_allclose(row(fill=(10.0, 0.0)), [[10, 0], [5.5, 1], [2, 3]])
    np.testing.assert_allclose(row(fill='edge'), [[1, 2], [1, 2], [2, 3]])
    np.testing.assert_allclose(row(fill=9, nearest=True), [[9, 9], [1, 2], [3, 4]])
    with pytest.raises(InputError, match="fill is 'mirror'"):
        row(fill='mirror')


@pytest.mark.parametrize('size', [(6, 8), (3, 4, 5)], ids=['image', 'volume'])
def test_identity_is_exact_and_adds_what_was_missing(size):
    d = len(size)
    example = {
        'image': RNG.integers(0, 256, (*size, 3), np.uint8),
        'mask': RNG.integers(0, 5, size, np.uint8),
        'landmarks': np.float32([[1.3] * d, [-3.0] * d]),
        'boxes': np.float32([[0.1] * d + [2.2] * d, [1.5] * d + [1.5] * d]),
        'label': 3,
    }
    got = jax.jit(views.move)(example, jnp.eye(d + 1))
    expected = jax.jit(views.as_float)(example['image'])
    np.testing.assert_array_equal(got['image'], expected)
    for name in 'mask', 'landmarks', 'boxes', 'label':
        np.testing.assert_array_equal(got[name], example[name])
    np.testing.assert_array_equal(got['visible'], [True, False])
    np.testing.assert_array_equal(got['valid'], [True, False])  # no area, no box
    np.testing.assert_array_equal(got['warp'], np.eye(d + 1))


@pytest.mark.parametrize('matrix', [TURN, LEAN], ids=['turn', 'perspective'])
def test_masks_and_boxes_go_where_the_pixels_go(matrix):
    y, x = np.mgrid[:40, :48]
    low, high = np.array([16, 12]), np.array([29, 23])  # pixels (x, y) of the object
    there = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    box = np.float32([[*(low - 0.5), *(high + 0.5)]])
    example = {
        'image': there[..., None].astype(np.float32),
        'mask': there.astype(np.int32),
        'boxes': box,
    }
    got = jax.jit(views.move)(example, matrix)
    image, mask = np.asarray(got['image'][..., 0]), np.asarray(got['mask'])
    assert (mask == 255).any()
    seen = mask != 255
    np.testing.assert_array_equal((image > 0.75)[seen & (image > 0.75)], 1)
    np.testing.assert_array_equal(mask[image > 0.75], 1)
    np.testing.assert_array_equal(mask[seen & (image < 0.25)], 0)
    x1, y1, x2, y2 = np.asarray(got['boxes'])[0]
    at = np.argwhere(mask == 1)[:, ::-1]
    reach = np.r_[at.min(axis=0) - 0.5, at.max(axis=0) + 0.5]
    np.testing.assert_allclose(reach, [x1, y1, x2, y2], atol=1.0)
    assert x1 <= at[:, 0].min() and at[:, 0].max() <= x2
    assert y1 <= at[:, 1].min() and at[:, 1].max() <= y2
    assert got['valid'].tolist() == [True]


def test_boxes_and_landmarks_that_leave():
    example = {
        'image': np.zeros((10, 10, 1), np.float32),
        'landmarks': np.float32([[1, 5], [8, 5], [2, 2]]),
        'visible': np.array([True, True, False]),
        # 4 wide, moved by 6: the last keeps 1.5 of 4 columns, the second 0.5 of 4.
        'boxes': np.float32([[0, 0, 4, 4], [3, 0, 7, 4], [2, 0, 6, 4], [0, 0, 4, 4]]),
        'valid': np.array([True, True, True, False]),
    }
    by = np.float32([[1, 0, 6], [0, 1, 0], [0, 0, 1]])
    move = jax.jit(functools.partial(views.move, min_area=0.3))
    got = move(example, by)
    assert got['visible'].tolist() == [True, False, False]
    assert got['valid'].tolist() == [True, False, True, False]
    np.testing.assert_allclose(got['boxes'][1], [9, 0, 9.5, 4])
    back = move(got, np.linalg.inv(by).astype(np.float32))
    assert back['visible'].tolist() == [True, False, False]  # once out, out
    np.testing.assert_allclose(back['landmarks'], example['landmarks'])


def test_points_to_count_go_where_their_pixels_go():
    image = np.zeros((12, 10, 1), np.float32)
    image[3, 2] = image[8, 7] = 1
    points = np.float32([[2, 3], [7, 8], [0, 0]])
    example = {'image': image, 'points': points, 'valid': np.array([True, True, False])}
    for view in views.flip_vertical(1.0), views.flip_horizontal(1.0):
        got = jax.jit(view)(jax.random.key(0), example)
        x, y = np.asarray(got['points'][:2]).round().astype(int).T
        np.testing.assert_allclose(got['image'][y, x, 0], 1, atol=1e-5)
        assert not np.allclose(got['points'], points)
        assert got['valid'].tolist() == [True, True, False]
    by = np.float32([[1, 0, 6], [0, 1, 0], [0, 0, 1]])
    assert views.move(example, by)['valid'].tolist() == [True, False, False]
    cloud = {**example, 'points': np.ones((5, 4), np.float32)}
    np.testing.assert_array_equal(views.move(cloud, by)['points'], 1)
    with pytest.raises(InputError, match="boxes and points, and one 'valid'"):
        views.move({**example, 'boxes': np.zeros((3, 4), np.float32)}, by)


@pytest.mark.parametrize('turn', [TURN, LEAN], ids=['turn', 'perspective'])
def test_warps_compose(turn):
    example = {
        'image': np.zeros((8, 9, 1), np.float32),
        'landmarks': np.float32([[2, 3], [6, 1]]),
    }
    twice = jax.jit(lambda one: views.move(views.move(one, turn), LEAN))(example)
    once = jax.jit(views.move)(example, LEAN @ turn)
    np.testing.assert_allclose(twice['warp'], once['warp'], rtol=1e-5)
    np.testing.assert_allclose(twice['landmarks'], once['landmarks'], rtol=1e-5)
    undo = np.linalg.inv(once['warp'])
    back = jax.jit(coordinates.carry)(once['landmarks'], undo)
    np.testing.assert_allclose(back, example['landmarks'], atol=1e-4)


def test_the_closed_inverse_is_the_inverse():
    for matrix in (TURN, LEAN, TURN3):
        got = jax.jit(coordinates.inverse)(matrix)
        np.testing.assert_allclose(got, np.linalg.inv(matrix), atol=1e-5)


def test_behind_the_horizon_is_nothing():
    horizon = np.float32([[1, 0, 0], [0, 1, 0], [-0.2, 0, 1]])
    image = np.ones((4, 40, 1), np.float32)
    got = jax.jit(views.resample)(image, np.linalg.inv(horizon))
    seen = np.asarray(got)[0, :, 0]
    assert np.isfinite(seen).all()
    assert seen[:4].min() > 0.99 and (seen[6:] == 0).all()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'image': np.zeros((8, 9))}, r'image is \(8, 9\).*give \[H, W, channels\]'),
        ({'mask': np.zeros((9, 8), int)}, r'mask is \(9, 8\) on an image \(8, 9\)'),
        ({'mask': np.zeros((8, 9))}, 'mask is float64; give class ids'),
        ({'mask': np.zeros((8, 9), np.int8)}, 'cannot hold the value 255'),
        ({'landmarks': np.zeros((4, 3))}, r'landmarks is \(4, 3\)'),
        ({'boxes': np.zeros(4)}, r'boxes is \(4,\)'),
        ({'warp': np.eye(4)}, r'warp is \(4, 4\)'),
    ],
)
def test_fields_of_another_shape_are_refused(change, message):
    example = {'image': np.zeros((8, 9, 1), np.float32), **change}
    for view in (views.shift(1), views.affine(degrees=5.0)):
        with pytest.raises(InputError, match=message):
            jax.eval_shape(lambda key, view=view: view(key, example), KEY)
    with pytest.raises(InputError, match=message):
        views.displace(example, np.zeros((8, 9, 2)))


def test_a_matrix_or_flow_of_another_shape_is_refused():
    example = {'image': np.zeros((8, 9, 1), np.float32)}
    with pytest.raises(InputError, match='matrix is'):
        views.move(example, np.eye(4))
    with pytest.raises(InputError, match='flow is'):
        views.displace(example, np.zeros((9, 8, 2)))
    with pytest.raises(InputError, match="needs 'image'"):
        views.move({'mask': np.zeros((8, 9), int)}, np.eye(3))


def test_kinds_of_images():
    """Exact moves keep the type; a resample of bytes is float32, of floats the same."""
    for kind, resampled in (('uint8', 'float32'), ('bfloat16', 'bfloat16')):
        example = {'image': jnp.zeros((4, 4, 1), kind)}
        exact = jax.eval_shape(views.flip_horizontal(), KEY, example)
        assert exact['image'].dtype == kind
        moved = jax.eval_shape(views.affine(), KEY, example)
        assert moved['image'].dtype == resampled
        nearest = functools.partial(views.resample, nearest=True)
        taken = jax.eval_shape(nearest, example['image'], jnp.eye(3))
        assert taken.dtype == kind
