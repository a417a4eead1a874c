import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax import losses, methods, views
from ssljax.contracts import InputError, Network, State, Variables
from ssljax.methods.learner import Aux, gradients, learner, start

KEY = jax.random.key(0)
IMAGES = jnp.ones((2, 5))


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def begin(tiny, given, optimizer=None, inputs=IMAGES, names=('student',)):
    networks = {name: (tiny.mlp(statistics=True), inputs) for name in names}
    return start(KEY, networks, optimizer or optax.sgd(0.1), given)


def test_networks_start_by_their_name_alone(tiny):
    one = begin(tiny, {})
    two = begin(tiny, {}, names=('other', 'student'))
    assert_same(one.params['student'], two.params['student'])
    assert np.abs(two.params['student']['W1'] - two.params['other']['W1']).min() > 0


def test_given_lies_over_what_the_network_starts_from(tiny):
    bias = np.arange(3.0)  # float64 of a file
    state = begin(tiny, {'student': Variables({'b2': bias})})
    fresh = begin(tiny, {})
    np.testing.assert_array_equal(state.params['student']['b2'], bias)
    assert state.params['student']['b2'].dtype == jnp.float32
    assert_same(state.params['student']['W1'], fresh.params['student']['W1'])
    assert_same(state.stats, fresh.stats)
    stats = {'mean': jnp.full(6, 0.5)}
    state = begin(tiny, {'student': Variables({}, stats)})
    assert_same(state.stats['student'], stats)
    assert_same(state.params, fresh.params)


def test_nothing_is_shared_even_if_the_optimizer_would(tiny):
    """Some keep the parameters that they start from; donated twice, they are gone."""
    keeper = optax.GradientTransformation(
        lambda params: params, lambda grads, state, params: (grads, state)
    )
    variables = tiny.mlp().init(KEY, IMAGES)
    batch = tiny.batch(IMAGES, [0, 1], {})
    method = methods.supervised(tiny.mlp(), keeper, num_classes=3)
    state = method.init(KEY, batch, {'student': variables})
    state, _ = jax.jit(method.step, donate_argnums=0)(state, batch)
    assert_same(state.opt['student'], variables.params)


def test_gradients_are_of_all_rows_in_one_message():
    """Of a loss for all rows, of a mean over a device's own, and of no row at all."""
    params = {'w': jnp.arange(5.0), 'b': jnp.ones(())}
    images = jax.random.normal(KEY, (16, 5))

    def objective(params, images):
        own = jnp.tanh(images @ params['w'] + params['b'])
        loss = losses.masked_mean(own, own > 0, over='kept') + jnp.mean(own**2)
        return loss + jnp.sum(params['w'] ** 2), {}

    grad = gradients(objective)
    mesh = jax.make_mesh((8,), ('batch',), axis_types=(AxisType.Auto,))
    apart = jax.shard_map(
        grad,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec('batch')),
        out_specs=PartitionSpec(),
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
        jax.jit(apart)(params, images),
        grad(params, images),
    )
    traced = str(jax.make_jaxpr(apart)(params, images))
    assert len(re.findall(r'f32\[5\] = psum', traced)) == 1  # though w is used twice


@pytest.mark.parametrize(
    'given, found',
    [
        ({'studnet': Variables({})}, r"\['studnet'\].*\['student'\]"),
        ({'student': {'W1': 0}}, r"given\['student'\] is a dict; give .*Variables"),
        ({'student': Variables({'W3': 0})}, r"given\['student'\] has \['W3'\]"),
        (
            {'student': Variables({'b2': jnp.ones(4)})},
            r"\['b2'\] has shape \(4,\); the network has \(3,\)",
        ),
        ({'student': Variables({'b2': {'x': jnp.ones(3)}})}, r"\['b2'\] has structure"),
        ({'student': Variables(jnp.ones(3))}, r"given\['student'\] has structure"),
    ],
)
def test_refuses_what_does_not_fit(tiny, given, found):
    with pytest.raises(InputError, match=found):
        begin(tiny, given)


def test_refuses_raw_bytes(tiny):
    with pytest.raises(InputError, match='uint8.*255'):
        begin(tiny, {}, inputs=IMAGES.astype(jnp.uint8))


def test_refuses_an_optimizer_that_lacks_a_network(tiny):
    with pytest.raises(InputError, match=r"groups \['critic'\].*'student'"):
        begin(tiny, {}, {'critic': optax.sgd(0.1)})


def test_objective_and_after_see_the_number_of_their_own_step():
    def objective(params, state, batch, key):
        noise = jax.random.normal(key)
        memory = {'seen': state.step}
        return params['student'] * 0.0, Aux({'noise': noise}, memory=memory)

    def after(state):
        return state._replace(memory={**state.memory, 'after': state.step})

    state = State(
        step=jnp.int32(0),
        key=KEY,
        params={'student': jnp.float32(1)},
        stats={},
        opt={'student': optax.sgd(0.1).init(0.0)},
        memory={'seen': jnp.int32(-1), 'after': jnp.int32(-1)},
        frozen={},
    )
    step = learner(objective, optax.sgd(0.1), after)
    noises = []
    for i in range(3):
        state, metrics = step(state, None)
        assert state.memory == {'seen': i, 'after': i}
        assert state.step == i + 1
        noises.append(float(metrics['noise']))
    # Noise is of the step: it differs between steps, and returns with its number.
    assert len(set(noises)) == 3
    again, metrics = step(state._replace(step=jnp.int32(1)), None)
    assert metrics['noise'] == noises[1]


def test_views_are_drawn_in_the_step_and_return_with_its_number(tiny):
    method = methods.supervised(tiny.mlp(), optax.sgd(0.0), num_classes=3)
    prepare = views.prepare(method.needs, {'weak': views.noise(1.0)})
    method = methods.prepared(method, prepare)
    raw = {
        'labelled': {
            'image': IMAGES,
            'label': jnp.array([0, 1]),
            'index': jnp.arange(2),
        }
    }
    state = method.init(KEY, raw)
    step = jax.jit(method.step)
    state, first = step(state, raw)
    later, second = step(state, raw)
    again, same = step(state, raw)
    # The rate is 0, so that only the views can differ.
    assert first['loss'] != second['loss'] == same['loss']


def test_a_twin_starts_alike_unless_it_is_given_its_own():
    def init(key, x):
        return Variables({'w': jax.random.normal(key, (3,))})

    network = Network(init, lambda *_, **__: ({}, {}))
    networks = {name: (network, jnp.ones((1, 2))) for name in ('a', 'b', 'c')}
    key, optimizer = jax.random.key(0), optax.sgd(0.1)
    state = start(key, networks, optimizer, {}, alike={'b': 'a'})
    w = {name: own['w'] for name, own in state.params.items()}
    np.testing.assert_array_equal(w['a'], w['b'])
    assert not np.array_equal(w['a'], w['c'])
    assert w['a'] is not w['b']  # each may be given away
    given = {'b': Variables({'w': jnp.ones(3)})}
    state = start(key, networks, optimizer, given, alike={'b': 'a'})
    np.testing.assert_array_equal(state.params['b']['w'], 1)
