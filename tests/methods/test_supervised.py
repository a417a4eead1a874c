import jax
import jax.numpy as jnp
import numpy as np
import optax

from ssljax import methods, tasks, teachers
from ssljax.contracts import Network, Variables

LABELS = [0, 2]


def test_learns_the_labels_of_the_chosen_view(tiny):
    logits = jax.random.normal(jax.random.key(0), (4, 3))
    weak, strong = tiny.rows(2, 2)
    batch = tiny.batch(weak, LABELS, {}, labelled_views=('weak', 'strong'))
    batch['labelled']['strong']['image'] = strong
    method = methods.supervised(
        tiny.table(logits), optax.sgd(1.0), num_classes=3, view='strong'
    )
    assert set(method.needs) == {'labelled'}
    assert method.needs['labelled'].views == ('strong',)

    state = method.init(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch)
    p = jax.nn.softmax(logits[2:])
    loss = -jnp.log(p[jnp.arange(2), jnp.array(LABELS)]).mean()
    np.testing.assert_allclose(metrics['loss'], loss, rtol=1e-6)
    moved = new.params['student']['logits'] - logits
    np.testing.assert_allclose(
        moved[2:], (jax.nn.one_hot(jnp.array(LABELS), 3) - p) / 2, atol=1e-6
    )
    np.testing.assert_array_equal(moved[:2], 0)


def test_ships_the_average_where_there_is_one(tiny):
    (weak,) = tiny.rows(2)
    batch = tiny.batch(weak, LABELS, {})
    method = methods.supervised(
        tiny.table(jnp.zeros((2, 3))),
        optax.sgd(1.0),
        num_classes=3,
        teacher=teachers.ema(0.75),
    )
    state = method.init(jax.random.key(0), batch)
    state, _ = jax.jit(method.step)(state, batch)
    now = state.params['student']['logits']
    assert method.ship == 'teacher'
    np.testing.assert_allclose(method.predict(state, weak)['logits'], 0.25 * now)
    np.testing.assert_array_equal(method.answers['student'](state, weak)['logits'], now)


def test_mixup_mixes_inputs_and_labels_alike(tiny):
    """Where logits are 20 x and x is the one-hot label, each mistake is known."""
    label = np.arange(96) % 3
    inputs = 20 * jax.nn.one_hot(label, 3)
    batch = tiny.batch(inputs, label, {})
    network = Network(
        lambda key, x: Variables({'scale': jnp.ones(())}),
        lambda v, x, *, train, key=None: ({'logits': v.params['scale'] * x}, {}),
    )

    def loss(mixup):
        method = methods.supervised(network, optax.sgd(0.0), num_classes=3, mixup=mixup)
        state = method.init(jax.random.key(0), batch)
        return jax.jit(method.step)(state, batch)[1]['loss']

    assert loss(0.0) < 1e-6
    # Of the 2/3 that meet another class, by a share m of [1/2, 1]: the mean of
    # 20 (m - m^2 - (1 - m)^2), 5/3, and little more. Were the labels left as they are,
    # 5; were the inputs, 10; were the shares others, 20/3.
    assert 0.9 < loss(1.0) < 1.7


def test_adjusted_for_rare_labels(tiny):
    """Where the network knows p(x | c), 10 labels to 1 have nothing to teach it."""
    given = np.array([[2 / 3, 1 / 3], [1 / 3, 2 / 3]])  # of two inputs
    inputs = np.repeat([0.0, 1, 0, 1], [40, 20, 2, 4])[:, None]
    label = np.repeat([0, 1], [60, 6])
    batch = tiny.batch(jnp.asarray(inputs, jnp.float32), label, {})
    plain = tasks.classification(2)

    def moved(task):
        method = methods.supervised(
            tiny.table(np.log(given)), optax.sgd(1.0), task=task
        )
        state = method.init(jax.random.key(0), batch)
        new, _ = jax.jit(method.step)(state, batch)
        before, after = (s.params['student']['logits'] for s in (state, new))
        return np.abs(after - before).max()

    assert moved(tasks.adjusted(plain, [60, 6])) < 1e-6
    assert moved(plain) > 0.01
