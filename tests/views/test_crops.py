"""Crops that fill up what is too small, and two that overlap."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

KEYS = jax.random.split(jax.random.key(0), 200)


def _numbered(shape):
    """Every pixel says where it is."""
    mask = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    return {'image': mask[..., None].astype(np.float32), 'mask': mask}


def draw(view, example):
    many = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return jax.device_get(many(KEYS, example))


@pytest.mark.parametrize(
    ('shape', 'size'), [((7, 9), (4, 5)), ((5, 6, 7), (3, 8, 4)), ((4, 4), (4, 4))]
)
def test_crops_are_everywhere_and_say_where(shape, size):
    example = _numbered(shape) | {'landmarks': np.zeros((1, len(shape)), np.float32)}
    got = draw(views.random_crop(size, fill=-1.0), example)
    corners = set()
    for k, mask in enumerate(got['mask']):
        assert mask.shape == size
        inside = got['image'][k, ..., 0] >= 0
        np.testing.assert_array_equal(got['image'][k, ..., 0][inside], mask[inside])
        assert (mask[~inside] == 255).all()
        at = np.argwhere(inside)[0]
        number = np.array(np.unravel_index(mask[tuple(at)], shape))
        found = got['warp'][k] @ [*number[::-1], 1]
        np.testing.assert_array_equal(found, [*at[::-1], 1])
        np.testing.assert_array_equal(got['landmarks'][k, 0], got['warp'][k, :-1, -1])
        corners.add(tuple(number - at))
    room = [max(n - s, 0) + 1 for n, s in zip(shape, size, strict=True)]
    assert len(corners) == np.prod(room)
    filled = [min(n, s) for n, s in zip(shape, size, strict=True)]
    assert inside.sum() == np.prod(filled)


def test_neighbours_overlap_as_much_as_asked():
    got = draw(views.overlapping_crops((6, 4), share=0.5), _numbered((14, 12)))
    met = [set(along.tolist()) for along in got['offset'].T]
    assert met == [set(range(-3, 4)), set(range(-2, 3))]
    moved, seen = jax.jit(views.overlap)(got['neighbour'], got['offset'])
    moved, seen = np.asarray(moved), np.asarray(seen)
    np.testing.assert_array_equal(moved[seen], got['image'][seen])
    both = [
        len(np.intersect1d(a, b))
        for a, b in zip(got['image'], got['neighbour'], strict=True)
    ]
    assert seen.sum((1, 2)).tolist() == both and min(both) == 6


def test_volumes_and_gradients_of_an_overlap():
    got = draw(views.overlapping_crops((3, 4, 4), share=0.6), _numbered((6, 7, 8)))
    first, neighbour, offset = (got[k][:4] for k in ('image', 'neighbour', 'offset'))

    @jax.jit
    def shared(x):
        moved, seen = views.overlap(x, offset)
        return jnp.sum(moved[..., 0] * seen), (moved, seen)

    slope, (moved, seen) = jax.grad(shared, has_aux=True)(jnp.array(neighbour))
    moved, seen = np.asarray(moved), np.asarray(seen)
    np.testing.assert_array_equal(moved[seen], first[seen])
    assert offset.any() and slope.sum() == seen.sum()  # once for each shared pixel


@pytest.mark.parametrize(
    'make',
    [
        lambda: views.random_crop((4,)),
        lambda: views.random_crop((4, 0)),
        lambda: views.overlapping_crops((4, 4), share=0.0),
        lambda: views.random_crop((2, 2, 2))(KEYS[0], _numbered((4, 4))),
    ],
)
def test_impossible_sizes(make):
    with pytest.raises(InputError):
        make()
