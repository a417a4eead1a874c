"""Choices from a pool, against loops over rows in numpy."""

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.solvers import acquisition

DRAW = np.random.default_rng(0)
PROBS = DRAW.dirichlet(np.ones(4), size=20).astype('f')


def test_scores_by_their_definition():
    rows = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.2, 0.5, 0.3]], 'f')
    entropy = jax.jit(acquisition.entropy)(rows)
    third = -(0.2 * np.log(0.2) + 0.5 * np.log(0.5) + 0.3 * np.log(0.3))
    np.testing.assert_allclose(entropy, [np.log(2), 0, third], rtol=1e-6)
    margin = jax.jit(acquisition.margin)(rows)
    np.testing.assert_allclose(margin, [0, 1, 0.2], atol=1e-6)
    np.testing.assert_array_equal(acquisition.highest(entropy, 2), [2, 0])


def test_mines_the_surest_of_each_class():
    found = np.asarray(acquisition.highest_of_classes(PROBS, 3))
    assert found.shape == (4, 3)
    for c, rows in enumerate(found):
        np.testing.assert_array_equal(rows, np.argsort(-PROBS[:, c])[:3])


def test_class_balanced_evens_out_what_is_known():
    guess = np.array([0] * 10 + [1] * 5 + [2] * 2)
    known = np.array([4, 0, 1, 7])  # of the last class no row is guessed
    choose = jax.jit(acquisition.class_balanced, static_argnums=3)
    found = np.asarray(choose(jax.random.key(0), guess, known, 9))
    assert len(set(found)) == 9
    have = known.copy()
    for taken, row in enumerate(found):
        left = np.setdiff1d(np.arange(17), found[:taken])
        assert have[guess[row]] == have[guess[left]].min()
        have[guess[row]] += 1
    other = np.asarray(choose(jax.random.key(1), guess, known, 9))
    assert set(other) != set(found)  # any rows within a class
    np.testing.assert_array_equal(np.bincount(guess[other]), np.bincount(guess[found]))


def gradients(probs, features):
    errors = probs - np.eye(probs.shape[1])[probs.argmax(1)]
    return np.einsum('nc,nd->ncd', errors, features).reshape(len(probs), -1)


@pytest.mark.parametrize('width', [None, 3])
def test_badge_draws_by_squared_distances(width):
    """The second row's law, given the first; and no row twice among twins."""
    features = None if width is None else DRAW.normal(size=(6, width)).astype('f')
    probs = PROBS[:6]
    keys = jax.random.split(jax.random.key(0), 20_000)
    draw = jax.jit(
        jax.vmap(lambda k: acquisition.badge(k, probs, 2, features=features))
    )
    found = np.asarray(draw(keys))
    embedded = gradients(probs, np.ones((6, 1)) if width is None else features)
    first = np.argmax(np.linalg.norm(embedded, axis=1))
    assert (found[:, 0] == first).all()
    square = ((embedded - embedded[first]) ** 2).sum(1)
    share = np.bincount(found[:, 1], minlength=6) / len(keys)
    np.testing.assert_allclose(share, square / square.sum(), atol=0.012)
    twins = np.repeat(PROBS[:2], 3, axis=0)
    every = acquisition.badge(jax.random.key(1), twins, 6)
    assert sorted(every.tolist()) == list(range(6))


def test_badge_goes_where_nothing_was_taken():
    """Four far groups: one row of each, nearly always."""
    groups = np.repeat(np.eye(4, dtype='f') * 0.9 + 0.025, 5, axis=0)
    probs = groups + 1e-4 * DRAW.uniform(size=groups.shape).astype('f')
    keys = jax.random.split(jax.random.key(0), 50)
    draw = jax.jit(jax.vmap(lambda k: acquisition.badge(k, probs, 4)))
    hit = [len(set(rows // 5)) for rows in np.asarray(draw(keys))]
    assert np.mean(np.array(hit) == 4) > 0.95


def test_refuses_more_than_there_are():
    key = jax.random.key(0)
    for choose in (
        lambda: acquisition.highest(PROBS[:, 0], 21),
        lambda: acquisition.highest_of_classes(PROBS, 21),
        lambda: acquisition.class_balanced(key, PROBS.argmax(1), np.zeros(4), 21),
        lambda: acquisition.badge(key, PROBS, 21),
    ):
        with pytest.raises(InputError, match='count is 21; 20 rows are left'):
            choose()
