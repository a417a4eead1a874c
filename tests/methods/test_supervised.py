import jax
import jax.numpy as jnp
import numpy as np
import optax

from ssljax import methods, teachers

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
    new, metrics = tiny.jit(method.step)(state, batch)
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
    state, _ = tiny.jit(method.step)(state, batch)
    now = state.params['student']['logits']
    assert method.ship == 'teacher'
    np.testing.assert_allclose(method.predict(state, weak)['logits'], 0.25 * now)
    np.testing.assert_array_equal(method.answers['student'](state, weak)['logits'], now)
