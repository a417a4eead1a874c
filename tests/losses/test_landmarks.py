"""Losses of landmarks against TSAL's code where it is right, else as it is meant."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses
from ssljax.contracts import InputError
from ssljax.solvers import heatmaps


def last(maps):
    """The channels of torch, last."""
    return np.moveaxis(maps, 1, -1)


def cell_of(index, width=8):
    return np.stack(np.divmod(index, width), axis=-1)


@pytest.fixture
def stages(golden):
    case = golden('landmarks_tsal_stage_losses')
    stages = np.stack([last(case[f'in_stage{i}']) for i in range(3)], axis=1)
    tracked = np.stack([last(case[f'in_track{i}']) for i in range(3)], axis=1)
    return case, stages, tracked


def test_supervised_stages_of_tsal(stages):
    case, stages, _ = stages
    mask, labelled = case['in_mask'][..., 0, 0], float(case['hp_n_labelled'])

    def loss(stages):
        squares = losses.heatmap_squares(stages, last(case['in_target']))
        return jnp.sum(squares * mask) / labelled

    value, slope = jax.value_and_grad(loss)(stages)
    np.testing.assert_allclose(value, case['out_official_sup_loss'], rtol=1e-5)
    for i in range(3):
        expected = last(case[f'out_official_sup_dstage{i}'])
        np.testing.assert_allclose(slope[:, i], expected, rtol=1e-5, atol=1e-6)


def test_consistency_of_tsal_with_frames_in_their_order(stages):
    """The official code has each frame beside the target of the next."""
    case, stages, tracked = stages
    frames, labelled = case['out_paper_frame_index'], float(case['hp_n_labelled'])
    squares = sum(
        losses.heatmap_squares(stages[frames, i : i + 1], tracked[:, i])
        for i in range(3)
    )
    means = 2 * jnp.sum(squares) / tracked[:, 0].size
    value = case['hp_w'] * means / (2 * labelled)
    np.testing.assert_allclose(value, case['out_paper_cons_loss'], rtol=1e-5)

    found = case['in_locs'].reshape(6, 4, 2)[frames]
    apart = losses.coordinate_squares(found, case['in_fused'].reshape(4, 4, 2))
    value = case['hp_w'] * jnp.mean(apart) / (2 * labelled)
    np.testing.assert_allclose(value, case['out_paper_loc_loss'], rtol=1e-5)


def test_what_is_not_seen_of_a_heatmap_counts_nothing():
    stages = jnp.ones((2, 3, 4, 5, 1))
    seen = np.zeros((2, 4, 5), np.float32)
    seen[0, :2] = 1
    found = losses.heatmap_squares(stages, jnp.zeros((2, 4, 5, 1)), seen)
    np.testing.assert_allclose(found, [[0.5 * 3 * 10], [0]])


def test_offsets_of_tsal(golden):
    case = golden('landmarks_tsal_offset_smoothl1')
    mask = case['in_mask'][:, 0].reshape(3, 5, 2)
    target = case['in_target'][:, 0].reshape(3, 5, 2)

    def loss(maps):
        offsets = heatmaps.offsets_at(maps, cell_of(case['in_ind'][:, 0]))
        apart = losses.offset_distance(offsets, target)
        return losses.masked_mean(apart, mask, over='kept')

    value, slope = jax.value_and_grad(loss)(jnp.asarray(last(case['in_offset_map'])))
    np.testing.assert_allclose(value, case['out_official_loss'], rtol=1e-4)
    expected = last(case['out_official_doffset_map'])
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-7)


def test_shape_invariance_of_tsal_within_a_clip(golden):
    case = golden('landmarks_tsal_shape_invariance')
    mask = case['in_mask'][:, 0].reshape(2, 3, 5, 2)[..., 0]

    def loss(maps):
        offsets = heatmaps.offsets_at(maps, cell_of(case['in_ind'][:, 0]))
        clips = losses.shape_invariance(offsets.reshape(2, 3, 5, 2), mask)
        assert clips.shape == (2,)
        return clips.mean()

    value, slope = jax.value_and_grad(loss)(jnp.asarray(last(case['in_offset_map'])))
    np.testing.assert_allclose(value, case['out_paper_same_clip_loss'], rtol=1e-5)
    expected = last(case['out_paper_same_clip_doffset_map'])
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-6)


def test_shape_invariance_of_the_annotated_frames():
    offsets = np.zeros((4, 1, 2), np.float32)
    offsets[:, 0, 0] = [1, 2, 3, 100]
    visible, annotated = np.ones((4, 1), bool), np.array([True, False, True, False])
    found = losses.shape_invariance(offsets, visible, annotated)
    np.testing.assert_allclose(found, (1 - 9) ** 2 / 4)


def test_centre_focal_by_hand():
    """Two frames: one centre among a neighbour and nothing; and none at all."""
    p = np.float64([[0.7, 0.6, 0.1], [0.2, 0.5, 0.1]])
    target = np.float32([[1, 0.5, 0], [0, 0, 0]])
    logits = np.log(p / (1 - p)).astype(np.float32)
    found = losses.centre_focal(logits[:, None, :, None], target[:, None])
    first = 0.3**2 * np.log(0.7) + 0.5**4 * 0.6**2 * np.log(0.4) + 0.01 * np.log(0.9)
    second = 0.04 * np.log(0.8) + 0.25 * np.log(0.5) + 0.01 * np.log(0.9)
    np.testing.assert_allclose(found, [-first, -second], rtol=1e-5)
    sure = jnp.float32([[-200.0, 200.0]])[..., None]  # as wrong as can be
    slope = jax.grad(lambda x: losses.centre_focal(x, jnp.float32([[1.0, 0.0]])))(sure)
    np.testing.assert_allclose(slope[0, :, 0], [-1, 1], rtol=1e-5)


def test_a_step_of_tsal_as_meant(golden):
    """All supervised terms of its teacher, on the outputs that it has at the start."""
    case = golden('landmarks_tsal_full_step_intended')
    p = {name: case[f'in_teacher_{name}'] for name in ('W0', 'b0', 'Wh0', 'Wh1')}
    p |= {name: case[f'in_teacher_{name}'] for name in ('Wc', 'Wo')}
    hidden = np.tanh(case['in_x'][0] @ p['W0'] + p['b0'])
    stages = np.stack(
        [last((hidden @ p[f'Wh{i}']).reshape(6, 4, 4, 4)) for i in range(2)], axis=1
    )
    labelled = case['in_labelled'][0] > 0
    mask, points = case['in_mask'][0, :, :, 0, 0], case['in_point_mask'][0]
    cell = cell_of(case['in_centre_index'][0], 4)
    offsets = last((hidden @ p['Wo']).reshape(6, 6, 4, 4))
    offsets = heatmaps.offsets_at(offsets.astype(np.float32), cell)
    wanted = case['in_offset_target'][0].reshape(6, 3, 2)
    logits = (hidden @ p['Wc']).reshape(6, 4, 4, 1)
    squares = losses.heatmap_squares(stages, last(case['in_target'][0]))
    clips = (offsets.reshape(2, 3, 3, 2), points.reshape(2, 3, 3))
    found = {
        'hm': jnp.sum(squares * mask) / labelled.sum(),
        'centre': losses.centre_focal(logits, case['in_centre_target'][0])[
            labelled
        ].mean(),
        'offset': losses.masked_mean(
            losses.offset_distance(offsets, wanted), points, over='kept'
        ),
        'sic': losses.shape_invariance(*clips, labelled.reshape(2, 3)).mean(),
    }
    for name, value in found.items():
        expected = case[f'out_paper_teacher_{name}'][0]
        np.testing.assert_allclose(value, expected, rtol=1e-4, err_msg=name)


def test_refuses_other_shapes():
    with pytest.raises(InputError, match='stages has shape'):
        losses.heatmap_squares(jnp.ones((2, 1, 4, 4, 3)), jnp.ones((2, 4, 4, 2)))
    with pytest.raises(InputError, match='give the same'):
        losses.coordinate_squares(jnp.ones((2, 3, 2)), jnp.ones((2, 4, 2)))
