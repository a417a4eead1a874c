"""CRD: its loss against a loop in float64, its memories by their definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax import losses
from ssljax.contracts import InputError
from ssljax.targets import crd

ROWS, WIDTH, DRAWN, T = 12, 3, 5, 0.5
DRAW = np.random.default_rng(0)
STUDENT, TEACHER = DRAW.normal(size=(2, 4, WIDTH)).astype('f')
PLACE = np.array([7, 0, 3, 10], np.int32)
PARTNERS = DRAW.integers(0, ROWS, (4, DRAWN)).astype(np.int32)


def unit(x):
    x = np.asarray(x, np.float64)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def loss(student, teacher, memories, place, drawn):
    """CRD, and the memories after the batch's normalisers."""
    both, memories = crd.scores(memories, student, teacher, place, drawn, temperature=T)
    normalisers = jnp.broadcast_to(memories.log_normalisers[:, None], both.shape[:2])
    rows = losses.noise_contrastive(both, normalisers, ROWS).sum(0)
    return losses.masked_mean(rows), memories


def reference(student, memory, normaliser=None):
    """The paper's equation 18 for one of the two, row by row: (loss, Z)."""
    student, memory = unit(student), np.asarray(memory, np.float64)
    partners = np.concatenate([PLACE[:, None], PARTNERS], 1)
    e = np.exp(np.einsum('bd,bkd->bk', student, memory[partners]) / T)
    normaliser = e.mean() * ROWS if normaliser is None else normaliser
    p, noise = e / normaliser, DRAWN / ROWS
    rows = np.log(p[:, 0] / (p[:, 0] + noise))
    rows += np.log(noise / (p[:, 1:] + noise)).sum(1)
    return -rows.mean(), normaliser


def test_equals_the_loop_in_value_and_gradient(slope):
    memories = crd.empty(jax.random.key(0), ROWS, WIDTH)
    run = jax.jit(
        jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True, allow_int=True)
    )
    (value, after), gradients = run(STUDENT, TEACHER, memories, PLACE, PARTNERS)
    one, z_one = reference(STUDENT, memories.teacher)
    two, z_two = reference(TEACHER, memories.student)
    np.testing.assert_allclose(value, one + two, rtol=1e-5)
    np.testing.assert_allclose(np.exp(after.log_normalisers), [z_one, z_two], rtol=1e-5)
    # The normaliser is a constant from the first batch on.
    expected = slope(lambda x: reference(x, memories.teacher, z_one)[0], STUDENT)
    np.testing.assert_allclose(gradients[0], expected, rtol=1e-5, atol=1e-6)
    expected = slope(lambda x: reference(x, memories.student, z_two)[0], TEACHER)
    np.testing.assert_allclose(gradients[1], expected, rtol=1e-5, atol=1e-6)
    assert not gradients[2].student.any() and not gradients[2].teacher.any()

    (value, again), _ = run(STUDENT[::-1], TEACHER, after, PLACE, PARTNERS)
    np.testing.assert_array_equal(again.log_normalisers, after.log_normalisers)
    expected = reference(STUDENT[::-1], memories.teacher, z_one)[0] + two
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_with_rows_on_two_devices():
    memories = crd.empty(jax.random.key(0), ROWS, WIDTH)

    def step(student, teacher, memories, place, drawn):
        value, memories = loss(student, teacher, memories, place, drawn)
        return value, crd.remember(memories, student, teacher, place)

    spec, every = PartitionSpec('data'), PartitionSpec()
    split = jax.shard_map(
        step,
        mesh=jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,)),
        in_specs=(spec, spec, every, spec, spec),
        out_specs=(every, every),
    )
    given = STUDENT, TEACHER, memories, PLACE, PARTNERS
    straight, found = jax.jit(step)(*given), jax.jit(split)(*given)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), straight, found
    )


def test_remembers_half_of_what_was():
    memories = crd.empty(jax.random.key(1), ROWS, WIDTH)
    place = np.array([7, 0, 7, ROWS])  # one row twice, one that is none
    after = jax.jit(crd.remember)(memories, STUDENT, TEACHER, place)
    for name, new in ('student', STUDENT), ('teacher', TEACHER):
        before = np.asarray(getattr(memories, name), np.float64)
        expected = before.copy()
        expected[0] = unit(before[0] / 2 + unit(new[1]) / 2)
        expected[7] = unit(before[7] / 2 + unit(new[[0, 2]]).mean(0) / 2)
        np.testing.assert_allclose(getattr(after, name), expected, rtol=1e-5, atol=1e-6)
    lengths = np.linalg.norm(crd.empty(jax.random.key(2), 500, 128).student, axis=1)
    np.testing.assert_allclose(lengths.mean(), 1, atol=0.02)


def test_draws_all_rows_of_other_classes_alike():
    classes = np.array([2, 0, 2, 1, 0, 2])
    draw = jax.jit(crd.negatives, static_argnums=3)
    found = np.asarray(draw(jax.random.key(0), classes, np.array([0, 3]), 6000))
    for row, place in zip(found, (0, 3), strict=True):
        others = np.flatnonzero(classes != classes[place])
        values, counts = np.unique(row, return_counts=True)
        np.testing.assert_array_equal(values, others)
        np.testing.assert_allclose(counts * len(others) / 6000, 1, atol=0.1)
    itself = np.asarray(draw(jax.random.key(1), np.arange(6), np.array([4, 0]), 6000))
    assert set(itself[0]) == {0, 1, 2, 3, 5} and 0 not in itself[1]


def test_refuses_what_does_not_fit():
    memories = crd.empty(jax.random.key(0), ROWS, WIDTH)
    with pytest.raises(InputError, match=r'student is \(4, 2\).*\[B, 3\]'):
        crd.scores(memories, STUDENT[:, :2], TEACHER[:, :2], PLACE, PARTNERS)
    with pytest.raises(InputError, match=r'scores has shape \(4, 1\)'):
        losses.noise_contrastive(np.ones((4, 1)), np.zeros(4), ROWS)
