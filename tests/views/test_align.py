"""An answer for one view, carried to another, is the other view's answer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

Y, X = np.mgrid[:40, :48]
# Long waves: what a smooth network answers at each place.
SMOOTH = np.stack(
    [0.5 + 0.5 * np.sin(X / 9 + k) * np.cos(Y / 11 - k) for k in range(3)], axis=-1
).astype(np.float32)
LANDMARKS = np.float32([[10, 8], [30, 20], [40, 35], [2, 3]])
EXAMPLE = {
    'image': SMOOTH,
    'landmarks': LANDMARKS,
    'boxes': np.concatenate([LANDMARKS - 2, LANDMARKS + 2], axis=1),
}
PAIRS = {
    'affine': (
        views.affine(degrees=30.0, scale=(0.8, 1.2), translate=0.1),
        views.compose(views.flip_horizontal(1.0), views.affine(shear=0.2)),
    ),
    'perspective': (views.perspective(0.4, 1.0), views.perspective(0.4, 1.0)),
    'crop': (views.resized_crop((0.5, 1.0)), views.shift(4)),
}


@pytest.mark.parametrize('pair', PAIRS)
def test_aligned_answers_are_the_other_views(pair):
    """Images as dense answers, boxes and landmarks: A's, carried, against B's own."""

    def both(key):
        one, two = (
            view(k, EXAMPLE)
            for view, k in zip(PAIRS[pair], jax.random.split(key), strict=True)
        )
        carried = {
            kind: views.align(
                one[name], one['warp'], two['warp'], kind=kind, shape=(40, 48)
            )
            for kind, name in (
                ('dense', 'image'),
                ('landmarks', 'landmarks'),
                ('boxes', 'boxes'),
            )
        }
        return one, two, carried

    keys = jax.random.split(jax.random.key(1), 4)
    one, two, carried = jax.device_get(jax.jit(jax.vmap(both))(keys))
    answer, seen = carried['dense']
    assert 0.3 < seen.mean() < 0.99
    # Half a pixel from an edge both views blend with nothing: two pixels inside.
    inner = seen[:, 2:-2, 2:-2] & (two['image'] > 0).all(axis=-1)[:, 2:-2, 2:-2]
    for a, b in ((-2, 0), (2, 0), (0, -2), (0, 2)):
        inner &= np.roll(seen, (a, b), (1, 2))[:, 2:-2, 2:-2]
    apart = abs(answer - two['image']).max(axis=-1)[:, 2:-2, 2:-2]
    assert apart[inner].max() < 0.03
    points, seen = carried['landmarks']
    np.testing.assert_allclose(points, two['landmarks'], atol=2e-3)
    np.testing.assert_array_equal(seen, one['visible'] & two['visible'])
    assert seen.any() and (pair != 'affine' or not seen.all())
    if pair == 'crop':  # hulls of hulls are larger under a turn
        boxes, seen = carried['boxes']
        whole = one['valid'] & (abs(np.diff(one['boxes'][..., ::2])[..., 0]) > 3.9)
        np.testing.assert_array_equal(seen & whole, two['valid'] & whole & seen)
        clear = whole & seen & ((one['boxes'] > 0) & (one['boxes'] < 39)).all(axis=-1)
        assert clear.any()
        np.testing.assert_allclose(boxes[clear], two['boxes'][clear], atol=1e-3)


def test_a_class_map_is_carried_whole_and_exactly():
    labels = np.arange(12, dtype=np.int32).reshape(3, 4, 1)
    flip = np.float32([[-1, 0, 3], [0, 1, 0], [0, 0, 1]])
    by = np.float32([[1, 0, 1], [0, 1, 0], [0, 0, 1]])
    carry = jax.jit(views.align)
    got, seen = carry(labels, flip, None)
    np.testing.assert_array_equal(got, labels[:, ::-1])
    assert seen.all()
    got, seen = carry(labels, None, by)
    np.testing.assert_array_equal(got[:, 1:], labels[:, :-1])
    np.testing.assert_array_equal(seen, [[False, True, True, True]] * 3)
    got, seen = carry(labels, by, by)  # the first column of both is padding
    np.testing.assert_array_equal(got, labels)
    np.testing.assert_array_equal(seen, [[False, True, True, True]] * 3)
    got, seen = views.align(labels, None, None)
    assert got is labels and seen.shape == (3, 4) and seen.all()


def test_coarse_answers_move_by_their_cells():
    """Four pixels a cell: a shift by 8 pixels is one by two cells."""
    cells = np.random.default_rng(0).random((5, 6, 2)).astype(np.float32)
    by = np.float32([[1, 0, 8], [0, 1, 0], [0, 0, 1]])
    move = jax.jit(functools.partial(views.align, shape=(20, 24)))
    got, seen = move(cells, None, by)
    np.testing.assert_allclose(got[:, 2:], cells[:, :-2], atol=1e-6)
    np.testing.assert_array_equal(seen[0], [False] * 2 + [True] * 4)
    flip = np.float32([[-1, 0, 23], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(move(cells, None, flip)[0], cells[:, ::-1], atol=1e-6)


def test_a_batch_is_each_example_and_volumes_too():
    turn = np.float32([[0.8, -0.6, 9], [0.6, 0.8, -4], [0, 0, 1]])
    by = np.float32([[1, 0, 3], [0, 1, 1], [0, 0, 1]])
    points = np.stack([LANDMARKS, LANDMARKS + 1])
    carry = functools.partial(views.align, kind='landmarks', shape=(40, 48))
    got, seen = jax.jit(carry)(points, None, np.stack([turn, by]))
    np.testing.assert_allclose(got[1], LANDMARKS + [4, 2], atol=1e-5)
    one = jax.jit(carry)(LANDMARKS, None, turn)
    np.testing.assert_allclose(got[0], one[0], atol=1e-5)
    np.testing.assert_array_equal(seen[0], one[1])
    volume = np.arange(24, dtype=np.int32).reshape(2, 3, 4, 1)
    flip = np.diag(np.float32([1, 1, -1, 1]))
    flip[2, 3] = 1
    got, seen = jax.jit(views.align)(volume, flip, np.eye(4))
    np.testing.assert_array_equal(got, volume[::-1])
    assert seen.all()


def test_a_larger_raw_image_was_seen():
    """Crops of a larger image: both see what lies beyond their own sides in it."""
    one = np.float32([[1, 0, -10], [0, 1, 0], [0, 0, 1]])
    two = np.float32([[1, 0, -12], [0, 1, 0], [0, 0, 1]])
    answer = jnp.zeros((4, 8, 1))
    raw = functools.partial(views.align, raw=(4, 30))
    _, seen = jax.jit(raw)(answer, one, two)
    np.testing.assert_array_equal(seen[0], [True] * 6 + [False] * 2)
    _, seen = jax.jit(views.align)(answer, one, two)
    assert not seen.any()


def test_what_cannot_be_carried_is_refused():
    with pytest.raises(InputError, match="kind is 'masks'"):
        views.align(jnp.zeros((4, 4, 1)), None, None, kind='masks')
    with pytest.raises(InputError, match='boxes need shape'):
        views.align(jnp.zeros((4, 4)), None, jnp.eye(3), kind='boxes')
