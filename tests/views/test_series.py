"""Views of a series: identities, orders, ranges."""

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.views import series

T = 60
RAMP = np.stack([np.arange(T), 100 - np.arange(T)], 1).astype(np.float32)
KEYS = jax.random.split(jax.random.key(0, impl='rbg'), 8)


def seen(view, x=RAMP):
    """Eight draws, [8, T, channels]."""
    run = jax.jit(jax.vmap(lambda key: view(key, {'series': x})))
    return np.asarray(run(KEYS)['series'])


@pytest.mark.parametrize(
    'view',
    [
        series.scale(0.0),
        series.jitter(0.0),
        series.magnitude_warp(0.0),
        series.time_warp(0.0),
        series.mask((0.0, 0.0)),
        series.permute(1),
        series.crop((1.0, 1.0)),
    ],
)
def test_no_strength_is_the_identity(view):
    np.testing.assert_allclose(seen(view), np.tile(RAMP, (8, 1, 1)), atol=2e-4)


def test_scale_and_jitter():
    ones = np.ones_like(RAMP)
    factors = seen(series.scale(0.2), ones)
    assert (factors == factors[:, :1]).all()  # constant in time
    assert len(np.unique(factors)) == 16  # its own a channel and draw
    assert abs(seen(series.jitter(0.5), ones).std() - 0.5) < 0.05


def test_magnitude_warp_is_a_continuous_curve():
    curves = seen(series.magnitude_warp(0.2, knots=3), np.ones_like(RAMP))
    bends = abs(np.diff(curves, 2, axis=1)) > 1e-4
    assert (bends.sum(1) <= 2 * 3).all() and bends.any()
    assert abs(np.diff(curves, axis=1)).max() < 0.1


def test_time_warp_keeps_order_ends_and_channels_together():
    warped = seen(series.time_warp(0.5))
    assert (np.diff(warped[..., 0], axis=1) > 0).all()
    np.testing.assert_allclose(warped[:, [0, -1], 0], [[0, T - 1]] * 8, atol=1e-3)
    np.testing.assert_allclose(warped.sum(2), 100, rtol=1e-5)
    assert abs(warped[..., 0] - RAMP[:, 0]).max() > 2


def test_mask_fills_segments():
    hidden = seen(series.mask((0.2, 0.2), count=2, fill=-1.0)) == -1
    assert (hidden[..., 0] == hidden[..., 1]).all()
    count = hidden[..., 0].sum(1)
    assert ((count >= 12) & (count <= 24)).all()


def test_permute_keeps_every_step_and_cuts_a_few_times():
    permuted = seen(series.permute(4))
    for one in permuted:
        np.testing.assert_array_equal(np.sort(one[:, 0]), RAMP[:, 0])
        assert (np.diff(one[:, 0]) != 1).sum() <= 3
        np.testing.assert_array_equal(one.sum(1), 100)
    assert (permuted[..., 0] != RAMP[:, 0]).any(1).sum() > 4


def test_crop_stretches_a_window():
    cropped = seen(series.crop((0.5, 0.5)))[..., 0]
    np.testing.assert_allclose(np.diff(cropped, axis=1), 0.5, atol=1e-4)
    assert cropped.min() >= 0 and cropped.max() <= T - 1
    assert len(np.unique(cropped[:, 0])) == 8


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: series.scale(-1), 'sigma is -1'),
        (lambda: series.permute(0), 'segments is 0'),
        (lambda: series.crop((0, 1)), 'a window of nothing'),
        (lambda: series.mask((0.5, 0.1)), r'share is \(0.5, 0.1\)'),
        (lambda: seen(series.jitter(1), np.zeros(5, 'f')), r'give floats \[T, chan'),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
