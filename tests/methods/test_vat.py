"""Against a reference in float64, by difference quotients where the method has none."""

import jax
import numpy as np
import optax
import pytest

from ssljax import methods
from ssljax.views import adversarial

SIZE, RAMP, ENTROPY = 1.5, 0.8, 0.06
LABEL = np.array([0, 2, 1])


@pytest.fixture(scope='module')
def images():
    """Labelled [3, 5] and unlabelled [4, 5]."""
    random = np.random.default_rng(3)
    return [random.normal(size=(n, 5)).astype(np.float32) for n in (3, 4)]


@pytest.fixture(scope='module')
def stepped(tiny, images):
    """One SGD step of rate 1: state before and after, and metrics."""
    method = methods.vat(
        tiny.mlp(),
        optax.sgd(1.0),
        num_classes=3,
        size=SIZE,
        weight=RAMP,
        entropy_weight=ENTROPY,
    )
    batch = tiny.batch(images[0], LABEL, {'weak': images[1]})
    state = method.init(jax.random.key(0), batch)
    return (state, *jax.jit(method.step)(state, batch))


def log_probs(p, x):
    z = np.tanh(x @ p['W1'] + p['b1']) @ p['W2'] + p['b2']
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def divergence(fixed, log_q):
    return np.sum(np.exp(fixed) * (fixed - log_q), axis=-1)


def slope(f, x, h=1e-5):
    """Central difference quotients of a scalar function of an array."""
    found = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        found[i] = (f(x + step) - f(x - step)) / (2 * h)
    return found


def rows_of_length(size, x):
    return size * x / np.linalg.norm(x, axis=-1, keepdims=True)


def first_direction(key, rows):
    """As the method draws it: a key a row."""
    key = jax.random.split(key, 3)[2]
    keys = [jax.random.fold_in(key, i) for i in range(rows)]
    draws = [jax.random.normal(one, (5,)) for one in keys]
    return rows_of_length(1.0, np.array(draws, float))


def test_step_is_the_formula_with_its_gradient(stepped, images):
    state, new, metrics = stepped
    params = {k: np.asarray(x, float) for k, x in state.params['student'].items()}
    labelled, clean = (np.asarray(x, float) for x in images)

    answer = log_probs(params, clean)
    key = jax.random.fold_in(state.key, 0)
    # The gradient of the divergence at xi d, which only float64 can take.
    near = clean + 1e-7 * first_direction(key, len(clean))
    hidden = np.tanh(near @ params['W1'] + params['b1'])
    change = np.exp(log_probs(params, near)) - np.exp(answer)
    direction = (change @ params['W2'].T * (1 - hidden**2)) @ params['W1'].T
    attack = clean + rows_of_length(SIZE, direction)

    def loss(params):
        own = log_probs(params, clean)
        supervised = -log_probs(params, labelled)[np.arange(3), LABEL].mean()
        # The target is the answer from before the step, and the attack is a constant.
        smooth = divergence(answer, log_probs(params, attack)).mean()
        entropy = -np.sum(np.exp(own) * own, axis=-1).mean()
        return supervised + RAMP * smooth + ENTROPY * entropy, supervised, smooth

    total, supervised, smooth = loss(params)
    assert smooth > 0.1
    np.testing.assert_allclose(metrics['loss/supervised'], supervised, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss/consistency'], smooth, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss'], total, rtol=1e-5)
    for name, value in params.items():
        moved = np.asarray(new.params['student'][name], float) - value
        gradient = slope(lambda x, name=name: loss({**params, name: x})[0], value)
        np.testing.assert_allclose(moved, -gradient, atol=1e-5)


def consistency(tiny, images, **options):
    """The loss of a noisy network with statistics, and those after the step."""
    network = tiny.mlp(statistics=True, noise=0.3)
    method = methods.vat(network, optax.sgd(1.0), num_classes=3, **options)
    batch = tiny.batch(images[0], LABEL, {'weak': images[1]})
    state = method.init(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch)
    return metrics['loss/consistency'], new.stats['student']['mean']


def test_only_the_adversary_makes_the_answers_differ(tiny, images):
    assert consistency(tiny, images, size=0.0)[0] < 1e-7
    assert consistency(tiny, images, size=0.1)[0] > 1e-5


def test_is_worse_than_noise_of_its_length(tiny, images, monkeypatch):
    worst, _ = consistency(tiny, images, size=0.5)

    def noise(logits_of, inputs, key, *, size, iterations):
        draw = np.random.default_rng(int(iterations)).normal(size=inputs.shape)
        return inputs + rows_of_length(size, draw)

    monkeypatch.setattr(adversarial, 'virtual', noise)
    random = [consistency(tiny, images, size=0.5, iterations=i)[0] for i in range(5)]
    assert worst > 1.5 * np.mean(random)


def test_statistics_move_by_the_labelled_rows_alone(tiny, images):
    _, found = consistency(tiny, images)
    _, same = consistency(tiny, [images[0], 5 + images[1]])
    _, other = consistency(tiny, [5 + images[0], images[1]])
    np.testing.assert_array_equal(found, same)
    assert np.abs(found - other).max() > 1e-3
