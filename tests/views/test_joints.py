"""Boxes about joints: against the official draws, and what must hold of any draw."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import joints, mixing

KEY = jax.random.key(0)
U, H, W, K = 8, 64, 48, 6
RNG = np.random.default_rng(0)
IMAGES = jnp.asarray(RNG.uniform(1, 2, (U, H, W, 1)), jnp.float32)
JOINTS = jnp.asarray(RNG.uniform([8, 8], [W - 8, H - 8], (U, K, 2)), jnp.float32)
SEEN = jnp.ones((U, K), bool)
VIEWS = {
    'mixup': joints.mixup(),
    'keypoint_mix': joints.keypoint_mix(),
    'occlude_confident': joints.occlude_confident(probability=1.0),
    'joco': joints.joco(),
    'jccm': joints.jccm(),
}


def channels_last(x):
    return jnp.asarray(np.moveaxis(x, 1, -1))


def rows_of(case, prefix):
    """Draws of one kind in the order of the images."""
    return np.stack([case[f'in_draw_{prefix}{i}'] for i in range(3)])


def test_official_cutout(golden):
    case = golden('landmarks_multiaugs_CO')
    x, y = (case[f'in_draw_randint{i}'] for i in (0, 1))
    centre = jnp.asarray(np.stack([x, y], axis=-1))
    got = joints.erase(
        channels_last(case['in_image']), centre, jnp.asarray(case['in_draw_randint2'])
    )
    np.testing.assert_allclose(got, channels_last(case['out_paper_image']), atol=1e-6)


def test_official_joint_cutout(golden):
    case = golden('landmarks_multiaugs_JC')
    centre = (case['in_joints'] + 10 * case['in_draw_randn0']).astype(int)
    chosen = rows_of(case, 'choice')
    centre, half = (
        jnp.asarray(np.take_along_axis(x, chosen[..., None], axis=1))
        for x in (centre, case['in_draw_randint0'])
    )
    got = joints.erase(channels_last(case['in_image']), centre, half)
    np.testing.assert_allclose(got, channels_last(case['out_paper_image']), atol=1e-6)


def test_official_cut_occlude(golden):
    """The official code takes x for y; here it is handed what it meant to take."""
    case = golden('landmarks_multiaugs_JO')
    centre = (case['in_joints'] + 10 * case['in_draw_randn0']).astype(int)
    draws = [case[f'in_draw_choice{i}'] for i in range(6)]
    to, origin = np.stack(draws[::2]), np.stack(draws[1::2])
    mate = rows_of(case, 'npint')
    places = [
        jnp.asarray(np.take_along_axis(x[..., ::-1], joint[..., None], axis=1))
        for x, joint in (
            (centre, to),
            (centre[mate], origin),
            (case['in_draw_randint0'][mate], origin),
        )
    ]
    images = channels_last(case['in_image'])
    got = joints.transplant(images, images[mate], *places)
    expected = channels_last(case['out_official_image'])
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert (got != images).mean() > 0.02


def test_official_mixup(golden, monkeypatch):
    case = golden('landmarks_multiaugs_MU')
    share = jnp.asarray(case['in_draw_beta0'], jnp.float32)
    monkeypatch.setattr(mixing, 'shares', lambda *_, **__: share[None])
    partner = jnp.asarray(case['in_draw_perm0'])
    monkeypatch.setattr(mixing, 'partners', lambda *_: partner)
    got = joints.mixup()(KEY, channels_last(case['in_image']), None, None)
    expected = channels_last(case['out_official_image'])
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_official_extra_affine(golden):
    """One matrix moves the image and, in its cells, the teacher's heatmaps."""
    case = golden('landmarks_multiaugs_affine_transport')
    image, heatmap = (channels_last(case[f'in_{x}']) for x in ('image', 'heatmap'))
    # From output to input, both in [-1, 1]; here from input to output, in pixels.
    to_unit = np.array([[2 / W, 0, 1 / W - 1], [0, 2 / H, 1 / H - 1], [0, 0, 1]])
    theta = np.concatenate(
        [case['out_official_theta'], np.tile([[[0, 0, 1]]], (4, 1, 1))], axis=1
    )
    matrix = np.linalg.inv(to_unit) @ np.linalg.inv(theta) @ to_unit
    matrix = jnp.asarray(matrix, jnp.float32)
    resample = jax.vmap(views.resample)
    got = resample(image, matrix)
    expected = channels_last(case['out_official_warped_image'])
    np.testing.assert_allclose(got, expected, atol=1e-5)

    cells = np.array([[4, 0, 1.5], [0, 4, 1.5], [0, 0, 1]])  # cells to pixels
    in_cells = np.linalg.inv(cells) @ np.asarray(matrix, np.float64) @ cells
    in_cells = jnp.asarray(in_cells, jnp.float32)
    expected = channels_last(case['out_official_warped_heatmap'])
    got, back = jax.vjp(lambda x: resample(x, in_cells), heatmap)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    gradient = back(channels_last(case['in_cotangent']))[0]
    expected_gradient = channels_last(case['out_official_dheatmap'])
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5)

    # By the matrix in pixels, where no zero of the outside is blended in.
    carried, seen = views.align(heatmap, None, matrix, shape=(H, W))
    whole = np.asarray(resample(jnp.ones_like(heatmap), in_cells)) > 1 - 1e-6
    np.testing.assert_allclose(carried[whole], expected[whole], atol=1e-5)
    assert seen[whole[..., 0]].all() and 0.5 < whole.mean() < 1


