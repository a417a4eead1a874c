import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import targets
from ssljax.contracts import Evidence, InputError

PROBS = np.array(
    [[0.9, 0.1, 0], [0.8, 0, 0.2], [0.95, 0, 0.05], [0.1, 0.5, 0.4], [0.7, 0.2, 0.1]],
    np.float32,
)


def weights(rule, probs=PROBS):
    start = targets.from_prediction(probs)
    return rule.update(start, rule.init(start), Evidence(jnp.zeros((), int)))[0].weight


@pytest.mark.parametrize(
    'most, expected',
    [(1, [0, 0, 1, 1, 0]), (2, [1, 0, 1, 2, 0]), (3, [1, 1, 1, 3, 0])],
)
def test_the_surest_of_each_class_weigh_the_same(most, expected):
    np.testing.assert_allclose(weights(targets.balance(most)), expected)


def test_only_of_the_rows_that_still_count():
    rule = targets.chain(targets.threshold(0.75), targets.balance(3))
    np.testing.assert_allclose(weights(rule), [1, 1, 1, 0, 0])


def test_a_large_pool_is_balanced():
    logits = 3 * jax.random.normal(jax.random.key(0), (1000, 7))
    probs = np.asarray(jax.nn.softmax(logits + jnp.arange(7.0)[None] / 2))
    found = np.asarray(weights(targets.balance(40), probs))
    guess, sure = probs.argmax(-1), probs.max(-1)
    for c in range(7):
        of_class = found[guess == c]
        np.testing.assert_allclose(of_class.sum(), 40, rtol=1e-5)
        assert np.sum(of_class > 0) == min(40, np.sum(guess == c))
        out = sure[(guess == c) & (found == 0)]
        assert not len(out) or out.max() <= sure[(guess == c) & (found > 0)].min()


def test_refuses_none():
    with pytest.raises(InputError, match='per_class is 0'):
        targets.balance(0)
