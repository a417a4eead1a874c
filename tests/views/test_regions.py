"""Boxes and cubes, and what is pasted into them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.views import mixing, regions

KEYS = jax.random.split(jax.random.key(0), 300)


def draw(view):
    return np.asarray(jax.jit(jax.vmap(view))(KEYS))


def test_unimatch_pastes_labels_confidences_and_ignored_pixels_alike(golden):
    case = golden('segmentation_unimatch_cutmix_loss')

    def own(name):
        probs = jax.nn.softmax(jnp.moveaxis(case[f'in_pred_{name}'], 1, -1))
        ignored = case['in_ignore' if name == 'w' else 'in_ignore_mix']
        return {
            'mask': probs.argmax(-1),
            'conf': probs.max(-1),
            'ignore_mask': jnp.array(ignored),
        }

    images = [
        {'img': jnp.moveaxis(case[name], 1, -1)}
        for name in ('in_img_s1', 'in_img_s1_mix')
    ]
    for number in (1, 2):
        region = jnp.array(case[f'in_box{number}'] == 1)
        mixed = regions.filled(own('w'), own('w_mix'), region)
        for name, key in (
            ('mask', f'mask_u_w_cutmixed{number}'),
            ('conf', f'conf_u_w_cutmixed{number}'),
            ('ignore_mask', f'ignore_mask_cutmixed{number}'),
        ):
            np.testing.assert_allclose(
                mixed[name], case[f'out_official_{key}'], rtol=1e-6
            )
    region = jnp.array(case['in_box1'] == 1)
    image = regions.filled(*images, region)['img']
    expected = np.moveaxis(case['out_official_img_s1_mixed'], 1, -1)
    np.testing.assert_array_equal(image, expected)


def test_unimatch_draws_boxes_of_the_official_areas(golden):
    """Of 16x16 pixels 2 to 40 %, sides rounded."""
    official = golden('segmentation_unimatch_cutmix_loss')['out_official_boxes_area']
    own = draw(lambda key: mixing.random_boxes(key, 16, (16, 16))).sum((2, 3))
    assert own.min() <= official.min() and official.max() <= own.max() <= 120
    # 20 of theirs; their mean is known to 5.
    assert abs(float(own.mean()) - official.mean()) < 10


def test_bcp_masks_and_mixtures(golden):
    case = golden('segmentation_bcp_acdc_masks_losses')
    shape = tuple(case['in_size'])
    boxes = draw(lambda key: regions.one_box(key, shape)[0])
    assert (boxes.sum((1, 2)) == 16 * 16).all()
    drawn = {box.tobytes() for box in boxes}
    assert len(drawn) == 8 * 8  # and none at the far border
    assert not boxes[:, -1].any() and not boxes[:, :, -1].any()
    for mask in case['out_official_masks']:
        assert (mask == 0).tobytes() in drawn

    x_a, u_a, x_b, u_b = (
        jnp.moveaxis(case[f'in_{name}'], 1, -1) for name in ('x_a', 'u_a', 'x_b', 'u_b')
    )
    mixed = [  # which of the masks the case mixes by is not stored
        [
            regions.filled({'image': a}, {'image': b}, jnp.array(mask == 0)[None])
            for a, b in ((u_a, x_a), (x_b, u_b))
        ]
        for mask in case['out_official_masks']
    ]
    for side, name in enumerate(('mix_out_input', 'mix_in_input')):
        expected = np.moveaxis(case[f'out_official_{name}'], 1, -1)
        assert any((pair[side]['image'] == expected).all() for pair in mixed)


def test_a_box_in_a_volume():
    boxes = draw(lambda key: regions.one_box(key, (6, 9, 12)))
    assert boxes.shape == (300, 1, 6, 9, 12)
    assert (boxes.sum((1, 2, 3, 4)) == 4 * 6 * 8).all()


def test_columns_go_through_all_slices():
    drawn = draw(lambda key: regions.columns(key, 4, (3, 16, 16)))
    assert drawn.shape == (300, 4, 3, 16, 16)
    assert (drawn == drawn[:, :, :1]).all()
    # Where nothing is clipped, all boxes of a batch have the same sides.
    flat = drawn[:, :, 0]
    heights, widths = flat.any(3).sum(2), flat.any(2).sum(2)
    largest = np.maximum(heights, widths).max(1, keepdims=True)
    assert (heights <= largest).all() and (
        heights.max(1) >= largest[:, 0] - 1
    ).mean() > 0.6
    # 1 - Beta(4, 4) is 1/2 on average, and a fifth or so of the box is clipped.
    assert 0.3 < flat.mean() < 0.45


def test_surer_cubes():
    own = np.zeros((1, 4, 6), np.float32)
    own[0, :2, :2] = [[1.0, 0.0], [0.0, 0.0]]
    other = np.full_like(own, 0.2)
    region = np.asarray(regions.surer_cubes(own, other, 2))
    expected = np.zeros((1, 4, 6), bool)
    expected[0, :2, :2] = True  # 0.25 on average, the others 0
    np.testing.assert_array_equal(region, expected)
    assert regions.surer_cubes(np.zeros((2, 4, 4, 8)), np.ones((2, 4, 4, 8)), 4).shape


@pytest.mark.parametrize(
    'make',
    [
        lambda: regions.one_box(KEYS[0], (8, 8), share=1.0),
        lambda: regions.columns(KEYS[0], 2, (8, 8), alpha=0.0),
        lambda: regions.surer_cubes(np.zeros((1, 6)), np.zeros((1, 6)), 4),
    ],
)
def test_impossible_numbers(make):
    with pytest.raises(InputError):
        make()
