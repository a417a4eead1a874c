import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError


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


def test_what_a_clip_can_not_be():
    still = {'image': jnp.zeros((9, 9, 1))}
    with pytest.raises(InputError, match='a clip is'):
        views.clip(views.noise(0.1))(jax.random.key(0), still)
    flowing = {**_clip(), 'flow': jnp.zeros((2, 9, 9, 2))}
    views.clip(views.noise(0.1))(jax.random.key(0), flowing)
    with pytest.raises(InputError, match='whose flow is given'):
        views.clip(views.shift(1))(jax.random.key(0), flowing)
