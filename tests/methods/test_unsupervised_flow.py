"""A flow learned from clips alone: what costs nothing, and what falls."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.unsupervised_flow import unsupervised_flow


def _batch(clips):
    return {'unlabelled': {'weak': {'image': jnp.asarray(clips)}}}


def _constant(height=16, width=16):
    """Answers one flow everywhere, (x, y) of the parameters, and its way back."""

    def init(key, inputs):
        return Variables({'shift': jnp.zeros(2)})

    def apply(variables, inputs, *, train, key=None):
        half = len(inputs) // 2  # each clip, and after it its reverse
        sign = jnp.array([1.0, -1.0] * half)[:, None, None, None, None]
        shift = variables.params['shift'].reshape(1, 1, 1, 1, 2)
        flow = sign * jnp.broadcast_to(shift, (2 * half, 1, height, width, 2))
        return {'flow': flow, 'flows': (flow,)}, variables.stats

    return Network(init, apply)


def test_the_right_flow_costs_nothing_and_another_does():
    random = np.random.default_rng(0)
    first = random.uniform(size=(3, 16, 16, 1)).astype(np.float32)
    clips = np.stack([first, np.roll(first, (1, 2), (1, 2))], 1)
    method = unsupervised_flow(_constant(), optax.sgd(0.0), scales=(1.0,))

    def loss(x, y):
        given = {'student': Variables({'shift': jnp.array([x, y])})}
        state = method.init(jax.random.key(0), _batch(clips), given)
        return jax.jit(method.step)(state, _batch(clips))[1]

    right, wrong = loss(2.0, 1.0), loss(1.0, 1.0)
    # What rolled in from the other side is outside, where nothing is rebuilt ...
    assert 0.7 < right['seen'] < 0.9
    # ... but a patch of the census reaches over by a pixel.
    assert right['loss/census'] < 0.1 < 0.4 < wrong['loss/census']
    assert right['loss/smoothness'] == 0


def test_training_finds_the_motion():
    x, y = np.meshgrid(np.arange(16), np.arange(16))

    def frame(dx, dy):
        return np.float32(0.5 + 0.3 * np.sin(0.6 * (x - dx)) * np.cos(0.5 * (y - dy)))

    clips = np.stack([frame(0, 0), frame(1.2, -0.8)])[None, ..., None]
    method = unsupervised_flow(
        _constant(), optax.adam(0.1), scales=(1.0,), noise=20.0, smoothness=0.0
    )
    state = method.init(jax.random.key(0), _batch(clips))
    step = jax.jit(method.step, donate_argnums=0)
    losses = []
    for _ in range(40):
        state, metrics = step(state, _batch(clips))
        losses.append(float(metrics['loss']))
    assert losses[-1] < 0.2 * losses[0] and state.step == 40
    flow = method.predict(state, jnp.concatenate([jnp.asarray(clips)] * 2))['flow']
    np.testing.assert_allclose(flow[0, 0, 3, 4], [1.2, -0.8], atol=0.15)


def test_more_scales_than_flows():
    method = unsupervised_flow(_constant(), optax.sgd(0.0))
    clips = np.zeros((2, 2, 16, 16, 1), np.float32)
    state = method.init(jax.random.key(0), _batch(clips))
    with pytest.raises(InputError, match='scales has 3 weights'):
        method.step(state, _batch(clips))
