"""MixMatch against the official numbers, and what makes it itself."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, schedules
from ssljax.contracts import InputError, Variables
from ssljax.views import mixing


def mlp_of(case):
    names = ('W1', 'b1', 'W2', 'b2')
    return Variables({name: jnp.asarray(case[f'in_{name}']) for name in names})


@pytest.fixture
def drawn(monkeypatch):
    """Replaces what mixing draws: ``drawn(permutation, beta)``."""

    def replace(permutation, beta):
        chosen = jnp.asarray(permutation, jnp.int32)
        monkeypatch.setattr(mixing, 'partners', lambda key, rows: chosen)
        monkeypatch.setattr(
            jax.random, 'beta', lambda key, a, b, shape: jnp.full(shape, beta)
        )

    return replace


@pytest.mark.parametrize('joint', [True, False])
def test_official_values_and_gradients(tiny, golden, drawn, joint):
    case = golden('usb_mixmatch')
    drawn(case['in_perm'], float(case['in_lam']))
    first = mlp_of(case)
    ramp = int(case['hp_warm_frac'] * case['hp_N'])
    method = methods.mixmatch(
        *(tiny.mlp(4, 12), optax.sgd(1.0)),
        num_classes=4,
        temperature=float(case['hp_T']),
        alpha=float(case['hp_alpha']),
        one_share=True,
        weight=schedules.linear_ramp(ramp, float(case['hp_lambda_u'])),
        joint=joint,
    )
    views = {'weak': case['in_u1'], 'weak2': case['in_u2']}
    batch = tiny.batch(case['in_x_lb'], case['in_y_lb'], views)
    state = method.init(jax.random.key(0), batch, {'student': first})
    state = state._replace(step=jnp.asarray(case['hp_it'], jnp.int32))
    new, metrics = jax.jit(method.step)(state, batch)
    for ours, theirs in {
        'loss/supervised': 'sup',
        'loss/consistency': 'unsup',
        'loss': 'total',
    }.items():
        np.testing.assert_allclose(metrics[ours], case[f'out_{theirs}_loss'], rtol=1e-5)
    for name, old in first.params.items():
        moved = old - new.params['student'][name]
        expected = case[f'grad_total__{name}']
        np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-5)


def test_each_row_has_its_own_share(golden, monkeypatch):
    """The paper's form, which USB leaves for one lambda a batch."""
    case = golden('usb_mixmatch')
    share = jnp.asarray(case['in_lam_rows'])
    monkeypatch.setattr(mixing, 'partners', lambda key, rows: case['in_perm'])
    monkeypatch.setattr(jax.random, 'beta', lambda key, a, b, shape: share)
    labels = [np.eye(4)[case['in_y_lb']], *(case['mid_sharpened'],) * 2]
    images = [case[f'in_{name}'] for name in ('x_lb', 'u1', 'u2')]
    mixed = mixing.mixup_among(
        jax.random.key(0),
        [
            {'image': jnp.asarray(x, jnp.float32), 'label': jnp.asarray(y, jnp.float32)}
            for x, y in zip(images, labels, strict=True)
        ],
    )
    for name, short in {'image': 'x', 'label': 'y'}.items():
        found = np.concatenate([row[name] for row in mixed])
        np.testing.assert_allclose(found, case[f'paper_mixed_{short}'], rtol=1e-5)


def test_without_mixup_in_the_audio_comparison(tiny):
    """Cross-entropy on the guesses themselves; numbers of float64."""
    network, noise = tiny.mlp(), np.random.default_rng(0)
    x, a, b = noise.normal(size=(3, 4, 5))
    label = np.array([0, 2, 1, 1])
    method = methods.mixmatch(
        *(network, optax.sgd(1.0)),
        num_classes=3,
        alpha=0.0,
        loss='cross_entropy',
        weight=2.0,
    )
    batch = tiny.batch(
        jnp.asarray(x, jnp.float32),
        label,
        {'weak': jnp.asarray(a, jnp.float32), 'weak2': jnp.asarray(b, jnp.float32)},
    )
    state = method.init(jax.random.key(0), batch)
    student = state.params['student']
    W1, b1, W2, b2 = (np.float64(student[name]) for name in ('W1', 'b1', 'W2', 'b2'))

    def log_probs(x):
        z = np.tanh(x @ W1 + b1) @ W2 + b2
        return z - np.log(np.exp(z).sum(1, keepdims=True))

    guess = (np.exp(log_probs(a)) + np.exp(log_probs(b))) / 2
    guess = guess**2 / (guess**2).sum(1, keepdims=True)
    unlabelled = -np.mean([(guess * log_probs(u)).sum(1) for u in (a, b)])
    labelled = -log_probs(x)[np.arange(4), label].mean()
    _, metrics = method.step(state, batch)
    np.testing.assert_allclose(metrics['loss/supervised'], labelled, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss/consistency'], unlabelled, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss'], labelled + 2 * unlabelled, rtol=1e-5)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'alpha': -1.0}, 'alpha is -1.0'),
        ({'copies': 0}, 'copies is 0'),
        ({'loss': 'entropy'}, "loss is 'entropy'"),
        ({'temperature': 0.0}, 'temperature is 0'),
    ],
)
def test_refuses(tiny, options, message):
    with pytest.raises(InputError, match=message):
        methods.mixmatch(tiny.mlp(), optax.sgd(1.0), num_classes=3, **options)
