import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import optimizers
from ssljax.contracts import InputError

PARAMS = {
    'conv': {'kernel': jnp.full((3, 4), 2.0), 'bias': jnp.full(4, 2.0)},
    'classifier': {'kernel': jnp.full((4, 2), 2.0)},
}
GRADS = {
    'conv': {'kernel': jnp.ones((3, 4)), 'bias': jnp.ones(4)},
    'classifier': {'kernel': jnp.ones((4, 2))},
}


def spec(**fields):
    usual = {'name': 'lars', 'lr': 0.5, 'weight_decay': 0.1, 'warmup': 0}
    return ConfigDict(usual | fields)


def test_lars_by_hand():
    """Norms, biases and the head move by plain momentum and do not decay."""
    made = optimizers.optimizer(spec(), 10)
    moves, state = made.update(GRADS, made.init(PARAMS), PARAMS)
    # Decay makes the gradient 1.2 everywhere; the norms' ratio is 2 / 1.2.
    inside = -0.5 * 1e-3 * 2 / 1.2 * 1.2
    np.testing.assert_allclose(moves['conv']['kernel'], np.full((3, 4), inside), 1e-6)
    np.testing.assert_allclose(moves['conv']['bias'], np.full(4, -0.5), 1e-6)
    np.testing.assert_allclose(
        moves['classifier']['kernel'], np.full((4, 2), -0.5), 1e-6
    )
    more, _ = made.update(GRADS, state, PARAMS)
    late = float(optimizers.rate(spec(), 10)(1))
    np.testing.assert_allclose(
        more['conv']['bias'], np.full(4, -0.9 * 0.5 - late), 1e-6
    )


@pytest.mark.parametrize('decay, last', [('7/16', 0.0975), ('cosine', 0.0)])
def test_a_rate_rises_then_falls(decay, last):
    rate = optimizers.rate(spec(warmup=4, decay=decay), 20)
    values = np.array([float(rate(step)) for step in range(21)])
    np.testing.assert_allclose(values[:5], 0.5 * np.arange(5) / 4, rtol=1e-6)
    assert np.all(np.diff(values[4:]) < 0)
    np.testing.assert_allclose(values[-1], last, atol=1e-4)


def test_rates_fall_and_deeper_layers_move_less():
    spec = {'name': 'adam', 'lr': 0.1, 'weight_decay': 0.5, 'warmup': 0}
    params = {
        'blocks': {'0': {'kernel': np.ones((2, 2)), 'bias': np.ones(2)}},
        'pos_embed': np.ones((1, 3, 2)),
        'head': {'kernel': np.ones((2, 2))},
    }

    def moved(steps=1, **fields):
        """By no gradient at all: what weight decay does in the last of the steps."""
        optimizer = optimizers.optimizer(ConfigDict({**spec, **fields}), 4)
        state, still = optimizer.init(params), jax.tree.map(np.zeros_like, params)
        for _ in range(steps):
            updates, state = optimizer.update(still, state, params)
        return jax.tree.map(lambda x: float(x.ravel()[0]), updates)

    plain, slower = moved(), moved(layer_decay=0.5)
    assert plain['pos_embed'] == plain['blocks']['0']['bias'] == 0
    assert plain['head']['kernel'] == pytest.approx(-0.05)
    assert slower['head']['kernel'] == pytest.approx(-0.05)
    assert slower['blocks']['0']['kernel'] == pytest.approx(-0.025)
    # After three of four steps: cos(7/16 * 3/4 pi), or (1 + cos(3/4 pi)) / 2.
    assert moved(4)['head']['kernel'] == pytest.approx(-0.05 * 0.5141, rel=1e-3)
    half = moved(4, decay='cosine')['head']['kernel']
    assert half == pytest.approx(-0.05 * 0.1464, rel=1e-3)
    last = moved(4, decay='polynomial')['head']['kernel']
    assert last == pytest.approx(-0.05 * 0.25**0.9, rel=1e-3)
    assert moved(2, decay='tenths')['head']['kernel'] == pytest.approx(-0.05)
    assert moved(4, decay='tenths')['head']['kernel'] == pytest.approx(-0.05 / 100)
    with pytest.raises(InputError, match="optimizer.decay is 'cosin'.*'cosine'"):
        moved(decay='cosin')


def test_gradients_are_shortened():
    spec = {'name': 'sgd', 'lr': 1.0, 'weight_decay': 0.0, 'warmup': 0}
    gradient = np.asarray([3.0, 4.0], np.float32)

    def moved(**fields):
        optimizer = optimizers.optimizer(ConfigDict({**spec, **fields}), 4)
        return optimizer.update(gradient, optimizer.init(gradient), gradient)[0]

    np.testing.assert_allclose(5 * moved(clip=1.0), moved(), rtol=1e-6)
    np.testing.assert_allclose(moved(clip=10.0), moved(), rtol=1e-6)
    with pytest.raises(InputError, match=r'optimizer.clip is -1.0'):
        moved(clip=-1.0)


def test_refuses_another_name():
    with pytest.raises(InputError, match="optimizer.name is 'lamb'.*lars"):
        optimizers.optimizer(spec(name='lamb'), 10)
