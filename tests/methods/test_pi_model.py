import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, schedules


@pytest.fixture
def case(golden):
    return golden('usb_pi_model')


@pytest.mark.parametrize('joint', [False, True])
def test_whole_step_of_the_official_code(tiny, case, joint):
    """Its view s is taught and its view w the stopped target."""
    tables = [case['in_logits_lb'], case['in_logits_s'], case['in_logits_w']]
    labelled, weak, weak2 = tiny.rows(*map(len, tables))
    batch = tiny.batch(labelled, case['in_y_lb'], {'weak': weak, 'weak2': weak2})
    logits = np.concatenate(tables)
    ramp = schedules.linear_ramp(case['hp_warm_frac'] * case['hp_N'])
    method = methods.pi_model(
        tiny.table(logits),
        optax.sgd(1.0),
        num_classes=5,
        weight=lambda step: case['hp_lambda_u'] * ramp(step),
        joint=joint,
    )
    step = jax.jit(method.step)
    state = method.init(jax.random.key(0), batch)
    state = state._replace(step=jnp.asarray(case['hp_it'], jnp.int32))
    new, metrics = step(state, batch)

    for ours, theirs in {
        'loss/supervised': 'out_sup_loss',
        'loss/consistency': 'out_unsup_loss',
        'loss': 'out_total_loss',
    }.items():
        np.testing.assert_allclose(metrics[ours], case[theirs], rtol=1e-5)
    gradients = [case[f'grad_total__logits_{name}'] for name in ('lb', 's', 'w')]
    moved = new.params['student']['logits'] - logits
    np.testing.assert_allclose(moved, -np.concatenate(gradients), atol=1e-6)
    np.testing.assert_array_equal(moved[-len(weak2) :], 0)  # w is stopped

    for i in range(0, 101, 20):
        late = state._replace(step=jnp.asarray(10 * i, jnp.int32))
        total = step(late, batch)[1]['loss']
        np.testing.assert_allclose(total, case['out_total_by_it_step10'][i], rtol=1e-5)
