"""The closed forms hold where they were measured, by the numbers that are committed."""

import json

import jax
import numpy as np
import pytest


@pytest.fixture(scope='module')
def found(root):
    """What is committed, by problem."""
    path = root / 'experiments/results/self_distillation.json'
    return json.loads(path.read_text())['problems']


def test_closed_forms_are_the_fits_and_the_best_weight_the_searched_one(found):
    assert len(found) == 4
    for one in found.values():
        assert one['apart'] < 1e-6
        for step in one['best']:
            np.testing.assert_allclose(step['predicted'], step['searched'], atol=1e-6)


def test_the_example_gives_the_same_numbers_again(imported, found):
    benchmark = imported('benchmarks.self_distillation')
    with jax.enable_x64(True):
        problem = benchmark.sine()
        fits = benchmark.iterated(problem, [0.25] * 3)
        again = [benchmark.error(problem, fit, 'test') for fit in fits]
        best = benchmark.best(problem, steps=2)[0]
    steps = found['sine']['errors']['0.25']['steps'][:3]
    np.testing.assert_allclose(again, steps, rtol=1e-9)
    np.testing.assert_allclose(steps, [0.16477, 0.15309, 0.14958], atol=6e-6)
    np.testing.assert_allclose(best['predicted'], -0.621844, atol=1e-6)
    # An example in which the fit before is worth more than the truth.
    assert best['error'] < steps[0]
