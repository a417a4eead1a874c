"""Volumes turned about, and exactly back."""

import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

VOLUMES = np.random.default_rng(0).random((2, 3, 4, 5, 2)).astype(np.float32)


@pytest.mark.parametrize(
    'frame', [*views.AXES_FIRST, views.AxisFrame((1, 0, 2), (2,)), ((2, 1, 0), (0, 1))]
)
def test_there_and_back(frame):
    frame = views.AxisFrame(*frame)
    seen = views.into_frame(VOLUMES, frame)
    back = views.out_of_frame(seen, frame)
    np.testing.assert_array_equal(back, VOLUMES)
    assert seen.shape[1:-1] == tuple((3, 4, 5)[axis] for axis in frame.order)
    masks = views.into_frame(VOLUMES[..., 0], frame)  # without channels
    np.testing.assert_array_equal(masks, seen[..., 0])


def test_each_axis_comes_first_once():
    first = [views.into_frame(VOLUMES, frame)[:, 1] for frame in views.AXES_FIRST]
    np.testing.assert_array_equal(first[0], VOLUMES[:, 1])
    np.testing.assert_array_equal(first[1], VOLUMES[:, :, 1].swapaxes(1, 2))
    np.testing.assert_array_equal(first[2], VOLUMES[:, :, :, 1])


def test_a_quarter_turn():
    frame = views.AxisFrame((0, 2, 1), (1,))
    seen = views.into_frame(VOLUMES, frame)
    np.testing.assert_array_equal(seen, np.rot90(VOLUMES, 1, (2, 3)))


@pytest.mark.parametrize('frame', [((0, 0, 1), ()), ((0, 1, 2), (3,)), ((0, 1), (0,))])
def test_no_frame(frame):
    volumes = VOLUMES[0, 0] if len(frame[0]) == 2 else VOLUMES
    with pytest.raises(InputError):
        views.into_frame(
            volumes[0] if volumes.ndim == 3 else volumes, views.AxisFrame(*frame)
        )
