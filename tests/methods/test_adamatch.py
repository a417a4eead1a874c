import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods


@pytest.mark.parametrize('momentum, run', [(0.999, 'm999'), (0.9, 'm9')])
def test_20_steps_of_the_official_code(tiny, golden, momentum, run):
    case = golden('usb_adamatch_usb')

    def build(network, optimizer):
        return methods.adamatch(
            *(network, optimizer),
            num_classes=5,
            threshold=float(case['hp_tau']),
            momentum=momentum,
        )

    def from_uniform(memory):
        """The official start of the labelled average, which ours has not."""
        aligned, *others = memory['rule']
        target = aligned.target._replace(value=jnp.full(5, 0.2), seen=jnp.ones(()))
        return {'rule': (aligned._replace(target=target), *others)}

    for t, state, moved, metrics in tiny.replay(case, build, from_uniform):
        aligned, *_ = state.memory['rule']
        for name in 'model', 'target':
            found = getattr(aligned, name).value
            expected = case[f'mid_p_{name}_{run}'][t]
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        for ours, theirs in {'loss/consistency': 'unsup', 'loss': 'total'}.items():
            expected = case[f'out_{theirs}_loss_{run}'][t]
            np.testing.assert_allclose(metrics[ours], expected, rtol=1e-5, atol=1e-6)
        for view in 'lb', 'ulb_s':
            gradient = case[f'grad_total__logits_{view}_{run}'][t]
            np.testing.assert_allclose(moved[view], -gradient, atol=1e-6)
        np.testing.assert_array_equal(moved['ulb_w'], 0)


def test_both_averages_start_at_the_first_batch(tiny):
    """Answers that agree with the labelled ones on the whole stay as they are."""
    logits = 3 * jax.random.normal(jax.random.key(0), (4, 3)) + jnp.array([[2.0, 0, 0]])
    labelled, weak, strong = tiny.rows(4, 4, 4)
    views = {'weak': weak, 'strong': strong}
    batch = tiny.batch(labelled, jnp.zeros(4, jnp.int32), views)
    network = tiny.table(jnp.concatenate([logits, logits[::-1], logits]))
    method = methods.adamatch(network, optax.sgd(0.1), num_classes=3, threshold=0.0)
    state = method.init(jax.random.key(0), batch)
    _, metrics = method.step(state, batch)
    expected = -jax.nn.log_softmax(logits)[jnp.arange(4), logits[::-1].argmax(-1)]
    np.testing.assert_allclose(metrics['loss/consistency'], expected.mean(), rtol=1e-5)
