"""Points on pictures whose motion is known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.solvers import lucas_kanade

TRACK = jax.jit(lucas_kanade.track, static_argnames=('radius', 'steps', 'levels'))
POINTS = np.array([[16.0, 15.0], [24.3, 20.6], [30.9, 27.2]], np.float32)


def _picture(seed=0, channels=1):
    """A smooth function of the plane: sites [..., 2] -> greys [..., channels]."""
    random = np.random.default_rng(seed)
    frequency = random.uniform(-0.5, 0.5, (10, 2, channels))
    phase = random.uniform(0, 6, (10, channels))

    def grey(sites):
        waves = np.einsum('...i,nic->...nc', sites, frequency) + phase
        return 0.5 + 0.1 * np.sin(waves).sum(-2)

    return grey


def _frames(matrix, shift, channels=1, seed=0):
    """Two frames [48, 48, channels]: what is at p goes to matrix p + shift."""
    sites = np.stack(np.meshgrid(np.arange(48), np.arange(48)), -1).astype(float)
    grey = _picture(seed, channels)
    back = np.einsum('ij,...j->...i', np.linalg.inv(matrix), sites - shift)
    return grey(sites).astype(np.float32), grey(back).astype(np.float32)


@pytest.mark.parametrize('shift', [(0.0, 0.0), (0.4, -0.3), (2.5, 1.5), (-3.0, 2.0)])
@pytest.mark.parametrize('channels', [1, 2])
def test_translations_are_found(shift, channels):
    first, second = _frames(np.eye(2), shift, channels)
    found = TRACK(first, second, POINTS)
    np.testing.assert_allclose(found.points, POINTS + np.float32(shift), atol=0.02)
    assert found.ok.all() and found.residual.max() < 0.01
    assert found.points.dtype == jnp.float32


def test_affine_motion_is_followed_at_the_centre_of_the_window():
    turn = 0.04
    matrix = 1.02 * np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    shift = np.array([24, 24]) - matrix @ [24, 24] + [0.8, -0.6]
    first, second = _frames(matrix, shift)
    found = lucas_kanade.track(first, second, POINTS, radius=4)
    error = np.linalg.norm(found.points - (POINTS @ matrix.T + shift), axis=-1)
    assert error.max() < 0.15


def test_a_pyramid_reaches_farther():
    # One short wave, whose next period is nearer, on a long one.
    def grey(sites):
        x, y = sites[..., 0], sites[..., 1]
        short = np.sin(1.2 * x) + np.sin(1.2 * y)
        return 0.5 + 0.1 * short + 0.1 * (np.sin(0.18 * x) + np.sin(0.2 * y))

    sites = np.stack(np.meshgrid(np.arange(48), np.arange(48)), -1).astype(float)
    first, second = (np.float32(grey(sites - s)[..., None]) for s in (0.0, 5.5))
    one, three = (
        TRACK(first, second, POINTS, steps=8, levels=n).points - POINTS for n in (1, 3)
    )
    assert np.abs(one - 5.5).max() > 1
    np.testing.assert_allclose(three, 5.5, atol=0.1)


def test_leading_axes_and_forward_backward_error():
    pairs = [_frames(np.eye(2), (1.0, -0.5), seed=seed) for seed in range(4)]
    first, second = (
        np.stack(x).reshape(2, 2, 48, 48, 1) for x in zip(*pairs, strict=True)
    )
    points = np.broadcast_to(POINTS, (2, 2, 3, 2)).copy()
    both_ways = jax.jit(lucas_kanade.both_ways)
    found, error = both_ways(first, second, points)
    alone = TRACK(first[1, 0], second[1, 0], POINTS)
    np.testing.assert_allclose(found.points[1, 0], alone.points, atol=1e-4)
    assert error.shape == (2, 2, 3) and error.max() < 0.05
    # Nothing of the first frame is in another picture: the way back does not return.
    other = second[::-1, ::-1]
    assert both_ways(first, other, points)[1].max() > 1


def test_what_is_not_ok():
    first, second = _frames(np.eye(2), (1.0, 0.0))
    flat = np.full_like(first, 0.5)
    stripes = np.broadcast_to(first[:1], first.shape).copy()
    for a, b in ((flat, flat), (stripes, stripes)):
        found = TRACK(a, b, POINTS)
        assert not found.ok.any()
        np.testing.assert_allclose(found.points, POINTS, atol=1e-3)
    edge = np.array([[47.2, 24.0], [24.0, -0.7]], np.float32)
    assert not TRACK(first, second, edge).ok.any()


def test_gradients_are_those_of_a_shift():
    """Move the second frame, or the point: the answer moves by as much."""
    first, second = (jnp.asarray(x) for x in _frames(np.eye(2), (0.4, 0.3)))

    def place(second, points):
        return TRACK(first, second, points).points[1]

    slopes = jax.jit(jax.jacrev(place, argnums=(0, 1)))
    by_frame, by_points = slopes(second, POINTS)
    right = -jnp.gradient(second, axis=1)
    np.testing.assert_allclose(
        jnp.sum(by_frame * right[None], (1, 2, 3)), [1, 0], atol=0.1
    )
    np.testing.assert_allclose(by_points[:, 1], np.eye(2), atol=0.1)
    assert not np.abs(by_points[:, [0, 2]]).any()
    flat = slopes(jnp.full_like(second, 0.5), POINTS)
    assert all(np.isfinite(x).all() for x in flat)


def test_shapes_that_do_not_fit():
    first, second = _frames(np.eye(2), (0.0, 0.0))
    track = functools.partial(lucas_kanade.track, first)
    with pytest.raises(InputError, match='second'):
        track(second[1:], POINTS)
    with pytest.raises(InputError, match='points'):
        track(second, POINTS[None])
    with pytest.raises(InputError, match='divisible by 32'):
        track(second, POINTS, levels=6)
    with pytest.raises(InputError, match='radius'):
        track(second, POINTS, radius=0)
