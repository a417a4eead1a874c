import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, models
from ssljax.contracts import InputError, Targets

LABEL = np.array([0, 2])
INDEX = np.array([5, 1, 4, -1])  # of the source; the last is no row of it
WEIGHT = np.array([1, 2, 0, 0, 0.5, 0], np.float32)  # row 5 was filtered out


@pytest.fixture
def lessons():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    return Targets(jnp.asarray(probs, jnp.float32), jnp.asarray(WEIGHT))


def step(tiny, given, **options):
    """One SGD step of rate 1 on logits that are the parameters."""
    logits = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    known, unlabelled = tiny.rows(2, 4)
    batch = tiny.batch(known, LABEL, {'strong': unlabelled}, ('strong',))
    batch['unlabelled']['index'] = jnp.asarray(INDEX)
    method = methods.noisy_student(
        tiny.table(logits), optax.sgd(1.0), num_classes=3, rows=6, **options
    )
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    moved = new.params['student']['logits'] - logits
    return logits.astype(float), np.asarray(moved), metrics


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@pytest.mark.parametrize(
    'options, factor', [({}, 7.0), ({'ratio': 4.0}, 4.0), ({'weight': 0.3}, 0.3)]
)
def test_learns_the_answers_by_their_weight(tiny, lessons, options, factor):
    logits, moved, metrics = step(tiny, {'targets': lessons}, **options)
    log_probs = log_softmax(logits)
    supervised = -log_probs[[0, 1], LABEL].mean()
    weight = np.array([0, 2, 0.5, 0])
    q = np.asarray(lessons.value, float)[[5, 1, 4, 0]]
    rows = -np.sum(q * log_probs[2:], axis=-1)
    taught = np.sum(weight * rows) / weight.sum()
    np.testing.assert_allclose(metrics['loss/supervised'], supervised, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss/consistency'], taught, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss'], supervised + factor * taught, rtol=1e-5)
    np.testing.assert_allclose(metrics['utilisation'], 0.5)
    slope = np.exp(log_probs[2:]) - q
    gradient = factor * weight[:, None] * slope / weight.sum()
    np.testing.assert_allclose(moved[2:], -gradient, atol=1e-5)


def test_the_first_teacher_learns_from_labels_alone(tiny):
    logits, moved, metrics = step(tiny, {})
    assert metrics['loss/consistency'] == 0 == metrics['utilisation']
    np.testing.assert_array_equal(moved[2:], 0)
    truth = np.eye(3)[LABEL]
    gradient = (np.exp(log_softmax(logits[:2])) - truth) / 2
    np.testing.assert_allclose(moved[:2], -gradient, atol=1e-6)


def test_the_student_is_noisy_and_answers_are_not():
    network = models.small_cnn(3, channels=(8,), dropout=0.5)
    method = methods.noisy_student(network, optax.sgd(0.0), num_classes=3, rows=4)
    image = jax.random.normal(jax.random.key(1), (4, 8, 8, 1))
    fields = {'image': image, 'label': jnp.zeros(4, jnp.int32)}
    batch = {
        'labelled': {'strong': fields, 'index': jnp.arange(4)},
        'unlabelled': {'strong': {'image': image}, 'index': jnp.arange(4)},
    }
    state = method.init(jax.random.key(0), batch)
    run = jax.jit(method.step)
    first, one = run(state, batch)
    _, two = run(first, batch)
    assert one['loss'] != two['loss']  # of the same weights
    answers = [method.predict(s, image)['logits'] for s in (state, first)]
    np.testing.assert_array_equal(*answers)


def test_refuses_answers_of_another_pool(tiny, lessons):
    short = jax.tree.map(lambda x: x[:5], lessons)
    with pytest.raises(InputError, match=r"given\['targets'\].*\(5, 3\).*\(6, 3\)"):
        step(tiny, {'targets': short})
