import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.views import adversarial

W = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(5, 2, 3)).astype(np.float32)


def logits_of(x):
    return jnp.tanh(x.reshape(len(x), -1)) @ W


def test_fgsm_moves_every_number_to_where_the_loss_is_higher():
    tree = {'a': X, 'b': X[:2]}

    def loss(tree):
        return jnp.sum(jnp.cos(tree['a']) + 1, axis=(1, 2)).sum() + tree['b'] ** 2

    moved = adversarial.fgsm(lambda t: jnp.sum(loss(t)), tree, size=0.1)
    np.testing.assert_allclose(moved['a'], X - 0.1 * np.sign(np.sin(X)), rtol=1e-6)
    np.testing.assert_allclose(
        moved['b'], X[:2] + 0.1 * np.sign(X[:2]), rtol=1e-6, atol=1e-7
    )


def run(function, **options):
    """``virtual`` as one program."""
    key = jax.random.key(0)
    return jax.jit(lambda x: adversarial.virtual(function, x, key, **options))(X)


def divergence(x, moved):
    """KL [B] in float64, of the model above."""

    def log_probs(x):
        z = np.tanh(np.asarray(x, float).reshape(len(x), -1)) @ W.astype(float)
        return z - np.log(np.exp(z).sum(-1, keepdims=True))

    p, q = log_probs(x), log_probs(moved)
    return np.sum(np.exp(p) * (p - q), axis=-1)


@pytest.mark.parametrize('sharpness', [1, 20])
def test_virtual_converges_to_the_direction_of_most_change(sharpness):
    """Also where the answer is sure, and a quotient of differences all rounding."""
    size = 0.5
    found = run(lambda x: sharpness * logits_of(x), size=size, iterations=30)
    step = np.asarray(found, float) - X
    lengths = np.sqrt(np.sum(step**2, axis=(1, 2)))
    np.testing.assert_allclose(lengths, size, rtol=1e-5)

    x, w = X.reshape(5, -1).astype(float), sharpness * W.astype(float)
    z = np.tanh(x) @ w
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    for i in range(5):
        jacobian = (1 - np.tanh(x[i]) ** 2)[:, None] * w
        change = jacobian - (jacobian @ p[i])[:, None]
        values, vectors = np.linalg.eigh((change * p[i]) @ change.T / (1 - p[i].max()))
        cosine = abs(vectors.T @ step[i].ravel()) / size
        assert cosine[values > 0.9 * values.max()].max() > 1 - 1e-3
    assert (p.max() > 1 - 1e-7) == (sharpness > 1)


def test_one_iteration_is_most_of_the_way():
    one = np.asarray(run(logits_of, size=1e-2))
    most = divergence(X, run(logits_of, size=1e-2, iterations=30))
    noise = np.random.default_rng(2).normal(size=(50, *X.shape))
    noise *= 1e-2 / np.sqrt(np.sum(noise**2, axis=(2, 3), keepdims=True))
    random = np.mean([divergence(X, X + n) for n in noise], axis=0)
    assert np.all(divergence(X, one) > random)
    assert np.all(divergence(X, one) <= most * (1 + 1e-3))


def test_rows_have_their_own_draws_and_no_gradient_passes():
    key = jax.random.key(3)

    @jax.jit
    def attacks(x):
        attack = adversarial.virtual(logits_of, x, key, size=1.0)
        return attack + adversarial.fgsm(logits_of, x, size=1.0)

    np.testing.assert_allclose(attacks(X[:3]), attacks(X)[:3], rtol=1e-5, atol=1e-6)
    slope = jax.grad(lambda x: jnp.sum(attacks(x)))(X)
    np.testing.assert_array_equal(slope, 0)


def test_what_no_step_changes_stays():
    moved = adversarial.virtual(
        lambda x: jnp.zeros((len(x), 3)) * x.sum(), X, jax.random.key(0), size=1.0
    )
    np.testing.assert_array_equal(moved, X)


def test_refusals():
    key = jax.random.key(0)
    with pytest.raises(InputError, match='int32.*moves floats'):
        adversarial.fgsm(lambda x: x.sum(), jnp.arange(3), size=1.0)
    with pytest.raises(InputError, match='one array'):
        adversarial.virtual(lambda x: x['a'], {'a': X}, key, size=1.0)
    with pytest.raises(InputError, match='iterations is 0'):
        adversarial.virtual(logits_of, X, key, size=1.0, iterations=0)
