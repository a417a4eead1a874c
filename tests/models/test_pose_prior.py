"""Directions of bones, their noise, and the distance of a pose to a set of poses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.models.pose_prior import (
    BONES,
    PARENTS,
    distances,
    noisy,
    orientations,
    pose_prior,
)

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


def test_directions_know_neither_place_nor_size():
    joints = jnp.asarray(RNG.normal(size=(3, 16, 2)), jnp.float32)
    got = orientations(joints)
    assert got.shape == (3, 13, 2)
    along = np.asarray(joints[:, 9] - joints[:, 8])
    expected = along / np.linalg.norm(along, axis=-1, keepdims=True)
    np.testing.assert_allclose(got[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(orientations(7 * joints + 3), got, atol=1e-5)
    same = jnp.zeros((1, 16, 2))  # bones of no length
    value, gradient = jax.value_and_grad(lambda x: orientations(x).sum())(same)
    assert value == 0 and np.isfinite(gradient).all()


def test_every_bone_has_its_parent_at_one_end():
    for bone, parent in zip(BONES, PARENTS, strict=True):
        assert parent < 0 or set(bone) & set(BONES[parent])


@pytest.mark.parametrize('kappa', [0.5, 8.0])
def test_noise_is_von_mises(kappa):
    poses = jnp.broadcast_to(jnp.array([0.6, 0.8]), (4000, 2, 2))
    got = jax.jit(lambda: noisy(KEY, poses, (kappa,)))()
    np.testing.assert_allclose(jnp.linalg.norm(got, axis=-1), 1, atol=1e-5)
    cos = (got * poses).sum(-1)
    sin = got[..., 1] * poses[..., 0] - got[..., 0] * poses[..., 1]
    mean = float(jax.scipy.special.i1(kappa) / jax.scipy.special.i0(kappa))
    assert abs(cos.mean() - mean) < 0.02 and abs(sin.mean()) < 0.02
    assert abs((cos**2).mean() - (1 - mean / kappa)) < 0.02
    assert abs(np.corrcoef(np.arctan2(sin, cos).T)[0, 1]) < 0.06  # a draw a bone


def test_distances_are_to_the_nearest():
    clean, poses = (
        orientations(RNG.normal(size=(n, 5, 2)), ((0, 1), (1, 2), (2, 3), (3, 4)))
        for n in (40, 70)
    )
    got = jax.jit(distances)(poses, clean)
    apart = np.linalg.norm(np.asarray(poses)[:, None] - clean[None], axis=-1).mean(-1)
    np.testing.assert_allclose(got, np.sort(apart)[:, :5].mean(1), rtol=1e-5)
    at_clean = distances(clean[:3], clean, nearest=1)
    np.testing.assert_allclose(at_clean, np.zeros(3), atol=1e-6)
    with pytest.raises(InputError, match='nearest'):
        distances(poses, clean[:3])


def test_a_bone_sees_what_hangs_above_it():
    network = pose_prior((-1, 0, 1), hidden=(8, 8))
    poses = noisy(KEY, jnp.ones((4, 3, 2)) / 2**0.5)
    variables = network.init(KEY, poses)
    outputs, _ = network.apply(variables, poses, train=True)
    assert outputs['distance'].shape == (4,) and (outputs['distance'] >= 0).all()
    paths = {'/'.join(map(str, p)) for p, _ in jax.tree.leaves_with_path(variables)}
    assert any('length' in path for path in paths)
    shapes = [
        variables.params['bones'][str(i)]['first']['kernel'].shape for i in range(3)
    ]
    assert shapes == [(2, 8), (8, 8), (8, 8)]
    with pytest.raises(InputError, match='parents'):
        pose_prior((0, 1))
    with pytest.raises(InputError, match='directions'):
        network.apply(variables, poses[:, :2], train=True)
