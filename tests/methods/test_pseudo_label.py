import jax
import jax.numpy as jnp
import numpy as np
import optax

from ssljax import methods

TAU = 0.6
ANSWERS = jnp.log(jnp.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]]))


def step(tiny, answers, **options):
    labelled, unlabelled = tiny.rows(2, len(answers))
    logits = jnp.concatenate([jnp.zeros((2, 3)), answers])
    batch = tiny.batch(labelled, [0, 1], {'weak': unlabelled})
    method = methods.pseudo_label(
        tiny.table(logits), optax.sgd(1.0), num_classes=3, threshold=TAU, **options
    )
    state = method.init(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch)
    return (new.params['student']['logits'] - logits)[2:], metrics, method


def test_its_confident_answer_is_the_label_of_the_same_view(tiny):
    moved, metrics, method = step(tiny, ANSWERS, weight=0.5)
    assert method.needs['unlabelled'].views == ('weak',)
    # The second row is unsure; it counts in the divisor alone.
    loss = -(jnp.log(0.7) + 0 + jnp.log(0.7)) / 3
    np.testing.assert_allclose(metrics['loss/consistency'], loss, rtol=1e-6)
    np.testing.assert_allclose(
        metrics['loss'], metrics['loss/supervised'] + 0.5 * loss, rtol=1e-6
    )
    np.testing.assert_allclose(metrics['utilisation'], 2 / 3)
    label = jax.nn.one_hot(jnp.array([0, 0, 2]), 3)
    kept = jnp.array([1.0, 0.0, 1.0])[:, None]
    expected = 0.5 / 3 * kept * (label - jnp.exp(ANSWERS))
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_teaches_nothing_while_nothing_passes(tiny):
    moved, metrics, _ = step(tiny, jnp.zeros((3, 3)))
    assert metrics['loss/consistency'] == 0
    np.testing.assert_array_equal(moved, 0)
