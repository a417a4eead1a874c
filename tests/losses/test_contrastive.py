"""NT-Xent against a loop in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.losses import nt_xent

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
