"""MixUp of inputs alone, as the audio comparison adds it to methods."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, tasks
from ssljax.contracts import InputError
from ssljax.views import mixing

NOISE = np.random.default_rng(0)
LABELLED, WEAK, STRONG = NOISE.normal(size=(3, 6, 5)).astype('f')
LABEL = NOISE.integers(0, 3, 6)


def softmax(z):
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def answer(student, x):
    W1, b1, W2, b2 = (np.float64(student[name]) for name in ('W1', 'b1', 'W2', 'b2'))
    return softmax(np.tanh(x @ W1 + b1) @ W2 + b2)


@pytest.fixture
def shares(monkeypatch):
    """The shares that are drawn, whatever the key: 0.7 once, then 0.9 and 0.6."""
    drawn = iter([0.7, 0.1, 0.4, 0.2])
    monkeypatch.setattr(
        jax.random, 'beta', lambda key, a, b, shape: jnp.full(shape, next(drawn))
    )
    return [0.7, 0.9, 0.6, 0.8]


def test_fixmatch_with_mixup(tiny, shares):
    """SSLH: both ways, each with a share of its own, from the unmixed rows."""
    method = methods.fixmatch(
        *(tiny.mlp(), optax.sgd(1.0)), num_classes=3, threshold=0.4, mixup=0.75
    )
    batch = tiny.batch(LABELLED, LABEL, {'weak': WEAK, 'strong': STRONG})
    state = method.init(jax.random.key(0), batch)
    student = state.params['student']
    _, metrics = method.step(state, batch)
    guess = answer(student, WEAK)
    kept, hard = guess.max(1) >= 0.4, guess.argmax(1)
    assert 0 < kept.mean() <= 1
    a, b, *_ = shares
    on_labels = answer(student, a * LABELLED + (1 - a) * STRONG)
    on_strong = answer(student, b * STRONG + (1 - b) * LABELLED)
    row = np.arange(6)
    supervised = -np.log(on_labels[row, LABEL]).mean()
    consistency = -(kept * np.log(on_strong[row, hard])).mean()
    np.testing.assert_allclose(metrics['loss/supervised'], supervised, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss/consistency'], consistency, rtol=1e-5)


def test_mean_teacher_with_mixup(tiny, shares, monkeypatch):
    """Only what the teacher answers is mixed, with a shuffle of itself."""
    order = NOISE.permutation(6)
    monkeypatch.setattr(mixing, 'partners', lambda key, rows: jnp.asarray(order))
    method = methods.mean_teacher(
        *(tiny.mlp(), optax.sgd(1.0)), num_classes=3, mixup=1.0
    )
    batch = tiny.batch(LABELLED, LABEL, {'weak': WEAK, 'weak2': STRONG})
    state = method.init(jax.random.key(0), batch)
    student = state.params['student']
    _, metrics = method.step(state, batch)
    share = shares[0]
    target = answer(student, share * STRONG + (1 - share) * STRONG[order])
    squares = ((answer(student, WEAK) - target) ** 2).mean()
    np.testing.assert_allclose(metrics['loss/consistency'], squares, rtol=1e-5)
    supervised = -np.log(answer(student, LABELLED)[np.arange(6), LABEL]).mean()
    np.testing.assert_allclose(metrics['loss/supervised'], supervised, rtol=1e-5)


def test_deep_co_training_with_mixup(tiny, shares, monkeypatch):
    """Both networks see the mixture, and the labelled rows stay clean."""
    order = NOISE.permutation(6)
    monkeypatch.setattr(mixing, 'partners', lambda key, rows: jnp.asarray(order))
    share = shares[0]
    found = []
    for mixup, seen in (0.0, share * WEAK + (1 - share) * WEAK[order]), (1.0, WEAK):
        method = methods.deep_co_training(
            *(tiny.mlp(), optax.sgd(1.0)), num_classes=3, mixup=mixup
        )
        batch = tiny.batch(LABELLED, LABEL, {'weak': seen})
        batch['partner_labelled'] = batch['labelled']
        state = method.init(jax.random.key(0), batch)
        found.append(method.step(state, batch)[1]['loss'])
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_refuses(tiny):
    method = methods.fixmatch(tiny.mlp(), optax.sgd(1.0), num_classes=3)
    task = tasks.classification(3)
    weak = ('unlabelled', 'weak')
    with pytest.raises(InputError, match="view 'weak2' of 'unlabelled'"):
        methods.mixed_inputs(method, task, {weak: ('unlabelled', 'weak2')})
    with pytest.raises(InputError, match='alpha is -1'):
        methods.mixed_inputs(method, task, {weak: weak}, alpha=-1)
