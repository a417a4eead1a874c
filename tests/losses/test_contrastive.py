"""NT-Xent against a loop in numpy, Barlow Twins against POST."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax.contracts import InputError
from ssljax.losses import barlow_twins, nt_xent

A, B = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)


def reference(a, b, temperature):
    """One anchor after another: its partner against all others, float64."""
    z = np.concatenate([a, b]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    rows, total = len(a), 0.0
    for i in range(2 * rows):
        similarity = z @ z[i] / temperature
        partner = similarity[(i + rows) % (2 * rows)]
        others = np.delete(similarity, i)
        total += np.log(np.exp(others - partner).sum())
    return total / rows  # the two directions are summed, not averaged


@pytest.mark.parametrize('temperature', [0.1, 0.5])
def test_equals_the_loop(temperature):
    got = jax.jit(lambda a, b: nt_xent(a, b, temperature=temperature))(A, B)
    np.testing.assert_allclose(got, reference(A, B, temperature), rtol=1e-5)
    assert got.shape == () and got.dtype == jnp.float32


def test_symmetric_and_blind_to_length():
    loss = jax.jit(nt_xent)
    lengths = np.geomspace(1e-3, 1e3, 6, dtype=np.float32)[:, None]
    np.testing.assert_allclose(loss(A, B), loss(B, A), rtol=1e-6)
    np.testing.assert_allclose(loss(A * lengths, B), loss(A, B), rtol=1e-5)


def test_finite_at_the_zero_vector_and_float32_from_bfloat16():
    low = A.astype(jnp.bfloat16)
    low[0] = 0.0
    value, grad = jax.jit(jax.value_and_grad(lambda a: nt_xent(a, B)))(low)
    assert value.dtype == jnp.float32 and np.isfinite(value)
    assert np.isfinite(grad.astype(np.float32)).all()


@pytest.mark.parametrize('b', [B[:5], B[:, None]])
def test_other_shapes_are_refused(b):
    with pytest.raises(InputError):
        nt_xent(A, b)


def test_barlow_twins_is_of_the_batch(golden):
    case = golden('landmarks_post_consistency_barlow')
    student, teacher = (
        case[f'in_feat_{who}'].mean((2, 3)) for who in ('student', 'teacher')
    )

    def loss(a):
        return 1e-3 * barlow_twins(a, teacher, unbiased=True)

    value, gradient = jax.jit(jax.value_and_grad(loss))(student)
    np.testing.assert_allclose(value, case['out_paper_loss_b'], rtol=1e-5)
    # Of the mean over the 3x3 cells of each feature map.
    expected = case['out_official_dfeat_student'].sum((2, 3))
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-8)
    mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
    spec = PartitionSpec('data')
    split = jax.shard_map(
        lambda a, b: barlow_twins(a, b, unbiased=True),
        mesh=mesh,
        in_specs=(spec, spec),
        out_specs=PartitionSpec(),
    )
    np.testing.assert_allclose(1e-3 * split(student, teacher), value, rtol=1e-5)
    with pytest.raises(InputError):
        barlow_twins(student, teacher[:2])
