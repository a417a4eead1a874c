"""Heatmaps: drawn as the official code draws them, read back to 0.05 pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.solvers import heatmaps


@pytest.mark.parametrize('annotated', [True, False])
def test_gaussians_of_tsal(golden, annotated):
    case = golden('landmarks_tsal_gaussian_targets')
    name = f'out_official_gaussian_nop{0 if annotated else 1}'
    x, y, visible = case['in_pts']
    maps = heatmaps.draw(
        np.stack([x, y], -1),
        (visible > 0) & annotated,
        case[f'{name}_heatmap'].shape[:2],
        int(case['hp_downsample']),
        float(case['hp_sigma']),
        background=True,
    )
    assert maps.dtype == jnp.float32
    # Theirs are multiplied by the mask, which here is the business of the loss.
    masked = np.asarray(maps) * case[f'{name}_mask']
    np.testing.assert_allclose(masked, case[f'{name}_heatmap'], atol=1e-6)


@pytest.mark.parametrize('radius', [4, 20])
def test_soft_argmax_of_tsal(golden, radius):
    case = golden('landmarks_tsal_soft_argmax')
    maps = jnp.moveaxis(jnp.asarray(case['in_heatmap']), 0, -1)  # the maps as landmarks
    options = {'radius': radius, 'threshold': float(case['hp_threshold'])}

    def found(maps):
        return heatmaps.soft_argmax(maps, int(case['hp_downsample']), **options)

    landmarks, score = jax.jit(found)(maps)
    np.testing.assert_allclose(landmarks, case[f'out_paper_locs_r{radius}'], rtol=1e-5)
    name = f'out_official_intdiv_{{}}_r{radius}'
    np.testing.assert_allclose(score, case[name.format('score')], rtol=1e-6)
    slope = jax.grad(lambda maps: jnp.sum(case['in_cotangent'] * found(maps)[0]))(maps)
    expected = np.moveaxis(case[name.format('dheatmap')], 0, -1)
    # One map is below the threshold everywhere: its slopes are kept at 0 here too.
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('stride', 'sigma', 'floor', 'margin'),
    [
        (4, 4.0, 0.01, 0.0),
        (4, 8.0, 0.01, 0.0),
        (4, 12.0, 0.0, 0.0),
        (8, 6.0, 0.0, 0.0),
        # Of 0.75 cells, cut at 0.01, the border's third cell is empty.
        (8, 6.0, 0.01, 4.0),
    ],
)
def test_peak_is_exact_anywhere_on_the_image(stride, sigma, floor, margin):
    size = (16, 12)
    height, width = (n * stride for n in size)
    low, high = margin - 0.5, np.array([width, height]) - 0.5 - margin
    random = np.random.default_rng(0)
    truth = random.uniform(low, high, (400, 25, 2))
    truth[:40] = stride * truth[:40].round() - 0.5  # between cells, alike high
    truth[40:80] = np.where(random.uniform(size=(40, 25, 2)) < 0.5, low, high)
    truth = np.clip(truth, low, high).astype(np.float32)

    @jax.jit
    def back(landmarks):
        visible = jnp.ones(landmarks.shape[:-1], bool)
        maps = heatmaps.draw(landmarks, visible, size, stride, sigma, floor=floor)
        return heatmaps.peak(maps, stride)

    landmarks, score = back(truth)
    assert np.abs(landmarks - truth).max() < 0.05
    assert (score > 0.4).all() and (score <= 1).all()


def test_peak_of_what_is_no_gaussian_stays_at_the_highest_cell():
    maps = np.zeros((5, 6, 4), np.float32)
    maps[..., 1] = -0.5  # nowhere above 0
    maps[2, 3, 2] = 1.0  # one cell
    maps[0, :, 3] = np.arange(6)  # rises to the border
    landmarks, score = heatmaps.peak(maps, 2)
    cells = (np.asarray(landmarks) - 0.5) / 2
    np.testing.assert_array_equal(cells[:3], [[0, 0], [0, 0], [3, 2]])
    assert 4.5 <= cells[3, 0] <= 5.5
    np.testing.assert_array_equal(score, [0, -0.5, 1, 5])
    slope = jax.grad(lambda maps: heatmaps.peak(maps, 2)[0].sum())(jnp.asarray(maps))
    assert np.isfinite(slope).all()


def test_centre_targets_of_tsal_as_meant(golden):
    case = golden('landmarks_tsal_center_offset_targets')
    points = np.moveaxis(case['in_points'], 1, -1)  # [frames, 68, (x, y, visible)]
    visible = points[..., 2] > 0
    maps, cell, offsets, there = jax.jit(
        lambda *frames: heatmaps.centre_targets(*frames, (32, 32), 8, 30)
    )(points[..., :2], visible)
    assert there.all()
    np.testing.assert_allclose(maps, case['out_paper_center'][:3], atol=1e-6)
    np.testing.assert_array_equal((maps == 1).sum((1, 2)), 1)
    index = case['out_paper_center_index'][:3]
    np.testing.assert_array_equal(cell[:, 0] * 32 + cell[:, 1], index)
    shown = (np.asarray(offsets) * visible[..., None]).reshape(3, -1)
    np.testing.assert_allclose(shown, case['out_paper_offset'][:3], atol=1e-5)


def test_no_centre_no_target():
    landmarks = np.array([[[5.0, 5.0], [9.0, 9.0]], [[-9.0, 5.0], [9.0, 9.0]]])
    visible = np.array([[False, True], [True, True]])
    maps, _, _, there = heatmaps.centre_targets(landmarks, visible, (4, 4), 4, 0)
    np.testing.assert_array_equal(there, [False, False])  # hidden; outside
    np.testing.assert_array_equal(maps, 0)


def test_candidates_and_agreement_of_tsal_in_pixels(golden):
    case = golden('landmarks_tsal_center_decode_agreement')
    centre, offsets = (
        np.moveaxis(case[name], 1, -1) for name in ('in_center_logits', 'in_offset_map')
    )
    landmarks = case['in_heatmap_locs']
    candidates, score = jax.jit(
        lambda *maps: heatmaps.centre_candidates(
            *maps, int(case['hp_stride']), top=int(case['hp_topk'])
        )
    )(centre, offsets)
    np.testing.assert_allclose(score, case['out_official_scores'], rtol=1e-5)
    pixels = case['out_paper_candidates_px']
    np.testing.assert_allclose(candidates.reshape(pixels.shape), pixels, rtol=1e-5)
    chosen, choice = heatmaps.agree(candidates, score, landmarks)
    np.testing.assert_array_equal(choice, case['out_paper_choice'])
    assert (choice != case['out_official_choice']).any()  # theirs, in mixed units
    selected = case['out_paper_selected']
    np.testing.assert_allclose(chosen.reshape(selected.shape), selected, rtol=1e-5)


def test_what_is_no_peak_is_never_chosen():
    centre = np.zeros((4, 4, 1), np.float32)
    centre[1:3, 1:3, 0] = [[3, 2], [2, 2]]  # one peak, and a plain around it
    offsets = np.zeros((4, 4, 2), np.float32)
    candidates, score = heatmaps.centre_candidates(centre, offsets, 1, top=16)
    assert score[0] == score.max() and (score > 0).sum() < 16
    suppressed = candidates[np.asarray(score) == 0][0]
    chosen, _ = heatmaps.agree(candidates, score, suppressed)
    assert (chosen != suppressed).any()


def test_offsets_are_read_back_at_their_centre():
    random = np.random.default_rng(0)
    maps = random.normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    cell = np.stack([random.integers(0, n, (2, 3)) for n in (4, 5)], axis=-1)
    found = heatmaps.offsets_at(maps, cell)
    assert found.shape == (2, 3, 3, 2)
    row, column = cell[1, 2]
    np.testing.assert_array_equal(found[1, 2].reshape(-1), maps[1, 2, row, column])


def test_refusals():
    with pytest.raises(InputError, match='sigma is 0'):
        heatmaps.draw(np.zeros((1, 2)), np.ones(1, bool), (4, 4), 4, 0)
    with pytest.raises(InputError, match='2x4; give at least 3x3'):
        heatmaps.peak(np.zeros((2, 4, 1)), 4)
