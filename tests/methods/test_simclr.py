import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, models
from ssljax.contracts import InputError, Variables


@pytest.fixture
def batch():
    one, two = jax.random.normal(jax.random.key(1), (2, 8, 5))
    views = {'strong': {'image': one}, 'strong2': {'image': two}}
    return {'unlabelled': {'index': jnp.arange(8), **views}}


@pytest.fixture
def method(tiny):
    student, projector = tiny.mlp(statistics=True), tiny.mlp(classes=4)
    return methods.simclr(student, optax.sgd(0.5), projector=projector, num_classes=3)


def test_is_nt_xent_of_projected_features(tiny, batch, method):
    state = method.init(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch)

    both = jnp.concatenate(
        [batch['unlabelled'][v]['image'] for v in method.needs['unlabelled'].views]
    )
    student = Variables(state.params['student'], state.stats['student'])
    outputs, stats = tiny.mlp(statistics=True).apply(student, both, train=True)
    projected, _ = tiny.mlp(classes=4).apply(
        Variables(state.params['projector']), outputs['features'], train=True
    )
    z = projected['logits']
    expected = losses.nt_xent(z[:8], z[8:], temperature=0.5)
    np.testing.assert_allclose(metrics['loss'], expected, rtol=1e-5)
    # One pass, one set of batch statistics.
    np.testing.assert_allclose(
        new.stats['student']['mean'], stats['mean'], rtol=1e-5, atol=1e-6
    )


def test_moves_all_but_the_head(batch, method):
    state = method.init(jax.random.key(0), batch)
    new, _ = jax.jit(method.step)(state, batch)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), state.params, new.params)
    assert moved['student'] == {'W1': True, 'b1': True, 'W2': False, 'b2': False}
    assert moved['projector']['W1'] and moved['projector']['W2']


def test_pairs_find_each_other(batch, method):
    state = method.init(jax.random.key(0), batch)
    step = jax.jit(method.step)
    state, first = step(state, batch)
    for _ in range(100):
        state, metrics = step(state, batch)
    assert metrics['loss'] < 0.5 * first['loss']


def test_asks_for_no_label_and_answers_no_question(method):
    assert set(method.needs) == {'unlabelled'}
    assert method.needs['unlabelled'].fields == ('image',)
    assert method.answers == {}


def test_refuses_a_network_without_features(tiny, batch):
    method = methods.simclr(
        tiny.table([[0.0, 1.0]] * 8),
        optax.sgd(0.1),
        projector=tiny.mlp(),
        num_classes=2,
    )
    with pytest.raises(InputError, match="'features' of shape None"):
        method.init(jax.random.key(0), batch)
    method = methods.simclr(tiny.mlp(), optax.sgd(0.1), num_classes=3)
    state = method.init(jax.random.key(0), batch)
    with pytest.raises(InputError, match="no 'embedding'; give a projector"):
        method.step(state, batch)


@pytest.fixture
def deep():
    """A network with a projector of two hidden layers, its head after the first."""
    return models.projected(models.small_cnn(3, channels=(4, 6)), outputs=5)


def test_a_projector_in_the_network_leaves_its_head_at_zero(deep):
    one, two = jax.random.normal(jax.random.key(1), (2, 8, 4, 4, 1))
    views = {'strong': {'image': one}, 'strong2': {'image': two}}
    batch = {'unlabelled': {'index': jnp.arange(8), **views}}
    method = methods.simclr(deep, optax.sgd(0.5), num_classes=3)
    state = method.init(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch)

    student = Variables(state.params['student'], state.stats['student'])
    found, stats = deep.apply(student, jnp.concatenate([one, two]), train=True)
    assert found['embedding'].shape == (16, 5)
    z = found['embedding']
    expected = losses.nt_xent(z[:8], z[8:], temperature=0.5)
    np.testing.assert_allclose(metrics['loss'], expected, rtol=1e-5)
    assert all(
        (x == 0).all() for x in jax.tree.leaves(new.params['student']['classifier'])
    )
    for name in 'projection1', 'projection2', 'projection3':
        moved = new.params['student'][name]['linear']['kernel']
        assert (moved != state.params['student'][name]['linear']['kernel']).any()
        np.testing.assert_allclose(
            new.stats['student'][name]['norm']['mean'],
            stats[name]['norm']['mean'],
            rtol=1e-4,
            atol=1e-6,
        )
