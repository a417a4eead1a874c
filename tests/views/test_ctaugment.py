"""CTAugment: which bins are drawn, and how the rates follow the errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views.ctaugment import Choice

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)


@pytest.fixture(scope='module')
def policy():
    return views.ctaugment()


@pytest.fixture(scope='module')
def strong(policy):
    """``strong(bins, seed)`` -> (examples, choices) of 256 draws."""
    run = jax.jit(jax.vmap(policy.view, in_axes=(0, None, None)))

    def draw(bins, seed=0):
        return run(jax.random.split(jax.random.key(seed), 256), {'image': IMAGE}, bins)

    return draw


def test_fresh_bins_are_drawn_evenly_and_every_operation_has_its_own_number(
    policy, strong
):
    bins = policy.init()
    assert bins.shape == (19, 17) and sorted(set(np.array(bins).sum(1))) == [1, 8, 17]
    seen, choice = strong(bins)
    assert seen['image'].shape == (256, 12, 12, 3)
    op, drawn = np.array(choice.op), np.array(choice.bin)
    assert set(op.ravel()) == set(range(19)) and set(drawn.ravel()) == set(range(17))
    size = np.array(bins).sum(1)[op]
    assert (drawn < size).all()
    hole = (np.round(np.array(seen['image']) * 255) == 127).all(-1)
    assert (hole.sum((1, 2)) >= 9).all()  # the last cutout, 6 by 6 or cut at an edge


def test_only_bins_near_the_best_are_drawn(policy, strong):
    bins = policy.init().at[:, 1:].multiply(0.5)  # below 0.8 of the best
    _, choice = strong(bins)
    assert not np.array(choice.bin).any()
    _, choice = strong(policy.init() * 0)  # all bad alike: all may be drawn
    assert np.array(choice.bin).max() == 16


def test_rates_are_moving_averages_of_what_went_well(policy):
    bins = policy.init()
    choice = Choice(jnp.array([[0, 3], [0, 0]]), jnp.array([[2, 5], [2, 7]]))
    got = np.array(policy.update(bins, choice, jnp.array([1.0, 0.5])))
    want = np.array(bins)
    want[0, 2] = 0.99**2 + (1 - 0.99**2) * 0.25  # two rows, closeness 0 and 0.5
    want[3, 5] = 0.99
    want[0, 7] = 0.99 + 0.01 * 0.5
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_probe_ignores_the_bins_and_its_magnitudes_reach_everywhere(policy):
    keys = jax.random.split(jax.random.key(1), 64)
    run = jax.jit(jax.vmap(policy.probe, in_axes=(0, None)))
    seen, choice = run(keys, {'image': IMAGE, 'landmarks': np.ones((1, 2), np.float32)})
    assert choice.op.shape == (64, 2) and np.array(choice.bin).max() == 16
    assert seen['landmarks'].shape == (64, 1, 2)
    assert np.ptp(np.array(seen['landmarks']), axis=0).min() > 0.5


@pytest.mark.parametrize('wrong', [{'depth': 0}, {'decay': 1.0}, {'threshold': -1}])
def test_impossible_numbers_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=f'{name} is'):
        views.ctaugment(**wrong)
