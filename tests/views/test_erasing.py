import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

IMAGE = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)


def draw(view, rows=256):
    keys = jax.random.split(jax.random.key(0), rows)
    run = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return np.array(run(keys, {'image': IMAGE})['image'])


def test_one_rectangle_of_the_asked_area_and_ratio_is_erased():
    view = views.random_erasing((0.1, 0.3), (0.5, 2.0), probability=0.7, fill=-1.0)
    got = draw(view)
    holes = (got == -1).all(-1)
    np.testing.assert_array_equal(got[~holes], np.stack([IMAGE] * 256)[~holes])
    erased = holes.any((1, 2))
    assert abs(erased.mean() - 0.7) < 0.1
    corners = []
    for hole in holes[erased]:
        rows, columns = hole.any(axis=1), hole.any(axis=0)
        np.testing.assert_array_equal(hole, np.outer(rows, columns))
        tall, wide = rows.sum(), columns.sum()
        assert 0.1 - 0.03 <= tall * wide / 600 <= 0.3 + 0.03
        assert 0.5 - 0.1 <= tall / wide <= 2.0 + 0.25
        corners.append((rows.argmax(), 20 - tall - rows.argmax()))
    assert min(c[0] for c in corners) == min(c[1] for c in corners) == 0


def test_noise_fills_with_normal_values():
    view = views.random_erasing((0.4, 0.5), probability=1.0, fill='noise')
    got = draw(view, 32)
    hole = got != IMAGE[None]
    assert abs(got[hole].std() - 1) < 0.05 and abs(got[hole].mean()) < 0.05


@pytest.mark.parametrize(
    'arguments',
    [{'scale': (0, 1)}, {'ratio': (2, 1)}, {'probability': 2}, {'fill': 'x'}],
)
def test_impossible_numbers_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(InputError, match=f'{name} is'):
        views.random_erasing(**arguments)