@pytest.mark.parametrize('name', VIEWS)
def test_the_same_on_several_devices(name):
    """Rows draw by their number, and mates are those of the whole batch."""
    view = jax.jit(VIEWS[name])
    alone = view(KEY, IMAGES, JOINTS, SEEN)
    assert alone.shape == IMAGES.shape and alone.dtype == IMAGES.dtype
    changed = (alone != IMAGES).reshape(U, -1).mean(1)
    assert (changed > 0).all()
    mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
    spec = PartitionSpec('data')
    split = jax.jit(
        jax.shard_map(
            functools.partial(VIEWS[name], KEY),
            mesh=mesh,
            in_specs=(spec,) * 3,
            out_specs=spec,
        )
    )
    np.testing.assert_allclose(split(IMAGES, JOINTS, SEEN), alone, atol=1e-6)


def test_boxes_lie_about_seen_joints_of_the_named_size():
    one = jnp.zeros((U, K), bool).at[:, 2].set(True)
    at = JOINTS.at[:, 2].set(jnp.array([[W / 2, H / 2]]))
    cut = jax.jit(joints.joint_cutout(1, half=(0.1, 0.2), jitter=0.0))
    for key in jax.random.split(KEY, 4):
        rows, columns = (
            (np.asarray(cut(key, IMAGES, at, one))[..., 0] == 0).any(axis)
            for axis in (2, 1)
        )
        for hit, length in ((rows, H), (columns, W)):
            for line in hit:
                first, last = np.flatnonzero(line)[[0, -1]]
                assert 2 * 6 <= last + 1 - first <= 2 * 12  # 0.1 and 0.2 of 64
                assert (first + last + 1) / 2 == length // 2
    nothing = cut(KEY, IMAGES, at, jnp.zeros((U, K), bool))
    np.testing.assert_array_equal(nothing, IMAGES)


def test_height_and_width_stay_what_they_are():
    """The official boxes never reach the rows below the width."""
    view = jax.jit(joints.cutout())
    cut = sum(view(k, IMAGES, JOINTS, SEEN) == 0 for k in jax.random.split(KEY, 16))
    share = np.asarray(cut > 0)[..., 0].mean(0)
    assert share.mean(1)[W:].min() > 0.1 and share.mean(0)[-8:].min() > 0.1


def test_patches_come_from_joints_of_a_mate():
    """Each image is a number, but for the surroundings of its joint."""
    number = jnp.arange(1.0, U + 1).reshape(U, 1, 1, 1)
    at = jnp.full((U, 1, 2), 24.0).at[:, :, 1].set(32.0)
    patch = joints.erase(
        jnp.ones((U, H, W, 1)),
        at.astype(jnp.int32),
        jnp.full((U, 1, 2), 9, jnp.int32),
    )
    images = jnp.where(patch == 0, 100 * number, jnp.broadcast_to(number, patch.shape))
    small = {'half': (0.05, 0.1), 'jitter': 0.0}
    view = joints.cut_occlude(1, **small)
    got = np.asarray(jax.jit(view)(KEY, images, at, SEEN[:, :1]))
    centre = got[:, 32, 24, 0]
    assert set(centre) <= set(100 * np.arange(1.0, U + 1)) and len(set(centre)) > 2
    blended = jax.jit(joints.cut_occlude(1, share=0.5, **small))(
        KEY, images, at, SEEN[:, :1]
    )
    own = 100 * np.arange(1.0, U + 1)
    np.testing.assert_allclose(blended[:, 32, 24, 0], (own + centre) / 2)


def test_only_confident_joints_are_occluded():
    score = jnp.full((U, K), 0.89).at[: U // 2, 3].set(0.9)
    view = joints.occlude_confident(half=4 / H, probability=1.0)
    got = np.asarray(jax.jit(view)(KEY, IMAGES, JOINTS, score))[..., 0]
    changed = got != np.asarray(IMAGES)[..., 0]
    assert not changed[U // 2 :].any()
    for row in range(U // 2):
        x, y = np.asarray(JOINTS[row, 3]).astype(int)
        assert changed[row, y - 4 : y + 4, x - 4 : x + 4].mean() > 0.9
        assert changed[row].sum() <= 64
        assert np.isin(got[row], np.asarray(IMAGES)[row]).all()  # a patch of its own


def test_sizes_that_mean_nothing_are_refused():
    with pytest.raises(InputError, match='half'):
        joints.cutout(half=(0.2, 0.1))
    with pytest.raises(InputError, match='probability'):
        joints.keypoint_mix(share=2.0)
