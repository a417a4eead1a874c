import numpy as np
import pytest

from ssljax import methods


@pytest.mark.parametrize('momentum, run', [(0.999, 'm999'), (0.9, 'm9')])
def test_22_steps_of_the_official_code(tiny, golden, momentum, run):
    case = golden('usb_freematch')

    def build(network, optimizer):
        return methods.freematch(
            *(network, optimizer),
            num_classes=6,
            momentum=momentum,
            fairness_weight=float(case['hp_lambda_e']),
        )

    fair = 0
    for t, state, moved, metrics in tiny.replay(case, build):
        learnt, _ = state.memory['rule']
        for ours, theirs in zip(learnt, ('tau', 'ptil', 'hist'), strict=True):
            expected = case[f'mid_{theirs}_{run}'][t]
            np.testing.assert_allclose(ours, expected, rtol=1e-5)
        for ours, theirs in {
            'loss/consistency': 'unsup',
            'loss/fairness': 'fair',
            'loss': 'total',
        }.items():
            expected = case[f'out_{theirs}_loss_{run}'][t]
            np.testing.assert_allclose(metrics[ours], expected, rtol=1e-5, atol=1e-6)
        gradient = case[f'grad_total__logits_ulb_s_{run}'][t]
        np.testing.assert_allclose(moved['ulb_s'], -gradient, atol=1e-6)
        np.testing.assert_array_equal(moved['ulb_w'], 0)
        kept = case[f'mid_mask_{run}'][t].mean()
        np.testing.assert_allclose(metrics['utilisation'], kept, rtol=1e-6)
        fair += abs(float(metrics['loss/fairness']))
    assert fair > 1
