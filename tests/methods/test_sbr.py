"""Supervision by Registration on a picture that moves by a pixel a frame."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.solvers import heatmaps

SIDE = 32
FOUND = np.array([[11.0, 12.0], [20.0, 17.0]])


def _network():
    """Answers Gaussians at places that are its parameters, in every clip alike."""

    def apply(variables, clips, *, train, key=None):
        places = variables.params['places']  # [T, K, 2]
        maps = heatmaps.draw(
            places, jnp.ones(places.shape[:2], bool), (SIDE, SIDE), 1, 2.0, floor=0.0
        )
        maps = jnp.broadcast_to(maps[None, :, None], (len(clips), 3, 1, SIDE, SIDE, 2))
        return {'heatmaps': maps}, variables.stats

    return Network(
        lambda key, clips: Variables({'places': jnp.zeros((3, 2, 2))}), apply
    )


def _clips():
    """[1, 3, H, W, 1]: waves that go right by one pixel a frame."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    frames = [
        0.5
        + 0.2 * np.sin(0.6 * (x - t) + 0.3 * y)
        + 0.2 * np.sin(0.5 * y - 0.2 * (x - t))
        for t in range(3)
    ]
    return np.stack(frames)[None, ..., None].astype(np.float32)


def _step(places, clips, **options):
    task = tasks.landmarks(2, (SIDE, SIDE, 1), sigma=2.0, clip=3)
    method = methods.sbr(
        _network(), optax.sgd(1.0), task=task, window=3, radius=6, **options
    )
    weak = {
        'image': clips,
        'landmarks': np.zeros((1, 3, 2, 2), np.float32),
        'visible': np.ones((1, 3, 2), bool),
        'annotated': np.zeros((1, 3), bool),  # nothing is learnt from labels
    }
    index = np.arange(1)
    batch = {
        'labelled': {'weak': weak, 'index': index},
        'unlabelled': {'weak': {'image': clips}, 'index': index},
    }
    given = {'student': Variables({'places': jnp.asarray(places, jnp.float32)})}
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    return new.params['student']['places'] - state.params['student']['places'], metrics


def test_places_follow_the_picture():
    still = np.repeat(FOUND[None], 3, axis=0)
    along = still + np.arange(3)[:, None, None] * np.array([1.0, 0.0])
    moved, metrics = _step(still, _clips())
    assert metrics['utilisation'] == 1
    # One pixel, there and back.
    np.testing.assert_allclose(metrics['loss/registration'], 2.0, atol=0.05)
    # The first frame is drawn back to the left, the last on to the right.
    assert (moved[0, :, 0] < -1e-3).all() and (moved[2, :, 0] > 1e-3).all()
    _, metrics = _step(along, _clips())
    np.testing.assert_allclose(metrics['loss/registration'], 0.0, atol=0.05)


@pytest.mark.parametrize(
    'doubt', [{'least_score': 1.1}, {'most_move': 0.5}], ids=lambda x: next(iter(x))
)
def test_nothing_is_learnt_from_tracks_in_doubt(doubt):
    still = np.repeat(FOUND[None], 3, axis=0)
    moved, metrics = _step(still, _clips(), **doubt)
    assert metrics['utilisation'] == 0 and metrics['loss'] == 0
    assert not np.abs(moved).any()


def test_tracks_that_do_not_come_back_are_in_doubt():
    still = np.repeat(FOUND[None], 3, axis=0)
    noise = np.random.default_rng(0).random((1, 3, SIDE, SIDE, 1), np.float32)
    assert _step(still, noise)[1]['utilisation'] < 0.5


def test_images_are_no_clips():
    for frames in (None, 1):
        task = tasks.landmarks(2, (SIDE, SIDE, 1), sigma=2.0, clip=frames)
        with pytest.raises(InputError, match='of single images'):
            methods.sbr(_network(), optax.sgd(1.0), task=task)
