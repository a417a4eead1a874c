"""RKD against mdistiller, on one device and with rows on two."""

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax.contracts import InputError
from ssljax.losses import relational_angle, relational_distance

KINDS = {'dist': relational_distance, 'angle': relational_angle}


@pytest.mark.parametrize('kind', KINDS)
def test_rkd_of_mdistiller(golden, kind):
    case = golden('kd_rkd')
    run = jax.value_and_grad(KINDS[kind], argnums=(0, 1))
    mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
    split = jax.shard_map(
        run,
        mesh=mesh,
        in_specs=PartitionSpec('data'),
        out_specs=(PartitionSpec(), PartitionSpec('data')),
    )
    expected = case[f'grad_rkd__f_s_{kind}_only']
    for either in run, split:
        value, (ours, theirs) = jax.jit(either)(case['in_f_s'], case['in_f_t'])
        np.testing.assert_allclose(value, case[f'out_rkd_{kind}_only'], rtol=1e-5)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(ours / largest, expected / largest, atol=1e-5)
        assert not theirs.any()


@pytest.mark.parametrize('kind', KINDS)
def test_blind_to_turns_and_size_and_finite_for_twins(kind):
    loss = KINDS[kind]
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(5, 3)).astype('f')
    turn = np.linalg.qr(draw.normal(size=(3, 3)))[0].astype('f')
    run = jax.jit(jax.value_and_grad(loss))
    np.testing.assert_allclose(run(rows, 7 * rows @ turn + 2)[0], 0, atol=1e-9)
    rows[1] = rows[0]
    assert np.isfinite(run(rows, rows[::-1])[1]).all()


def test_refuses_other_rows():
    with pytest.raises(InputError, match=r'\(5, 3\) and teacher_features \(4, 2\)'):
        relational_distance(np.ones((5, 3)), np.ones((4, 2)))
