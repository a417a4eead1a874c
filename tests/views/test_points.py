"""Clouds and their boxes, together."""

import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views.points import move_boxes

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)
BOXES = np.float32([[5, 2, 1, 4, 2, 1.5, 0.4], [-6, -3, 0, 3, 1, 2, -2.5]])


def within(box):
    """Points [P, 3] of a box that only its own heading holds: near corners and nose."""
    unit = RNG.uniform(-0.5, 0.5, (200, 3)) * box[3:6]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return unit @ turn.T + box[:3]


def holds(box, points):
    cos, sin = np.cos(box[6]), np.sin(box[6])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return (abs((points - box[:3]) @ turn) <= box[3:6] / 2 + 1e-3).all(axis=1)


CLOUD = np.concatenate([within(box) for box in BOXES])
EXAMPLE = {
    'points': np.c_[CLOUD, RNG.random((400, 1))].astype(np.float32),
    'valid': np.arange(400) % 5 > 0,
    'boxes3d': BOXES,
}


def draw(view, example, seeds):
    keys = jax.random.split(KEY, seeds)
    many = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return jax.device_get(many(keys, example))


@pytest.mark.parametrize(
    'view',
    [
        views.flip_points(('x', 'y')),
        views.rotate_points(180.0),
        views.scale_points(0.5, 2.0),
        views.compose(
            views.flip_points(), views.rotate_points(45.0), views.scale_points(0.9, 1.1)
        ),
    ],
    ids='flip rotate scale composed'.split(),
)
def test_points_stay_in_their_boxes(view):
    got = draw(view, EXAMPLE, 8)
    assert np.ptp(got['points'], axis=0).max() > 0.5  # they differ by draw
    for points, boxes, warp in zip(
        got['points'], got['boxes3d'], got['warp'], strict=True
    ):
        assert holds(boxes[0], points[:200, :3]).all()
        assert holds(boxes[1], points[200:, :3]).all()
        # And the box is as tight as it was: it is no larger than they are.
        volume = np.prod(boxes[:, 3:6], axis=1) / np.prod(BOXES[:, 3:6], axis=1)
        np.testing.assert_allclose(volume, abs(np.linalg.det(warp)), rtol=1e-4)
        whole = np.c_[CLOUD, np.ones(400)] @ warp.T
        np.testing.assert_allclose(points[:, :3], whole[:, :3], atol=1e-4)
        np.testing.assert_array_equal(points[:, 3], EXAMPLE['points'][:, 3])
        undone = jax.jit(move_boxes)(boxes, np.linalg.inv(warp))
        np.testing.assert_allclose(undone, BOXES, atol=1e-4)
    np.testing.assert_array_equal(got['valid'], [EXAMPLE['valid']] * 8)


def test_flips_are_exact_and_by_half():
    got = draw(views.flip_points(('y',)), EXAMPLE, 64)
    flipped = got['warp'][:, 1, 1] < 0
    assert 16 < flipped.sum() < 48
    for k in (np.argmax(flipped), np.argmin(flipped)):
        sign = -1 if flipped[k] else 1
        expected = EXAMPLE['points'] * np.float32([1, sign, 1, 1])
        np.testing.assert_array_equal(got['points'][k], expected)
        np.testing.assert_allclose(got['boxes3d'][k, :, 6], sign * BOXES[:, 6], 1e-6)


def test_dropped_points_are_not_valid():
    got = draw(views.drop_points(0.3), EXAMPLE, 64)['valid']
    assert not got[:, ~EXAMPLE['valid']].any()
    np.testing.assert_allclose(got[:, EXAMPLE['valid']].mean(), 0.7, atol=0.02)
    full = draw(views.drop_points(0.0), {'points': EXAMPLE['points']}, 2)['valid']
    assert full.all()


def test_shuffled_patches_go_back():
    """Counts a cell of the shuffled cloud, unshuffled, are those of the cloud."""
    extent, grid, cell = (-8.0, -4.0, 8.0, 4.0), (8, 12), np.array([16 / 12, 1.0])
    points = RNG.uniform([-9, -5, 0], [9, 5, 1], (500, 3)).astype(np.float32)

    def count(xy):
        at = np.floor((xy - [-8, -4]) / cell).astype(int)
        kept = (at >= 0).all(axis=1) & (at < [12, 8]).all(axis=1)
        counts = np.zeros((*grid, 1), np.float32)
        np.add.at(counts, (at[kept, 1], at[kept, 0]), 1)
        return counts

    view = views.shuffle_patches(extent, (2, 3))
    got = draw(view, {'points': points, 'boxes3d': BOXES}, 6)
    outside = (abs(points[:, :2]) > [8, 4]).any(axis=1)
    back = jax.jit(lambda f, p: views.unshuffle_patches(f, p, (2, 3)))
    for moved, places in zip(got['points'], got['patches'], strict=True):
        assert sorted(places) == list(range(6))
        np.testing.assert_array_equal(moved[outside], points[outside])
        np.testing.assert_array_equal(moved[:, 2], points[:, 2])
        # A point on the border of a cell may fall either way.
        apart = abs(
            back(count(moved[~outside, :2]), places) - count(points[~outside, :2])
        )
        assert apart.sum() <= 4
    assert len(np.unique(got['patches'], axis=0)) > 3
    np.testing.assert_array_equal(got['boxes3d'], [BOXES] * 6)


@pytest.mark.parametrize(
    'make',
    [
        lambda: views.flip_points(('z',)),
        lambda: views.flip_points(probability=-0.1),
        lambda: views.rotate_points(-1.0),
        lambda: views.scale_points(0.0, 1.0),
        lambda: views.drop_points(1.0),
        lambda: views.shuffle_patches((0.0, 0.0, 0.0, 1.0)),
        lambda: views.shuffle_patches((0.0, 0.0, 1.0, 1.0), (0, 2)),
        lambda: views.drop_points(0.1)(KEY, {'points': np.zeros((4, 2))}),
        lambda: views.drop_points(0.1)(KEY, {'image': np.zeros((4, 2))}),
        lambda: views.unshuffle_patches(np.zeros((5, 4, 1)), np.arange(4)),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(InputError):
        make()
