import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

IMAGE = jnp.asarray(np.random.default_rng(0).random((4, 4, 2)), jnp.float32)


def _seen(**ranges):
    example = {'image': IMAGE, 'label': jnp.int32(3)}
    return jax.jit(views.jitter(**ranges))(jax.random.key(0), example)


def test_fixed_factors_scale_about_the_mean_and_then_all():
    mean = IMAGE.mean()
    np.testing.assert_allclose(
        _seen(contrast=(0.5, 0.5), brightness=(2.0, 2.0))['image'],
        2 * (mean + 0.5 * (IMAGE - mean)),
        rtol=1e-6,
    )
    np.testing.assert_allclose(_seen(contrast=(0, 0))['image'], mean, rtol=1e-6)
    seen = _seen()
    np.testing.assert_allclose(seen['image'], IMAGE, atol=1e-6)
    assert seen['label'] == 3  # what is no image stays


def test_factors_are_drawn_from_all_of_their_ranges_independently():
    view = views.jitter(contrast=(0.5, 2.0), brightness=(3.0, 4.0))
    keys = jax.random.split(jax.random.key(0), 200)
    seen = jax.vmap(lambda key: view(key, {'image': IMAGE})['image'])(keys)
    b = seen.mean((1, 2, 3)) / IMAGE.mean()
    drawn = np.stack([seen.std((1, 2, 3)) / IMAGE.std() / b, b], axis=-1)
    low, high = np.array([0.5, 3.0]), np.array([2.0, 4.0])
    unit = (drawn - low[None]) / (high - low)[None]
    assert unit.min() > -1e-4 and unit.max() < 1 + 1e-4
    assert (unit.min(0) < 0.05).all() and (unit.max(0) > 0.95).all()
    assert abs(np.corrcoef(unit.T)[0, 1]) < 0.3


@pytest.mark.parametrize('ranges', [{'contrast': (1, 0.5)}, {'brightness': (-1, 1)}])
def test_ranges_that_are_none_are_refused(ranges):
    (name,) = ranges
    with pytest.raises(InputError, match=f'{name} is .*low <= high'):
        views.jitter(**ranges)
