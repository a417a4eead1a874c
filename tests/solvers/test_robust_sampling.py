"""The game's solution against a linear programme, the sampler against its law."""

import itertools

import jax
import numpy as np
import pytest
from scipy.optimize import linprog

from ssljax import solvers
from ssljax.contracts import InputError

solve = jax.jit(solvers.robust_distribution, static_argnames=('wrong', 'least'))


def programme(gain, wrong):
    """max v: sum over all but S of p g >= v for every S of ``wrong``, p a simplex."""
    rows = len(gain)
    spoiled = itertools.combinations(range(rows), wrong)
    bounds = []
    for some in spoiled:
        kept = gain.copy()
        kept[list(some)] = 0
        bounds.append([*-kept, 1.0])
    found = linprog(
        [0.0] * rows + [-1.0],
        A_ub=bounds,
        b_ub=np.zeros(len(bounds)),
        A_eq=[[1.0] * rows + [0.0]],
        b_eq=[1.0],
        bounds=[(0, 1)] * rows + [(None, None)],
    )
    return found.x[:-1], -found.fun


@pytest.mark.parametrize('wrong', [0, 1, 2, 4])
def test_equals_the_linear_programme(wrong):
    draw = np.random.default_rng(wrong)
    sizes = set()
    for _ in range(5):
        gain = draw.uniform(0.05, 1, 7)
        probs, value = programme(gain, wrong)
        found = solve(gain.astype('f'), wrong)
        np.testing.assert_allclose(found.value, value, rtol=1e-5)
        np.testing.assert_allclose(found.probs, probs, atol=1e-5)
        sizes.add(int((found.probs > 0).sum()))
    assert min(sizes) == 1 if wrong == 0 else min(sizes) > wrong


def test_as_many_are_possible_as_will_be_drawn():
    gain = np.array([0.9, 0.1, 0.5, 0.4], 'f')
    alone, two = solve(gain, 0), solve(gain, 0, least=2)
    np.testing.assert_array_equal(alone.probs, [1, 0, 0, 0])
    np.testing.assert_allclose(two.probs, [5 / 14, 0, 9 / 14, 0], rtol=1e-6)
    # Worthless ones are not worth asking for, and nothing is divided by 0.
    nothing = solve(np.array([0.0, 0.5, 0.5, 0.5], 'f'), 1)
    np.testing.assert_allclose(nothing.probs, [0, 1 / 3, 1 / 3, 1 / 3], rtol=1e-6)


def test_draws_are_of_those_left():
    """All orders of 2 among 4, as often as drawing one after another has them."""
    probs = np.array([0.5, 0.3, 0.2, 0.0])
    keys = jax.random.split(jax.random.key(0), 20_000)
    draw = jax.jit(
        jax.vmap(lambda k: solvers.sample_without_replacement(k, probs.astype('f'), 2))
    )
    found = np.asarray(draw(keys))
    for i, j in itertools.permutations(range(4), 2):
        share = np.mean((found == [i, j]).all(1))
        expected = probs[i] * probs[j] / (1 - probs[i])
        np.testing.assert_allclose(share, expected, atol=0.01)
    every = solvers.sample_without_replacement(keys[0], probs.astype('f'), 4)
    assert sorted(every.tolist()) == [0, 1, 2, 3] and every[3] == 3


def test_refuses_what_cannot_be():
    gain = np.ones(3, 'f')
    for settings in {'wrong': 3}, {'wrong': -1}, {'wrong': 0, 'least': 4}:
        with pytest.raises(InputError, match='of 3 examples'):
            solvers.robust_distribution(gain, **settings)
    with pytest.raises(InputError, match='count is 4; there are 3 rows'):
        solvers.sample_without_replacement(jax.random.key(0), gain, 4)
