import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError

KEY = jax.random.key(0, impl='rbg')
NETWORK = models.text_cnn(3, vocabulary=9, embedding=4, channels=(4, 6), dropout=0.5)
TOKENS = jnp.array([[3, 4, 5, 0, 0, 0], [8, 7, 6, 5, 4, 3]])
LENGTH = jnp.array([3, 6])


@pytest.fixture(scope='module')
def answer():
    variables = NETWORK.init(KEY, None)

    @jax.jit
    def answer(tokens, length, key=None):
        inputs = {'tokens': tokens, 'length': length}
        return NETWORK.apply(variables, inputs, train=True, key=key)[0]

    return answer


def test_what_fills_a_text_up_does_not_count(answer):
    found = answer(TOKENS, LENGTH)
    assert found['logits'].shape == (2, 3) and found['features'].shape == (2, 6)
    junk = answer(TOKENS.at[0, 3:].set(8), LENGTH)
    shorter = answer(TOKENS[:, :3], jnp.array([3, 3]))
    for other in (junk, shorter):
        np.testing.assert_allclose(
            other['logits'][0], found['logits'][0], rtol=1e-5, atol=1e-6
        )
    moved = answer(TOKENS.at[0, 2].set(8), LENGTH)  # what is inside does
    assert abs(moved['logits'][0] - found['logits'][0]).max() > 1e-3
    empty = answer(TOKENS, jnp.array([0, 6]))
    assert jnp.isfinite(empty['logits']).all()


def test_dropout_needs_a_key(answer):
    noisy = answer(TOKENS, LENGTH, KEY)
    assert (noisy['logits'] != answer(TOKENS, LENGTH)['logits']).any()


def test_refuses_other_inputs():
    variables = NETWORK.init(KEY, None)
    for inputs in (TOKENS, {'tokens': TOKENS}, {'tokens': LENGTH, 'length': LENGTH}):
        with pytest.raises(InputError, match=r'dict of tokens \[B, T\] and length'):
            NETWORK.apply(variables, inputs, train=False)
