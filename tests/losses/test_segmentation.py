"""Dice, cross-entropy and Tversky of sites: the official numbers, regions, devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from ssljax import losses
from ssljax.contracts import InputError

RNG = np.random.default_rng(0)
PROBS = jax.nn.softmax(jnp.asarray(RNG.normal(size=(4, 5, 6, 3)), jnp.float32))
MASK = jnp.asarray(RNG.integers(0, 3, (4, 5, 6)), jnp.int32)


def channels_last(x):
    return jnp.moveaxis(jnp.asarray(x, jnp.float32), 1, -1)


def pixels(logits, labels, weight=None):
    over = 'all' if weight is None else 'kept'
    return losses.masked_mean(losses.cross_entropy(logits, labels), weight, over=over)


def test_losses_of_ssl4mis(golden):
    case = golden('segmentation_ssl4mis_dice_ce_losses')
    logits, other = (channels_last(case[f'in_logits{n}']) for n in ('', '2'))
    labels = jnp.asarray(case['in_labels'], jnp.int32)

    def dice(z, **kind):
        return losses.dice_loss(jax.nn.softmax(z), labels, **kind)

    def half_sum(z):
        return 0.5 * (dice(z).mean() + pixels(z, labels))

    def soft(z):
        target = jax.nn.softmax(other)
        return losses.dice_loss(jax.nn.softmax(z), target, squared=False).mean()

    def plain(z):
        return dice(z, squared=False)[1]

    pairs = {
        'dice4': (lambda z: dice(z).mean(), 'dice4'),
        'half_sum': (half_sum, 'half_sum'),
        'binary_dice_fg1': (lambda z: dice(z)[1], 'binary_dice'),
        'dice_plain_sums_fg1': (plain, 'dice_plain'),
        'softmax_dice': (soft, 'softmax_dice'),
        'softmax_mse_mean': (
            lambda z: losses.mean_squared_error(z, jax.nn.softmax(other)).mean(),
            'softmax_mse',
        ),
        'softmax_kl': (
            # 'mean' of torch divides by the classes, too
            lambda z: losses.kl_divergence(z, jax.nn.softmax(other)).mean() / 4,
            'softmax_kl',
        ),
    }
    for name, (loss, slopes) in pairs.items():
        value, gradient = jax.value_and_grad(loss)(logits)
        np.testing.assert_allclose(
            value, case[f'out_official_{name}'], rtol=1e-5, err_msg=name
        )
        wanted = channels_last(case[f'out_official_{slopes}_dlogits'])
        np.testing.assert_allclose(gradient, wanted, atol=1e-7, err_msg=name)
    np.testing.assert_allclose(
        pixels(logits, labels), case['out_official_ce'], rtol=1e-6
    )
    entropy = losses.entropy(logits).mean() / np.log(4)
    np.testing.assert_allclose(entropy, case['out_official_entropy'], rtol=1e-5)


def test_regions_of_bcp(golden):
    """Both mixes; a labelled region counts 1, a pseudo-labelled one less."""
    case = golden('segmentation_bcp_acdc_masks_losses')
    outer, inner = (channels_last(case[f'in_logits_{n}']) for n in ('out', 'in'))
    pseudo = jnp.asarray(case['out_official_pseudo_largestcc'], jnp.int32)
    masks = jnp.asarray(case['out_official_masks'], jnp.float32)
    lab_a, lab_b = (jnp.asarray(case[f'in_lab_{n}'], jnp.int32) for n in 'ab')

    def region(z, labels, where):
        found = losses.dice_loss(jax.nn.softmax(z), labels, where, smooth=1e-10)
        return 0.5 * (found.mean() + pixels(z, labels, where))

    def total(outer, inner, image, patch, weight):
        # In the 2D script u_a is around the box of x_a, and x_b around that of u_b.
        return (
            weight * region(outer, pseudo, image)
            + region(outer, lab_a, patch)
            + region(inner, lab_b, image)
            + weight * region(inner, pseudo, patch)
        )

    def first(mask):
        return jnp.broadcast_to(mask, lab_a.shape)

    found = [
        total(outer, inner, first(m[None]), 1 - first(m[None]), case['hp_u_weight'])
        for m in masks
    ]
    assert min(np.abs(np.array(found) - case['out_official_loss'])) < 1e-4


def test_dice_of_each_example_is_its_own():
    each = losses.dice_loss(PROBS, MASK, each=True)
    assert each.shape == (4, 3)
    alone = [losses.dice_loss(PROBS[i : i + 1], MASK[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(each, alone, rtol=1e-6)
    assert np.abs(each.mean(0) - losses.dice_loss(PROBS, MASK)).max() > 1e-4


def test_what_is_ignored_is_as_if_it_were_cut_off():
    mask = MASK.at[:, 3:].set(losses.IGNORED)
    weight = losses.site_weights(mask)
    kept = PROBS[:, :3], MASK[:, :3]
    for loss in (losses.dice_loss, losses.focal_tversky):
        np.testing.assert_allclose(loss(PROBS, mask, weight), loss(*kept), rtol=1e-6)
        slope = jax.grad(lambda p, f=loss: f(p, mask, weight).sum())(PROBS)
        assert not slope[:, 3:].any() and slope[:, :3].any()


def test_class_weights_as_torch_has_them():
    mask = MASK.at[0, 0].set(losses.IGNORED)
    weight = losses.site_weights(mask, class_weights=[1.0, 2.0, 5.0])
    np.testing.assert_array_equal(
        weight, np.where(mask == 255, 0, np.array([1, 2, 5])[np.minimum(mask, 2)])
    )
    found = losses.site_mean(losses.cross_entropy(jnp.log(PROBS), mask), weight)
    ce = -np.log(np.take_along_axis(np.asarray(PROBS), MASK[..., None], -1))[..., 0]
    assert found.shape == (4,)
    np.testing.assert_allclose(
        found.mean(), (ce * weight).sum() / weight.sum(), rtol=1e-5
    )
    nothing = losses.site_mean(ce, jnp.zeros(MASK.shape))
    np.testing.assert_array_equal(nothing, np.zeros(4))


def test_focal_tversky_of_ds6():
    p, y = np.asarray(PROBS[..., :1]), np.asarray(MASK == 1, np.float32)[..., None]
    hit, miss, false = (p * y).sum(), ((1 - p) * y).sum(), (p * (1 - y)).sum()
    expected = (1 - (hit + 1) / (hit + 0.7 * miss + 0.3 * false + 1)) ** 0.75
    np.testing.assert_allclose(losses.focal_tversky(p, y), [expected], rtol=1e-5)
    half = losses.focal_tversky(p, y, missed=0.5, wrong=0.5, power=1.0, smooth=0.5)
    dice = losses.dice_loss(p, y, squared=False, smooth=1.0)
    np.testing.assert_allclose(half, dice, rtol=1e-5)
    value, slope = jax.value_and_grad(lambda p: losses.focal_tversky(p, y).sum())(y)
    assert value == 0 and np.isfinite(slope).all()


def test_sums_are_of_all_devices():
    mesh = jax.make_mesh((4,), ('data',), axis_types=(jax.sharding.AxisType.Auto,))

    def loss(probs):
        def own(probs, mask):
            weight = losses.site_weights(mask)
            sites = losses.site_mean(losses.cross_entropy(probs, mask), weight)
            dice = losses.dice_loss(probs, mask, weight).mean()
            return dice + losses.masked_mean(sites)

        rows = PartitionSpec('data')
        split = jax.shard_map(
            own, mesh=mesh, in_specs=(rows, rows), out_specs=PartitionSpec()
        )
        return own(probs, mask), split(probs, mask)

    mask = MASK.at[0, 0].set(losses.IGNORED)
    slopes = jax.jit(jax.jacrev(loss))(PROBS)
    np.testing.assert_allclose(*jax.jit(loss)(PROBS), rtol=1e-6)
    np.testing.assert_allclose(*slopes, atol=1e-7)


def test_refusals():
    with pytest.raises(InputError, match=r'target has shape \(4, 5, 5\)'):
        losses.dice_loss(PROBS, MASK[:, :, :5])
    with pytest.raises(InputError, match=r'weight has shape \(4, 5\)'):
        losses.focal_tversky(PROBS, MASK, jnp.ones((4, 5)))
