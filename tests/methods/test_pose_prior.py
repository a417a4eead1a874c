"""A prior of stick figures: it tells how wrong a pose is, and pulls it back."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import models
from ssljax.contracts import InputError
from ssljax.methods.pose_prior import pose_prior
from ssljax.models.pose_prior import distances, orientations

BONES = ((0, 1), (1, 2), (2, 3), (1, 4), (4, 5))
PARENTS = (-1, 0, 1, 0, 3)
RNG = np.random.default_rng(0)


def figures(count):
    """Joints [count, 6, 2]: a trunk, and two limbs that bend one way only."""
    lean = RNG.normal(0, 0.15, count)
    angle = np.empty((count, 5))
    angle[:, 0] = lean
    angle[:, 1] = lean + RNG.uniform(0.3, 0.9, count)
    angle[:, 2] = angle[:, 1] + RNG.uniform(0.0, 0.8, count)
    angle[:, 3] = lean - RNG.uniform(0.3, 0.9, count)
    angle[:, 4] = angle[:, 3] - RNG.uniform(0.0, 0.8, count)
    return standing(angle)


def standing(angle):
    """Joints of bones at these angles [..., 5] from straight down."""
    joints = [np.zeros((*angle.shape[:-1], 2))] + [None] * 5
    for (start, end), a in zip(BONES, np.moveaxis(angle, -1, 0), strict=True):
        joints[end] = joints[start] + np.stack([np.sin(a), np.cos(a)], axis=-1)
    return np.stack(joints, axis=-2).astype(np.float32)


CLEAN = figures(256)


def batch_of(landmarks, visible):
    return {'labelled': {'landmarks': landmarks, 'visible': visible}}


@pytest.fixture(scope='module')
def trained():
    network = models.pose_prior(PARENTS, hidden=(64, 64))
    method = pose_prior(
        network,
        optax.adam(3e-3),
        poses=CLEAN,
        bones=BONES,
        middle_from=50,
        clean_from=100,
    )
    rows = jnp.asarray(RNG.integers(0, len(CLEAN), (500, 64)))

    def batch(t):
        return batch_of(jnp.asarray(CLEAN)[rows[t]], jnp.ones((64, 6), bool))

    def turn(state, t):
        state, metrics = method.step(state, batch(t))
        return state, {name: metrics[f'loss/{name}'] for name in ('middle', 'clean')}

    state = method.init(jax.random.key(0), batch(0))
    state, found = jax.jit(lambda s: jax.lax.scan(turn, s, jnp.arange(len(rows))))(
        state
    )
    return method, state, found


def test_the_curriculum_goes_by_the_step(trained):
    _, state, found = trained
    assert not found['middle'][:50].any() and found['middle'][50:60].all()
    assert not found['clean'][:100].any() and found['clean'][100:110].all()
    assert state.step == 500
    np.testing.assert_allclose(
        state.frozen['poses'], orientations(CLEAN, BONES), atol=1e-6
    )


def test_a_pose_with_a_hidden_joint_is_left_out():
    """Its place may be anything: of what is not annotated it is the corner."""
    method = pose_prior(
        models.pose_prior(PARENTS, hidden=(8,)),
        optax.sgd(1.0),
        poses=CLEAN,
        bones=BONES,
        middle_from=0,
        clean_from=0,
    )
    visible = np.ones((8, 6), bool)
    visible[:4, 2] = False

    def moved(places):
        joints = CLEAN[:8].copy()
        joints[:4, 2] = places
        state = method.init(jax.random.key(0), batch_of(joints, visible))
        return jax.jit(method.step)(state, batch_of(joints, visible))[0].params

    one, other = moved(0.0), moved(CLEAN[:4, 2])
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_bones_of_other_joints_are_refused():
    with pytest.raises(InputError, match='a pose has 0 to 5'):
        orientations(CLEAN)  # by the bones of MPII


def test_distance_rises_with_the_noise(trained):
    method, state, _ = trained
    clean = orientations(figures(64), BONES)
    angle = np.arctan2(clean[..., 0], clean[..., 1])
    spread = np.linspace(0, 1.5, 16)
    noise = RNG.normal(size=(16, *angle.shape)) * spread[:, None, None]
    joints = standing(angle + noise).reshape(-1, 6, 2)
    mean = np.asarray(method.predict(state, joints)['distance']).reshape(16, -1).mean(1)
    ranks = np.argsort(np.argsort(mean))
    assert np.corrcoef(ranks, np.arange(16))[0, 1] > 0.9  # Spearman
    true = distances(orientations(joints, BONES), state.frozen['poses']).reshape(16, -1)
    assert np.abs(mean - true.mean(1)).max() < 0.15


def test_descent_on_the_prior_brings_a_pose_back(trained):
    method, state, _ = trained
    wrong = figures(32)
    wrong[:, 3] = wrong[:, 2] + [-1.0, -0.2]  # a limb bent against its joint

    def total(joints):
        return method.predict(state, joints)['distance'].sum()

    def far(joints):
        seen = orientations(joints, BONES)
        return distances(seen, state.frozen['poses']).mean()

    def descend(joints):
        def turn(_, joints):
            return joints - 0.2 * jax.grad(total)(joints)

        return jax.lax.fori_loop(0, 100, turn, joints)

    right = jax.jit(descend)(jnp.asarray(wrong))
    assert total(right) < 0.1 * total(wrong)
    assert far(right) < 0.5 * far(wrong)  # also by the clean poses themselves
