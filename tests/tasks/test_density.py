"""Counting: sums, terms, scores, and densities that keep their sums when they move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, solvers, tasks, views
from ssljax.contracts import InputError
from ssljax.targets import from_prediction

RNG = np.random.default_rng(0)
TASK = tasks.density((32, 32, 1), 5)
POINTS = RNG.uniform(4, 28, (2, 5, 2)).astype(np.float32)
VALID = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
EXAMPLE = {'image': np.zeros((2, 32, 32, 1)), 'points': POINTS, 'valid': VALID}
OUTPUTS = {
    'densities': jnp.asarray(RNG.uniform(0, 0.1, (2, 3, 8, 8, 1)), jnp.float32),
    'counts': jnp.array([[3.0, 4.0, 2.0], [1.0, 1.0, 1.0]]),
}


def test_the_first_head_answers_and_all_are_taught():
    prediction = TASK.decode(OUTPUTS)
    first = OUTPUTS['densities'][:, 0, :, :, 0]
    np.testing.assert_array_equal(prediction['density'], first)
    np.testing.assert_allclose(prediction['count'], first.sum((1, 2)), rtol=1e-6)
    terms = jax.jit(TASK.supervised)(OUTPUTS, EXAMPLE)
    assert set(terms) == {'count', 'transport', 'variation', 'token'}
    np.testing.assert_allclose(
        terms['count'], np.abs(first.sum((1, 2)) - np.array([3, 0])), rtol=1e-5
    )
    np.testing.assert_allclose(terms['token'], [2 / 3, 1], rtol=1e-6)
    work = losses.transport_loss(first, POINTS, VALID, 4)
    np.testing.assert_allclose(terms['transport'], 0.1 * work, rtol=1e-4)
    placed = solvers.density.place(POINTS, VALID, (8, 8), 4)
    np.testing.assert_allclose(placed.sum((1, 2)), [3, 0])
    np.testing.assert_allclose(
        terms['variation'], 0.01 * losses.variation(first, placed), rtol=1e-5
    )
    moved = jax.grad(
        lambda o: (
            TASK.supervised(o, EXAMPLE)['count'].sum()
            + TASK.supervised(o, EXAMPLE)['transport'].sum()
        )
    )(OUTPUTS)
    assert not np.any(moved['densities'][:, 1:])  # DM-Count is of the first alone
    assert 'token' not in TASK.supervised({'densities': OUTPUTS['densities']}, EXAMPLE)
    alone = tasks.density((32, 32, 1), 4, token_weight=0.0)
    assert 'token' not in alone.supervised(OUTPUTS, EXAMPLE)


def test_consistency_draws_every_head():
    prediction = TASK.decode(OUTPUTS)
    target = from_prediction(prediction)
    got = TASK.consistency(OUTPUTS, target)['consistency']
    maps = np.asarray(OUTPUTS['densities'])[..., 0]
    expected = ((maps - maps[:, :1]) ** 2).sum((2, 3)).mean(1)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize('scale', [0.5, 2.0])
def test_a_density_seen_larger_is_thinner(scale):
    blob = solvers.heatmaps.draw(
        jnp.array([[[16.0, 15.0]]]), jnp.ones((1, 1)), (32, 32), 1, 2.0
    )
    prediction = {'count': blob.sum((1, 2, 3)), 'density': blob[..., 0]}
    view = views.affine(scale=(scale, scale), degrees=20.0)
    warp = view(jax.random.key(0), {'image': jnp.zeros((32, 32, 1))})['warp'][None]
    moved = jax.jit(TASK.transport)(prediction, None, warp)
    np.testing.assert_allclose(moved['count'], prediction['count'], rtol=0.02)
    assert moved['density'].max() < prediction['density'].max() / scale**2 * 1.05
    flip = views.flip_horizontal(1.0)(jax.random.key(0), {'image': blob[0]})
    mirrored = TASK.transport(prediction, None, flip['warp'][None])
    np.testing.assert_allclose(mirrored['density'][0], flip['image'][..., 0], atol=1e-5)
    assert TASK.transport(prediction, None, None) is prediction


def test_scores_are_of_counts():
    metric = TASK.metrics['count']
    valid = np.arange(5)[None] < np.array([[1], [3], [5]])
    rows = metric.rows({'count': jnp.array([2.0, 3.0, 3.0])}, {'valid': valid})
    got = metric.result(jax.device_get(rows))
    assert got == pytest.approx({'mae': 1, 'rmse': (5 / 3) ** 0.5, 'r2': 1 - 5 / 8})
    assert TASK.score == '-mae'
    alone = metric.result({'found': np.array([2.0]), 'true': np.array([2.0])})
    assert np.isnan(alone['r2'])


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match='num_points'):
        tasks.density((32, 32, 1), 0)
    with pytest.raises(InputError, match='densities'):
        TASK.decode({'logits': jnp.zeros((2, 3))})
    with pytest.raises(InputError, match='whole number'):
        TASK.decode({'densities': jnp.zeros((2, 3, 8, 7, 1))})
