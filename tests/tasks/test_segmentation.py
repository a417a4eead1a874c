"""Segmentation: terms of the batch, what is ignored, transport, scores."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, tasks, views
from ssljax.contracts import InputError
from ssljax.targets import from_prediction
from ssljax.tasks import segmentation_metrics

RNG = np.random.default_rng(0)
TASK = tasks.segmentation(3, (8, 6, 1))
LOGITS = jnp.asarray(RNG.normal(size=(2, 8, 6, 3)), jnp.float32)
MASK = RNG.integers(0, 3, (2, 8, 6)).astype(np.int32)
MASK[0, :2] = 255
EXAMPLE = {'image': np.zeros((2, 8, 6, 1), np.float32), 'mask': MASK}


def test_terms_are_the_official_ones_over_sites_that_count():
    terms = jax.jit(TASK.supervised)({'logits': LOGITS}, EXAMPLE)
    counts = MASK != 255
    ce = np.asarray(losses.cross_entropy(LOGITS, jnp.asarray(MASK)))
    assert terms['cross_entropy'].shape == (2,)
    np.testing.assert_allclose(
        terms['cross_entropy'].mean(), 0.5 * ce[counts].mean(), rtol=1e-5
    )
    dice = losses.dice_loss(jax.nn.softmax(LOGITS), jnp.asarray(MASK), counts)
    np.testing.assert_allclose(terms['dice'], [0.5 * dice.mean()] * 2, rtol=1e-6)
    foreground = tasks.segmentation(3, (8, 6, 1), background=False)
    terms = foreground.supervised({'logits': LOGITS}, EXAMPLE)
    np.testing.assert_allclose(terms['dice'][0], 0.5 * dice[1:].mean(), rtol=1e-6)


def test_scales_are_taught_by_their_weights():
    task = tasks.segmentation(
        3, (8, 6, 1), loss='focal_tversky', scale_weights=(1.0, 0.5)
    )
    scales = (LOGITS, 2 * LOGITS)
    found = task.supervised({'logits': LOGITS, 'scales': scales}, EXAMPLE)
    weight = losses.site_weights(jnp.asarray(MASK))
    expected = [
        losses.focal_tversky(jax.nn.softmax(x), jnp.asarray(MASK), weight)[1:].mean()
        for x in scales
    ]
    np.testing.assert_allclose(
        found['focal_tversky'][0], expected[0] + 0.5 * expected[1], rtol=1e-6
    )
    with pytest.raises(InputError, match='answers 1 scales'):
        task.supervised({'logits': LOGITS, 'scales': scales[:1]}, EXAMPLE)


def test_predictions_move_with_their_view_and_what_it_did_not_see_teaches_nothing():
    prediction = TASK.decode({'logits': LOGITS})
    np.testing.assert_allclose(prediction, jax.nn.softmax(LOGITS), rtol=1e-6)
    assert TASK.transport(prediction, None, None) is prediction
    flip = views.flip_horizontal(1.0)(jax.random.key(0), {'image': prediction[0]})
    warp = jnp.stack([flip['warp']] * 2)
    moved = TASK.transport(prediction, None, warp)
    np.testing.assert_allclose(moved, prediction[:, :, ::-1], atol=1e-5)
    down = jnp.eye(3).at[1, 2].set(2.0)  # by two rows: the first two were not seen
    moved = TASK.transport(prediction, None, jnp.stack([down] * 2))
    assert not moved[:, :2].any()
    np.testing.assert_allclose(moved[:, 2:], prediction[:, :-2], atol=1e-5)
    weight = from_prediction(moved).weight
    np.testing.assert_array_equal(
        weight, np.broadcast_to(np.arange(8) > 1, (2, 6, 8)).swapaxes(1, 2)
    )


def test_crops_of_a_larger_image_see_all_of_it():
    task = tasks.segmentation(3, (16, 16, 1))
    prediction = jax.nn.softmax(LOGITS[:, :6])
    corner = jnp.stack([jnp.eye(3).at[:2, 2].set(-8.0)] * 2)
    moved = task.transport(prediction, corner, corner)
    np.testing.assert_allclose(moved, prediction, atol=1e-5)


def test_methods_bring_the_consistency_unless_it_is_given():
    assert TASK.consistency is None
    task = tasks.segmentation(3, (8, 6, 1), consistency=losses.cross_entropy)
    ids = from_prediction(TASK.decode({'logits': LOGITS}))._replace(
        value=jnp.argmax(LOGITS, -1)
    )
    found = task.consistency({'logits': LOGITS}, ids)['consistency']
    expected = -jnp.log(jax.nn.softmax(LOGITS).max(-1))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def rows_of(metric, found, true, classes=2, **example):
    probs = jax.nn.one_hot(jnp.asarray(found, jnp.int32), classes)
    example = {'mask': jnp.asarray(true, jnp.int32), **example}
    return jax.device_get(metric.rows(probs, example))


@pytest.mark.parametrize('axes', ['2d', '3d'])
def test_scores_of_medpy(golden, axes):
    case = golden('segmentation_metrics_dice_hd95_asd')
    masks = case[f'in_pred{axes}'], case[f'in_gt{axes}']
    counts = tasks.overlaps(rows_of(tasks.overlap(2), *masks))
    found = tasks.distances(rows_of(tasks.surfaces(2), *masks), 2)
    if axes == '2d':
        dice, hd95 = case['out_official_2d_dice_hd95'].T
        asd = case['out_official_2d_asd_pred_to_gt']
        np.testing.assert_allclose(found['assd'][:, 0], case['out_official_2d_assd'])
        # The third prediction is empty: the script writes 0, but there is no distance.
        hd95 = np.where(found['one_empty'][:, 0], np.nan, hd95)
        np.testing.assert_array_equal(found['one_empty'][:, 0], [0, 0, 1, 0])
    else:
        dice, jaccard, hd95, asd = case['out_official_3d_dice_jaccard_hd95_asd'].T
        np.testing.assert_allclose(counts['jaccard'][:, 0], jaccard)
    np.testing.assert_allclose(counts['dice'][:, 0], dice)
    np.testing.assert_allclose(found['hd95'][:, 0], hd95)
    np.testing.assert_allclose(found['asd'][:, 0], asd)


def test_distances_are_in_millimetres_where_spacing_is_known():
    first, second = np.zeros((1, 8, 8, 8), int), np.zeros((1, 8, 8, 8), int)
    first[0, 2, 3, 3] = second[0, 5, 3, 3] = 1
    metric = tasks.surfaces(2)
    plain = metric.result(rows_of(metric, first, second))
    assert plain == {'hd95': 3, 'asd': 3, 'assd': 3, 'one_empty': 0}
    spacing = jnp.array([[2.5, 1.0, 1.0]])
    assert metric.result(rows_of(metric, first, second, spacing=spacing))['asd'] == 7.5


def test_what_is_in_neither_mask_is_left_out():
    true = np.array([[[0, 1, 1, 255]], [[0, 0, 0, 0]]])
    found = np.array([[[0, 1, 0, 2]], [[0, 0, 0, 2]]])
    metric = tasks.overlap(3)
    scores = metric.result(rows_of(metric, found, true, 3))
    # Class 1 of the first case alone; class 2 was only found, in the second.
    np.testing.assert_allclose(scores['dice_1'], 2 / 3)
    assert scores['dice_2'] == 0
    np.testing.assert_allclose(scores['dice'], 1 / 3)
    np.testing.assert_allclose(scores['miou'], (4 / 6 + 1 / 2 + 0) / 3)
    metric = tasks.surfaces(3)
    scores = metric.result(rows_of(metric, found, true, 3))
    assert scores['one_empty'] == 0.25 and np.isfinite(scores['hd95'])
    empty = np.zeros((1, 2, 2), int)
    metric = tasks.overlap(2)
    assert np.isnan(metric.result(rows_of(metric, empty, empty))['dice'])
    assert segmentation_metrics.overlaps(rows_of(metric, empty, empty + 1))['dice'] == 0


def test_refusals():
    with pytest.raises(InputError, match='num_classes is 1'):
        tasks.segmentation(1, (8, 6, 1))
    with pytest.raises(InputError, match='num_classes is 256; give 2 to 255'):
        tasks.segmentation(256, (8, 6, 1))
    with pytest.raises(InputError, match='loss is'):
        tasks.segmentation(3, (8, 6, 1), loss='dice')
    with pytest.raises(InputError, match='class_weights is'):
        tasks.segmentation(3, (8, 6, 1), class_weights=(1.0, 2.0))
    with pytest.raises(InputError, match=r"needs 'logits' \[B, 8, 6, 3\]"):
        TASK.decode({'logits': LOGITS[..., :2]})
    with pytest.raises(InputError, match='a mask has the size of its image'):
        TASK.supervised({'logits': LOGITS}, {'mask': MASK[:, :4]})
