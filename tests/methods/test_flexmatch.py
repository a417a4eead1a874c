import jax.numpy as jnp
import numpy as np

from ssljax import methods
from ssljax.targets.curriculum import UNSEEN, status


def test_24_steps_of_the_official_code(tiny, golden):
    case = golden('usb_flexmatch_nowarmup')
    tau, rows = float(case['hp_tau']), int(case['hp_N_u'])

    def build(network, optimizer):
        return methods.flexmatch(
            *(network, optimizer),
            num_classes=5,
            rows=rows,
            threshold=tau,
            warmup=False,
        )

    table = jnp.full(rows, UNSEEN)
    below = 0  # rows that teach and would not in FixMatch
    for t, state, moved, metrics in tiny.replay(case, build):
        beta = status(table, 5, warmup=False)
        np.testing.assert_allclose(beta, case['mid_beta_used'][t], rtol=1e-5)
        table = state.memory['rule'][0]
        np.testing.assert_array_equal(table, case['out_sel'][t])
        for ours, theirs in {'loss/consistency': 'unsup', 'loss': 'total'}.items():
            expected = case[f'out_{theirs}_loss'][t]
            np.testing.assert_allclose(metrics[ours], expected, rtol=1e-5, atol=1e-7)
        for view in 'lb', 'ulb_s':
            gradient = case[f'grad_total__logits_{view}'][t]
            np.testing.assert_allclose(moved[view], -gradient, atol=1e-6)
        np.testing.assert_array_equal(moved['ulb_w'], 0)
        taught = case['mid_mask'][t] > 0
        np.testing.assert_array_equal(np.any(moved['ulb_s'] != 0, axis=-1), taught)
        weak = case['in_logits_ulb_w'][t].astype(float)
        sure = np.exp(weak - weak.max(-1, keepdims=True)).sum(-1) ** -1.0 >= tau
        below += np.sum(taught & ~sure)
    assert below > 10
