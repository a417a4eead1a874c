import jax
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError


def test_a_clip_is_its_frames():
    images = models.small_cnn(num_classes=3, image_channels=1, channels=(4,))
    clips = models.per_frame(images)
    x = np.random.default_rng(0).random((2, 3, 8, 8, 1), np.float32)
    variables = clips.init(jax.random.key(0), x)
    rows = x.reshape(6, 8, 8, 1)
    for train in (True, False):
        found, stats = clips.apply(variables, x, train=train)
        wanted, kept = images.apply(variables, rows, train=train)
        for name, value in wanted.items():
            assert found[name].shape == (2, 3, *value.shape[1:])
            np.testing.assert_array_equal(found[name].reshape(value.shape), value)
        jax.tree.map(np.testing.assert_array_equal, stats, kept)
    still, _ = clips.apply(variables, rows, train=False)
    np.testing.assert_array_equal(still['logits'], wanted['logits'])
    with pytest.raises(InputError, match='give clips'):
        clips.apply(variables, rows[0], train=False)
