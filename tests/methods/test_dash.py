import jax
import jax.numpy as jnp
import numpy as np
import optax

from ssljax import methods


def run(tiny, steps, weak, **options):
    """The last step's moves and metrics; the labels' loss is log 3 throughout."""
    labelled, weak_rows, strong = tiny.rows(2, 3, 3)
    batch = tiny.batch(labelled, [0, 1], {'weak': weak_rows, 'strong': strong})
    logits = jnp.concatenate([jnp.zeros((2, 3)), weak, jnp.zeros((3, 3))])
    method = methods.dash(
        tiny.table(logits), optax.sgd(1.0), num_classes=3, warmup=2, **options
    )
    start = method.init(jax.random.key(0), batch)
    step, state = jax.jit(method.step), start
    for _ in range(steps):
        state, metrics = step(state._replace(params=start.params), batch)
    return state.params['student']['logits'] - logits, metrics


def test_labels_alone_then_a_threshold_that_falls(tiny):
    weak = jnp.array([[9.0, 0, 0], [1.5, 0, 0], [0, 0, 0.1]])
    # The losses of the sharpened answers are about 0.00, 0.5 and 1.1; rho starts at
    # log 3 (1.0986) and halves with each step.
    kept = [
        round(3 * float(run(tiny, steps, weak, every=1, gamma=2.0)[1]['utilisation']))
        for steps in (2, 3, 4, 5, 9)
    ]
    assert kept == [0, 3, 2, 1, 1]


def test_teaches_sharpened_then_hard_answers(tiny):
    """At strong answers of zero the gradient is (1/3 - q) / U."""
    weak = jnp.array([[1.5, 0.5, 0.0]] * 3)
    soft = np.exp([3.0, 1.0, 0.0])
    for least, q in (0.05, soft / soft.sum()), (2.0, [1, 0, 0]):
        moved, metrics = run(tiny, 3, weak, temperature=0.5, least=least)
        assert metrics['utilisation'] == 1
        expected = np.tile((np.array(q) - 1 / 3) / 3, (3, 1))
        np.testing.assert_allclose(moved[5:], expected, rtol=1e-5)
        np.testing.assert_array_equal(moved[2:5], 0)
