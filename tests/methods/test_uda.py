import jax
import numpy as np
import optax
import pytest

from ssljax import methods, targets
from ssljax.contracts import InputError


@pytest.fixture
def case(golden):
    return golden('usb_uda')


def run(tiny, case, **options):
    """One SGD step of rate 1 on logits that are the parameters, at the case's step."""
    parts = ('lb', 'ulb_w', 'ulb_s')
    logits = [case[f'in_logits_{part}'] for part in parts]
    labelled, weak, strong = tiny.rows(*map(len, logits))
    batch = tiny.batch(labelled, case['in_y_lb'], {'weak': weak, 'strong': strong})
    method = methods.uda(
        tiny.table(np.concatenate(logits)),
        optax.sgd(1.0),
        num_classes=10,
        threshold=float(case['hp_tau']),
        temperature=float(case['hp_T']),
        **options,
    )
    state = method.init(jax.random.key(0), batch)
    state = state._replace(step=state.step + int(case['hp_it']))
    new, metrics = jax.jit(method.step)(state, batch)
    moved = new.params['student']['logits'] - np.concatenate(logits)
    ends = np.cumsum([len(x) for x in logits])
    return dict(zip(parts, np.split(moved, ends[:-1]), strict=True)), metrics


@pytest.mark.parametrize('tsa', ['none', 'linear', 'exp', 'log'])
def test_whole_step_as_the_paper_and_its_code_have_it(tiny, case, tsa):
    """By the paper_ results: USB drops T, and anneals by another probability."""
    moved, metrics = run(tiny, case, tsa=tsa, steps=int(case['hp_N']))
    expected = case[f'paper_{tsa}_sup_loss']
    np.testing.assert_allclose(metrics['loss/supervised'], expected, rtol=1e-5)
    learnt = np.any(moved['lb'] != 0, axis=-1)
    np.testing.assert_array_equal(learnt, case[f'paper_{tsa}_sup_mask'])
    expected = case['paper_unsup_loss']
    np.testing.assert_allclose(metrics['loss/consistency'], expected, rtol=1e-5)
    gradient = case['paper_grad_unsup__logits_ulb_s']
    np.testing.assert_allclose(moved['ulb_s'], -gradient, atol=1e-6)
    np.testing.assert_array_equal(moved['ulb_w'], 0)
    taught = np.any(moved['ulb_s'] != 0, axis=-1)
    np.testing.assert_array_equal(taught, case['paper_mask'])


@pytest.mark.parametrize('shape', ['linear', 'exp', 'log'])
def test_the_bar_rises_as_in_the_official_code(case, shape):
    bar = targets.tsa_schedule(shape, int(case['hp_N']), 10)
    found = [bar(step) for step in range(int(case['hp_N']) + 1)]
    np.testing.assert_allclose(found, case[f'out_tsa_{shape}'], rtol=1e-5)


def test_refusals(tiny, case):
    with pytest.raises(InputError, match='needs the steps'):
        run(tiny, case, tsa='log')
    with pytest.raises(InputError, match="shape is 'cubic'"):
        run(tiny, case, tsa='cubic', steps=10)
