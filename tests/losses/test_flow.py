"""A right flow is free, a wrong one costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.losses import flow as flows


def _picture(shape=(2, 16, 20, 1)):
    return np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(np.float32)


def _constant(x, y, shape=(2, 16, 20)):
    return np.broadcast_to(np.float32([x, y]), (*shape, 2)).copy()


def test_warp_rebuilds_a_moved_picture():
    first = _picture()
    second = np.roll(first, (1, 3), (1, 2))  # what is at p goes to p + (3, 1)
    rebuilt = jax.jit(flows.warp_by_flow)(second, _constant(3, 1))
    np.testing.assert_allclose(rebuilt[:, :-1, :-3], first[:, :-1, :-3], atol=1e-6)
    np.testing.assert_array_equal(rebuilt[:, -1, 0], second[:, -1, 3])  # the edge
    outside = flows.warp_by_flow(second, _constant(0, 17), fill=0.0)
    assert not outside.any()
    between = flows.warp_by_flow(second[0], _constant(0.25, 0, (16, 20)))
    blend = 0.75 * second[0, :, :-1] + 0.25 * second[0, :, 1:]
    np.testing.assert_allclose(between[:, :-1], blend, atol=1e-6)


def test_census_by_hand():
    """A 3x3 picture has one inner pixel, whose 8 neighbours count and itself, 0."""
    a, b = _picture((3, 3, 1)), _picture((2, 3, 3, 1))[1]

    def transform(image):
        rise = 255 * (image[..., 0] - image[1, 1, 0])
        return rise / np.sqrt(0.81 + rise**2)

    apart = (transform(a) - transform(b)) ** 2
    found = flows.census(a, b)
    np.testing.assert_allclose(found[1, 1], (apart / (0.1 + apart)).mean(), rtol=1e-5)
    assert not np.delete(np.ravel(found), 4).any()


def test_census_does_not_see_light():
    a = _picture()
    assert not flows.census(a, a).any()
    lighter = flows.census(a, a + 0.1)
    other = flows.census(a, a[::-1])
    assert lighter.max() < 1e-4 and other.mean() > 0.2
    colour = np.repeat(a, 3, -1)
    np.testing.assert_allclose(flows.census(colour, colour[::-1]), other, atol=1e-2)
    # A row of its own, whatever else is in the batch, and of any leading axes.
    np.testing.assert_allclose(flows.census(a[1], a[0]), other[1], atol=1e-6)


def test_smoothness_by_hand():
    image = np.zeros((4, 5, 1), np.float32)
    image[:, 3:] = 0.2  # an edge between columns 2 and 3
    step = np.zeros((4, 5, 2), np.float32)
    step[:, 3:, 0] = 1.0
    across = np.zeros((4, 5, 2), np.float32)
    across[2:, :, 1] = 1.0
    assert flows.edge_aware_smoothness(_constant(3, 1, (4, 5)), image) == 0
    # Of 4 differences in x and two components one is 1, halved, and so is the mean.
    on_edge = flows.edge_aware_smoothness(step, image)
    np.testing.assert_allclose(on_edge, np.exp(-2.0) / 8 / 4, rtol=1e-5)
    off_edge = flows.edge_aware_smoothness(across, image)
    np.testing.assert_allclose(off_edge, 1 / 6 / 4, rtol=1e-5)


def test_what_is_covered_is_not_seen_both_ways():
    forward, backward = _constant(2, 0), _constant(-2, 0)
    seen = flows.seen_both_ways(forward, backward)
    # It leaves the picture at the right, where the way back is unknown, 0.
    assert seen[:, :, :18].all() and not seen[:, :, 18:].any()
    backward[0, 5, 9] = 3.0  # the target of [5, 7]
    seen = flows.seen_both_ways(forward, backward)
    assert seen[0, 5, 7] == 0 and seen[1, 5, 7] == 1
    slope = jax.grad(lambda f: flows.seen_both_ways(f, backward).sum())(forward)
    assert not slope.any()


def test_what_nothing_comes_from_is_not_seen_by_range():
    forward, backward = _constant(2, 0), _constant(-2, 0)
    seen = flows.seen_by_range(forward, backward)
    assert seen[:, :, :18].all() and not seen[:, :, 18:].any()
    # Between pixels each gets its share: 0.9 and 0.1 at the edge, 1 inside.
    seen = flows.seen_by_range(forward, _constant(1.9, 0))
    assert not seen[:, :, 0].any() and not seen[:, :, 1].any() and seen[:, :, 2:].all()
    # Two that arrive at one pixel leave another without.
    backward = np.zeros_like(forward)
    backward[0, 5, 9] = (-1.0, 2.0)
    seen = flows.seen_by_range(forward, backward)
    assert seen[0, 5, 9] == 0 and seen.sum() == seen.size - 1
    # A flow that has learned nothing is not blind.
    same = _constant(0.5, 0.0)
    assert flows.seen_by_range(same, same).mean() == 1
    assert flows.seen_both_ways(same, same).mean() < 0.1
    slope = jax.grad(lambda b: flows.seen_by_range(forward, b).sum())(backward)
    assert not slope.any()


def test_gradient_leads_to_the_right_flow():
    x, y = np.meshgrid(np.arange(20), np.arange(16))
    first = np.float32(0.5 + 0.3 * np.sin(0.5 * x) * np.cos(0.4 * y))[..., None]
    second = np.float32(0.5 + 0.3 * np.sin(0.5 * (x - 1)) * np.cos(0.4 * y))[..., None]

    def cost(shift):
        flow = jnp.broadcast_to(shift, (16, 20, 2))
        return flows.census(first, flows.warp_by_flow(second, flow)).mean()

    slopes = [jax.grad(cost)(jnp.array([s, 0.0]))[0] for s in (0.2, 0.7, 1.3, 1.8)]
    assert slopes[0] < 0 and slopes[1] < 0 < slopes[2] and slopes[3] > 0


def test_end_point_error():
    error = flows.end_point_error(_constant(3, 4), _constant(0, 0))
    np.testing.assert_allclose(error, 5.0)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: flows.warp_by_flow(_picture(), _constant(0, 0)[:1]), 'flow is'),
        (lambda: flows.warp_by_flow(_picture(), _picture()), 'flow is'),
        (lambda: flows.census(_picture(), _picture((2, 16, 20, 3))), 'a is'),
        (lambda: flows.census(*[_picture((4, 4, 2))] * 2), 'a is'),
        (
            lambda: flows.edge_aware_smoothness(_constant(0, 0), _picture()[:1]),
            'image is',
        ),
    ],
)
def test_shapes_that_do_not_fit(call, message):
    with pytest.raises(InputError, match=message):
        call()
