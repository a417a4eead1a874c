"""Mixing: images, labels, masks and weights by the same region and the same share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax.contracts import InputError
from ssljax.views import mixing

B, C = 6, 4
KEY = jax.random.key(0, impl='rbg')  # compiles faster than threefry
PARTNER = jnp.array([1, 2, 3, 4, 5, 0])


def fields(*shape):
    """Each row is full of its number; what is mixed in is told apart."""
    row = np.arange(B)
    full = row.reshape((B, *(1 for _ in shape))) * np.ones((1, *shape))
    return {
        'image': jnp.asarray(full[..., None], jnp.float32),
        'mask': jnp.asarray(full, jnp.int32),
        'confidence': jnp.asarray(full, jnp.float32),
        'label': jnp.eye(B),
        'weight': jnp.asarray(row, jnp.float32),
    }


def test_mixup_mixes_all_alike():
    before = fields(3, 3)
    del before['mask']
    after = jax.jit(mixing.mixup)(KEY, before, PARTNER)
    share = np.diagonal(after['label'])
    assert len(np.unique(share)) == B and (0 < share).all() and (share < 1).all()
    row = np.arange(B)
    np.testing.assert_allclose(after['label'][row, PARTNER], 1 - share, rtol=1e-5)
    expected = share * row + (1 - share) * np.asarray(PARTNER)
    np.testing.assert_allclose(after['weight'], expected, rtol=1e-5)
    for name in ('image', 'confidence'):
        np.testing.assert_allclose(
            after[name].reshape(B, -1), np.tile(expected[:, None], 9), rtol=1e-5
        )


def test_mixmatch_stays_nearer_to_itself():
    label = {'label': jnp.eye(512)}
    partner = jnp.roll(jnp.arange(512), 1)
    both = jax.jit(
        lambda: [
            mixing.mixup(KEY, label, partner, larger=flag) for flag in (False, True)
        ]
    )
    plain, larger = (np.diagonal(mixed['label']) for mixed in both())
    np.testing.assert_allclose(larger, np.maximum(plain, 1 - plain), rtol=1e-5)
    assert (plain < 0.5).any()
    # Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1)).
    assert abs(plain.mean() - 0.5) < 0.06
    assert abs(plain.var() - 1 / 10) < 0.02


def test_one_share_for_all_rows():
    label = {'label': jnp.eye(64)}
    partner = jnp.roll(jnp.arange(64), 1)
    own = np.diagonal(mixing.mixup(KEY, label, partner, one_share=True)['label'])
    assert (own == own[0]).all() and 0 < own[0] < 1


def test_two_batches_meet_row_by_row():
    few = {'image': jnp.zeros((2, 1))}
    many = {'image': 1 + jnp.arange(6.0)[:, None]}
    mixed = mixing.mixup_with(KEY, few, many)['image'][:, 0]
    share = np.asarray(mixing.shares(KEY, 2, alpha=0.75, larger=True))
    assert (share >= 0.5).all()
    np.testing.assert_allclose(mixed, (1 - share) * [1, 4], rtol=1e-5)
    mixed = mixing.mixup_with(KEY, many, {'image': jnp.array([[10.0], [20.0]])})
    share = np.asarray(mixing.shares(KEY, 6, alpha=0.75, larger=True))
    expected = share * (1 + np.arange(6)) + (1 - share) * [10, 10, 10, 20, 20, 20]
    np.testing.assert_allclose(mixed['image'][:, 0], expected, rtol=1e-5)


def test_several_batches_mix_among_each_other():
    """Each row is mixed once and mixes once, and stays the nearer one."""
    sizes = 3, 5, 5
    eye = np.split(np.eye(13, dtype=np.float32), np.cumsum(sizes)[:-1])
    mixed = mixing.mixup_among(KEY, [{'label': jnp.asarray(x)} for x in eye])
    assert [len(x['label']) for x in mixed] == list(sizes)
    weights = np.concatenate([x['label'] for x in mixed])
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    assert (np.diagonal(weights) >= 0.5).all()
    others = (weights > 0) & ~np.eye(13, dtype=bool)
    assert (others.sum(0) <= 1).all() and (others.sum(1) <= 1).all()
    assert others[:3, 3:].any() and others[3:, :3].any()


def test_mixtures_are_the_same_on_eight_devices():
    noise = np.random.default_rng(0)
    batches = [
        {'image': jnp.asarray(noise.normal(size=(rows, 2)), jnp.float32)}
        for rows in (8, 16)
    ]
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    rows = PartitionSpec('data')

    def both(batches):
        few, many = batches
        return [
            *mixing.mixup_among(KEY, batches),
            mixing.mixup_with(KEY, few, many),
            mixing.mixup_with(KEY, many, few),
        ]

    many = jax.jit(jax.shard_map(both, mesh=mesh, in_specs=(rows,), out_specs=rows))
    for x, y in zip(
        jax.tree.leaves(many(batches)), jax.tree.leaves(both(batches)), strict=True
    ):
        np.testing.assert_allclose(x, y, rtol=1e-5)


def check_pasted(before, after):
    """Images, masks and maps hold the same region; labels and weights its share."""
    own = np.arange(B).reshape(B, *(1 for _ in before['mask'].shape[1:]))
    other = np.asarray(PARTNER).reshape(own.shape)
    region = np.asarray(after['mask']) == other
    np.testing.assert_array_equal(after['mask'], np.where(region, other, own))
    np.testing.assert_array_equal(after['image'][..., 0], after['mask'])
    np.testing.assert_array_equal(after['confidence'], after['mask'])
    share = region.reshape(B, -1).mean(1)
    np.testing.assert_allclose(np.diagonal(after['label']), 1 - share, atol=1e-6)
    expected = (1 - share) * np.arange(B) + share * np.asarray(PARTNER)
    np.testing.assert_allclose(after['weight'], expected, atol=1e-5)
    return region


@pytest.mark.parametrize('shape', [(8, 12), (4, 6, 8)])
def test_cutmix_pastes_a_box(shape):
    before = fields(*shape)
    region = check_pasted(before, jax.jit(mixing.cutmix)(KEY, before, PARTNER))
    assert 0 < region.mean() < 1
    for one in region:  # a box: the outer product of its shadows
        shadows = [one.any(tuple(set(range(one.ndim)) - {a})) for a in range(one.ndim)]
        box = functools.reduce(np.multiply.outer, shadows)
        np.testing.assert_array_equal(one, box)
    again = jax.jit(mixing.cutmix)(KEY, {'image': before['image']}, PARTNER)
    same = np.asarray(again['image'][..., 0] == before['mask'])
    np.testing.assert_array_equal(same, ~region)


def test_nothing_pasted_and_nothing_mixed_is_the_identity():
    before = fields(4, 4)
    paste = jax.jit(mixing.paste)
    nothing = paste(before, PARTNER, jnp.zeros((B, 4, 4), bool))
    jax.tree.map(np.testing.assert_array_equal, nothing, before)
    floats = {'image': before['image']}
    itself = mixing.mixup(KEY, floats, jnp.arange(B))
    np.testing.assert_allclose(itself['image'], before['image'], rtol=1e-6)
    everything = paste(before, PARTNER, jnp.ones((B, 4, 4), bool))
    np.testing.assert_array_equal(everything['label'], before['label'][PARTNER])


def test_random_boxes_keep_their_range():
    fixed = ('rows', 'shape', 'share', 'aspect', 'probability')
    random_boxes = jax.jit(mixing.random_boxes, static_argnames=fixed)
    boxes = np.asarray(random_boxes(KEY, 400, (40, 60)))
    share = boxes.reshape(400, -1).mean(1)
    assert share.min() > 0.01 and share.max() < 0.43  # whole pixels
    assert abs(share.mean() - 0.21) < 0.03
    some = np.asarray(random_boxes(KEY, 400, (40, 60), probability=0.5))
    assert abs(some.any((1, 2)).mean() - 0.5) < 0.1
    third = ((2 / 3) ** 3,) * 2
    cubes = random_boxes(KEY, 8, (9, 9, 9), share=third, aspect=(1, 1))
    assert set(np.asarray(cubes).sum((1, 2, 3)).tolist()) == {6**3}


def test_copy_paste_takes_whole_classes_that_are_there():
    rng = np.random.default_rng(0)
    mask = rng.choice([0, 1, 3, 255], (B, 6, 6)).astype(np.int32)
    image = jnp.asarray(rng.random((B, 6, 6, 1)), jnp.float32)
    before = {'image': image, 'mask': jnp.asarray(mask)}
    run = jax.jit(functools.partial(mixing.copy_paste, num_classes=C))
    after = run(KEY, before, PARTNER)
    other_mask, other_image = mask[PARTNER], np.asarray(image)[PARTNER]
    pasted = np.asarray(after['image'] == other_image)[..., 0]
    np.testing.assert_array_equal(after['mask'], np.where(pasted, other_mask, mask))
    taken = set()
    for row in range(B):
        classes = set(other_mask[row][pasted[row]])
        assert len(classes) == 1 and 255 not in classes  # half of three, rounded down
        np.testing.assert_array_equal(pasted[row], other_mask[row] == min(classes))
        taken |= classes
    assert len(taken) > 1
    empty = before | {'mask': jnp.full((B, 6, 6), 255)}
    np.testing.assert_array_equal(run(KEY, empty, PARTNER)['image'], image)


def test_partners_are_a_permutation():
    np.testing.assert_array_equal(np.sort(mixing.partners(KEY, 9)), np.arange(9))


def test_what_cannot_be_mixed():
    hard = {'label': jnp.arange(B)}
    with pytest.raises(InputError, match=r"fields\['label'\] is int32.*distributions"):
        mixing.mixup(KEY, hard, PARTNER)
    with pytest.raises(InputError, match='alpha is 0'):
        mixing.mixup(KEY, fields(2, 2), PARTNER, alpha=0)
    with pytest.raises(InputError, match=r'share is \(0.5, 0.1\)'):
        mixing.random_boxes(KEY, 2, (4, 4), share=(0.5, 0.1))
    with pytest.raises(InputError, match='share is 0'):
        mixing.copy_paste(KEY, fields(2, 2), PARTNER, num_classes=2, share=0)
