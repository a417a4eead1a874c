import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods
from ssljax.contracts import InputError, State

LABELS = jnp.array([0, 2, 1, 1])


@pytest.fixture(scope='module')
def batch(tiny):
    image, unlabelled = jax.random.normal(jax.random.key(1), (2, 4, 5))
    return tiny.batch(image, LABELS, {'weak': unlabelled})


def build(tiny, optimizer=None, **options):
    return methods.adversarial(
        tiny.mlp(), tiny.mlp(classes=1), optimizer or optax.sgd(1.0), **options
    )


def run(params, x):
    hidden = jnp.tanh(x @ params['W1'] + params['b1'][None])
    return hidden @ params['W2'] + params['b2'][None]


def real(critic, probs):
    """The critic's probability [B] that these are labels."""
    return jax.nn.sigmoid(run(critic, probs)[:, 0])


def assert_moved_by(old, new, gradient):
    jax.tree.map(
        lambda x, y, g: np.testing.assert_allclose(y - x, -g, rtol=1e-4, atol=1e-6),
        old,
        new,
        gradient,
    )


def test_student_then_critic_on_the_answers_from_before(tiny, batch):
    method = build(tiny, num_classes=3, weight=0.7)
    state = method.init(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch)
    student, critic = state.params['student'], state.params['critic']
    images = [batch[s]['weak']['image'] for s in ('labelled', 'unlabelled')]

    def student_loss(student):
        on_labels, answer = (jax.nn.softmax(run(student, x)) for x in images)
        supervised = -jnp.log(on_labels[jnp.arange(4), LABELS]).mean()
        return supervised - 0.7 * jnp.log(real(critic, answer)).mean()

    def critic_loss(critic):
        fake = real(critic, jax.nn.softmax(run(student, images[1])))
        truth = real(critic, jax.nn.one_hot(LABELS, 3))
        return -jnp.log(truth).mean() - jnp.log(1 - fake).mean()

    np.testing.assert_allclose(metrics['loss'], student_loss(student), rtol=1e-5)
    np.testing.assert_allclose(metrics['loss/critic'], critic_loss(critic), rtol=1e-5)
    assert_moved_by(student, new.params['student'], jax.grad(student_loss)(student))
    assert_moved_by(critic, new.params['critic'], jax.grad(critic_loss)(critic))


def test_each_half_moves_its_own_network(tiny, batch):
    """A rate of 0 for the one leaves what the other does as it is."""
    moved = {}
    for idle in 'none', 'student', 'critic':
        rates = {name: float(name != idle) for name in ('student', 'critic')}
        optimizer = {name: optax.sgd(rate) for name, rate in rates.items()}
        method = build(tiny, optimizer, num_classes=3, weight=0.7)
        state = method.init(jax.random.key(0), batch)
        moved[idle] = jax.jit(method.step)(state, batch)[0].params
        if idle != 'none':
            same = jax.tree.map(
                lambda x, y: (x == y).all(), moved[idle][idle], state.params[idle]
            )
            assert all(jax.tree.leaves(same))
    for idle, other in ('student', 'critic'), ('critic', 'student'):
        jax.tree.map(
            np.testing.assert_array_equal, moved[idle][other], moved['none'][other]
        )


def test_an_idle_adam_is_not_called():
    adam = optax.adam(0.1)
    params = {name: jnp.ones(2) for name in ('student', 'critic')}
    opt = {name: adam.init(x) for name, x in params.items()}
    state = State(jnp.int32(0), jax.random.key(0), params, {}, opt, {}, {})
    gradients = {name: jnp.array([1.0, -1.0]) for name in params}
    state = methods.apply_gradients(adam, gradients, state)
    # Adam would go on under a gradient of zero, by its momentum.
    drift, _ = adam.update(jnp.zeros(2), state.opt['critic'], state.params['critic'])
    assert np.abs(drift).min() > 0.01
    new = methods.apply_gradients(adam, {'student': gradients['student']}, state)
    assert new.params['critic'] is state.params['critic']
    assert new.opt['critic'] is state.opt['critic']
    assert np.abs(new.params['student'] - state.params['student']).min() > 0.01


def test_refuses_a_critic_of_another_shape(tiny, batch):
    method = methods.adversarial(
        tiny.mlp(), tiny.mlp(classes=2), optax.sgd(1.0), num_classes=3
    )
    state = method.init(jax.random.key(0), batch)
    with pytest.raises(InputError, match=r'critic answers .*\(4, 2\).*\(4, 1\)'):
        method.step(state, batch)


def test_refuses_optimizers_without_the_critic(tiny, batch):
    method = build(tiny, {'student': optax.sgd(1.0)}, num_classes=3)
    with pytest.raises(InputError, match=r"groups \['student'\].*'critic'"):
        method.init(jax.random.key(0), batch)
