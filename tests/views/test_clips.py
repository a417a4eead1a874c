import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import warp


def _clip(frames=3, size=9):
    rng = np.random.default_rng(0)
    return {
        'image': jnp.asarray(rng.random((frames, size, size, 1)), jnp.float32),
        'landmarks': jnp.asarray(rng.random((frames, 4, 2)) * size, jnp.float32),
        'annotated': jnp.arange(frames) > 0,
    }


def test_frames_are_seen_as_each_alone_with_the_clips_key():
    view = views.compose(views.affine(degrees=30.0), views.noise(0.1))
    example, key = _clip(), jax.random.key(0)
    seen = views.clip(view)(key, example)
    for t in range(3):
        frame = {name: example[name][t] for name in ('image', 'landmarks')}
        alone = view(key, frame)
        for name in ('image', 'landmarks', 'visible', 'warp'):
            np.testing.assert_allclose(seen[name][t], alone[name], atol=1e-6)
    assert seen['annotated'].tolist() == [False, True, True]


def test_noise_is_each_frames_own_where_it_is_asked_for():
    still = _clip() | {'image': jnp.full((3, 9, 9, 1), 0.5)}
    turn = views.clip(views.affine(degrees=30.0))
    noise = views.clip(views.noise(0.1), alike=False)
    seen = views.compose(turn, noise)(jax.random.key(0), still)
    assert jnp.abs(seen['image'][0] - seen['image'][1]).max() > 0.1
    for name in 'landmarks', 'warp':
        alone = views.compose(turn, views.identity)(jax.random.key(0), still)
        np.testing.assert_array_equal(seen[name], alone[name])


def test_what_a_clip_can_not_be():
    apart = views.clip(views.affine(degrees=9.0), alike=False)
    with pytest.raises(InputError, match='move all frames alike'):
        apart(jax.random.key(0), _clip() | {'flow': jnp.zeros((2, 9, 9, 2))})
    still = {'image': jnp.zeros((9, 9, 1))}
    with pytest.raises(InputError, match='a clip is'):
        views.clip(views.noise(0.1))(jax.random.key(0), still)


def test_a_known_flow_moves_with_the_frames():
    """A landmark that follows the flow still does in the view."""
    size, begin = 17, jnp.asarray([[8.0, 7.0], [10.0, 9.0]])
    x = jnp.linspace(-0.5, 0.5, size)
    flow = jnp.stack([1.5 + x[None] + 0 * x[:, None], x[:, None] - x[None]], axis=-1)
    at = begin.astype(int)
    landmarks = jnp.stack([begin, begin + flow[at[:, 1], at[:, 0]]])
    images = jnp.zeros((2, size, size, 1))
    example = {'image': images, 'landmarks': landmarks, 'flow': flow[None]}
    turn = views.compose(views.affine(degrees=60.0, scale=(0.8, 1.2)))
    seen = views.clip(turn)(jax.random.key(1), example)
    assert abs(seen['warp'][0, 0, 1]) > 0.2  # it turned
    first, second = seen['landmarks']
    found = warp.sample(seen['flow'][0], [first[:, 0], first[:, 1]])
    np.testing.assert_allclose(first + found, second, atol=1e-3)
    twice = views.compose(views.clip(turn), views.clip(views.affine(degrees=20.0)))
    seen = twice(jax.random.key(2), example)
    first, second = seen['landmarks']
    found = warp.sample(seen['flow'][0], [first[:, 0], first[:, 1]])
    np.testing.assert_allclose(first + found, second, atol=1e-2)
    still = views.clip(views.noise(0.1))(jax.random.key(0), example)
    np.testing.assert_array_equal(still['flow'], example['flow'])
