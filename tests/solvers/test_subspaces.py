"""Pseudo-subclasses of LELP, solver and targets, against numpy in float64."""

import jax
import numpy as np
import pytest

from ssljax import losses
from ssljax.contracts import InputError
from ssljax.solvers import subspaces

ROWS, WIDTH, CLASSES, PARTS = 60, 6, 2, 3
DRAW = np.random.default_rng(0)
LABEL = np.arange(ROWS) % (CLASSES + 1)  # rows of the last id are of no class
SCALE = np.array([3.0, 0.1, 2.0, 0.2, 1.0, 0.1])
FEATURES = (DRAW.normal(size=(ROWS, WIDTH)) * SCALE + LABEL[:, None]).astype('f')
FEATURES[LABEL == 1] = FEATURES[LABEL == 1][:, ::-1]


@pytest.fixture(scope='module')
def found():
    solve = jax.jit(subspaces.class_subspaces, static_argnums=(3, 4))
    return solve(jax.random.key(0), FEATURES, LABEL, CLASSES, PARTS)


def test_spans_the_main_directions_of_each_class(found):
    turns = []
    for c in range(CLASSES):
        rows = FEATURES[LABEL == c].astype(np.float64)
        np.testing.assert_allclose(found.means[c], rows.mean(0), rtol=1e-5)
        main = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:PARTS].T
        ours = np.asarray(found.directions[c])
        np.testing.assert_allclose(ours @ ours.T, main @ main.T, atol=1e-5)
        np.testing.assert_allclose(ours.T @ ours, np.eye(PARTS), atol=1e-5)
        turns.append(main.T @ ours)
    # The same turn in each, up to the signs of the main directions; not none at all.
    np.testing.assert_allclose(*np.abs(turns), atol=1e-4)
    assert np.abs(turns[0]).max() < 0.99


def test_coordinates_are_from_the_mean_of_each_class(found):
    got = jax.jit(subspaces.coordinates)(found, FEATURES.reshape(4, 15, WIDTH))
    for c in range(CLASSES):
        own = (FEATURES - np.asarray(found.means[c])) @ np.asarray(found.directions[c])
        flat = np.asarray(got[..., c, :]).reshape(ROWS, PARTS)
        np.testing.assert_allclose(flat, own, atol=1e-5)
        np.testing.assert_allclose(flat[LABEL == c].mean(0), 0, atol=1e-5)


def test_the_turn_evens_out_variances():
    """Over draws of it, each coordinate has the mean of the main variances."""

    @jax.jit
    @jax.vmap
    def variances(key):
        one = subspaces.class_subspaces(key, FEATURES, LABEL, CLASSES, PARTS)
        return subspaces.coordinates(one, FEATURES)[LABEL == 0, 0].var(0)

    mean = np.asarray(variances(jax.random.split(jax.random.key(1), 200))).mean(0)
    np.testing.assert_allclose(mean / mean.mean(), 1, atol=0.15)


def test_what_the_head_sees_is_taken_away():
    weights = DRAW.normal(size=(WIDTH, 3)).astype('f')
    weights[:, 2] = -weights[:, :2].sum(1)  # dependent, as those of a softmax can be
    left = jax.jit(subspaces.without)(FEATURES, weights)
    np.testing.assert_allclose(left @ weights, 0, atol=1e-4)
    basis = np.linalg.qr(weights[:, :2].astype(np.float64))[0]
    np.testing.assert_allclose(left, FEATURES - FEATURES @ basis @ basis.T, atol=1e-4)
    with pytest.raises(InputError, match=r'weights \(6, 6\)'):
        subspaces.without(FEATURES, np.eye(WIDTH))


def test_targets_and_logits_of_classes_are_sums_over_subclasses(found):
    probs = DRAW.dirichlet(np.ones(CLASSES), size=5).astype('f')
    scores = np.asarray(subspaces.coordinates(found, FEATURES[:5]))

    def make(probs, scores):
        return losses.subclass_targets(probs, scores, temperature=0.5)

    targets = np.asarray(jax.jit(make)(probs, scores))
    assert targets.shape == (5, CLASSES * PARTS)
    np.testing.assert_allclose(
        targets.reshape(5, CLASSES, PARTS).sum(-1), probs, rtol=1e-5
    )
    e = np.exp(scores.astype(np.float64) / 0.5)
    expected = probs[..., None] * e / e.sum(-1, keepdims=True)
    np.testing.assert_allclose(targets, expected.reshape(5, -1), rtol=1e-4, atol=1e-7)
    back = jax.grad(lambda s: losses.cross_entropy(targets, make(probs, s)).sum())(
        scores
    )
    assert not back.any()
    # A student that answers the targets answers the teacher's classes.
    logits = jax.jit(losses.class_logits, static_argnums=1)(np.log(targets), CLASSES)
    np.testing.assert_allclose(jax.nn.softmax(logits), probs, rtol=1e-5)


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match='subclasses is 7; give 1 to 6'):
        subspaces.class_subspaces(jax.random.key(0), FEATURES, LABEL, CLASSES, 7)
    with pytest.raises(InputError, match=r'scores \(5, 3, 2\)'):
        losses.subclass_targets(np.ones((5, 2)), np.ones((5, 3, 2)), temperature=1.0)
    with pytest.raises(InputError, match='4 classes'):
        losses.class_logits(np.ones((5, 6)), 4)
