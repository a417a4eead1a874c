import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, teachers
from ssljax.contracts import InputError, Method, State, Stream, Variables

KEY = jax.random.key(3)


def _assert_close(a, b):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b
    )


def _client(tree, k):
    return jax.tree.map(lambda x: x[k], tree)


@pytest.fixture
def local(tiny):
    # No Adam: it blows up the rounding of the bias that the statistics take away.
    network = tiny.mlp(statistics=True, noise=0.3)
    return methods.fixmatch(
        network,
        optax.sgd(0.2, momentum=0.9),
        num_classes=3,
        threshold=0.3,
        ratio=2.0,
        teacher=teachers.ema(0.5),
    )


def _batches(tiny, clients, steps):
    """steps x clients batches of 2 labelled and 4 unlabelled rows."""
    rng = np.random.default_rng(0)

    def one():
        image = lambda n: jnp.asarray(rng.normal(size=(n, 4)), jnp.float32)  # noqa: E731
        views = {'weak': image(4), 'strong': image(4)}
        return tiny.batch(image(2), rng.integers(0, 3, 2), views)

    return [[one() for _ in range(clients)] for _ in range(steps)]


def _joined(parts):
    return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


def test_clients_train_apart_and_meet_in_their_weighted_mean(tiny, local):
    method = methods.federated(local, clients=2, local_steps=3, weights=[1.0, 3.0])
    batches = _batches(tiny, clients=2, steps=3)
    state = method.init(KEY, _joined(batches[0]))
    alone = [local.init(KEY, batches[0][0]) for _ in range(2)]
    alone = [
        one._replace(key=jax.random.fold_in(KEY, k)) for k, one in enumerate(alone)
    ]
    step, own_step = jax.jit(method.step), jax.jit(local.step)
    for parts in batches[:2]:
        state, metrics = step(state, _joined(parts))
        alone, found = zip(
            *(own_step(one, part) for one, part in zip(alone, parts, strict=True)),
            strict=True,
        )
        assert (state.key == KEY).all()  # the federation's own, whatever clients fold
        for field in ('params', 'stats', 'opt', 'memory'):
            for k in range(2):
                _assert_close(
                    _client(getattr(state, field), k), getattr(alone[k], field)
                )
        _assert_close(metrics, jax.tree.map(lambda a, b: (a + b) / 2, *found))

    state, _ = step(state, _joined(batches[2]))
    alone = [own_step(*pair)[0] for pair in zip(alone, batches[2], strict=True)]
    assert state.step == 3
    for field in ('params', 'stats', 'memory'):
        one, two = (getattr(part, field) for part in alone)
        mean = jax.tree.map(lambda x, y: 0.25 * x + 0.75 * y, one, two)
        for k in range(2):
            _assert_close(_client(getattr(state, field), k), mean)
    for k in range(2):  # an optimizer's momentum stays with its client
        _assert_close(_client(state.opt, k), alone[k].opt)


@pytest.mark.parametrize('who', ['student', 'teacher'])
def test_it_answers_by_the_mean_also_between_rounds(tiny, local, who):
    method = methods.federated(local, clients=2, local_steps=99, weights=[1.0, 3.0])
    batches = _batches(tiny, clients=2, steps=2)
    state, step = method.init(KEY, _joined(batches[0])), jax.jit(method.step)
    for parts in batches:
        state, _ = step(state, _joined(parts))
    average = lambda x: 0.25 * x[0] + 0.75 * x[1]  # noqa: E731
    server = local.init(KEY, batches[0][0])._replace(
        params=jax.tree.map(average, state.params),
        stats=jax.tree.map(average, state.stats),
        memory=jax.tree.map(average, state.memory),
    )
    inputs = jnp.ones((3, 4))
    mean = local.answers[who](server, inputs)
    _assert_close(method.answers[who](state, inputs), mean)
    assert method.ship == local.ship == 'teacher'


def _counting():
    """Adds up what it sees, as float and as int; its rows are its batch."""

    def init(key, batch, given=None):
        return State(
            jnp.int32(0),
            key,
            {'student': jnp.zeros(2)},
            {},
            {},
            {'seen': jnp.int32(0)},
            {'class_vectors': jnp.arange(3.0)},
        )

    def step(state, batch):
        x = batch['labelled']['x']
        state = state._replace(
            step=state.step + 1,
            params={'student': state.params['student'] + x.sum(0)},
            memory={'seen': state.memory['seen'] + (x[:, 0] > 2).sum()},
        )
        return state, {'loss': x.mean(), 'rows': 10 * x}

    def predict(state, inputs, *, key=None):
        return {'logits': state.params['student'], **state.memory, **state.frozen}

    needs = {'labelled': Stream(('x',), ratio=0.5)}
    return Method(init, step, predict, needs, {'student': predict})


def test_counters_stay_frozen_is_shared_and_rows_keep_their_order():
    method = methods.federated(_counting(), clients=2, local_steps=1)
    assert method.needs['labelled'].ratio == 1.0  # a part for each client
    x = jnp.arange(8.0).reshape(4, 2)
    state = method.init(KEY, {'labelled': {'x': x}})
    state, metrics = jax.jit(method.step)(state, {'labelled': {'x': x}})
    # Sums are [2, 4] and [10, 12]; rows above 2 are none and two.
    np.testing.assert_array_equal(state.params['student'], [[6, 8], [6, 8]])
    np.testing.assert_array_equal(state.memory['seen'], [0, 2])
    np.testing.assert_array_equal(state.frozen['class_vectors'], jnp.arange(3.0))
    np.testing.assert_array_equal(metrics['rows'], 10 * x)
    assert metrics['loss'] == 3.5
    np.testing.assert_array_equal(method.predict(state, None)['logits'], [6, 8])


def test_it_starts_from_what_is_given_everywhere(tiny, local):
    method = methods.federated(local, clients=3, local_steps=1)
    batch = _joined(_batches(tiny, clients=3, steps=1)[0])
    given = {'student': Variables({'b2': jnp.array([1.0, 2.0, 3.0])})}
    state = method.init(KEY, batch, given)
    np.testing.assert_array_equal(
        state.params['student']['b2'], np.tile([1.0, 2.0, 3.0], (3, 1))
    )
    w = state.params['student']['W1']
    np.testing.assert_array_equal(w[0], w[1])
    jax.jit(method.step, donate_argnums=0)(state, batch)
    np.testing.assert_array_equal(given['student'].params['b2'], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    'change, message',
    [
        ({'clients': 0}, 'clients is 0'),
        ({'local_steps': 0}, 'local_steps 0'),
        ({'weights': [1.0]}, 'weights is .*each of the 2 clients'),
        ({'weights': [0.0, 0.0]}, 'weights is .*not all of them 0'),
        ({'weights': [1.0, -1.0]}, 'weights is'),
    ],
)
def test_what_is_no_federation_is_refused(local, change, message):
    with pytest.raises(InputError, match=message):
        methods.federated(local, **({'clients': 2, 'local_steps': 1} | change))


def test_a_batch_that_does_not_divide_is_refused():
    method = methods.federated(_counting(), clients=2, local_steps=1)
    with pytest.raises(InputError, match='5 rows .* 2 clients'):
        method.init(KEY, {'labelled': {'x': jnp.ones((5, 2))}})
