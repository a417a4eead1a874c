"""The flow network's answers, by shape and by motion."""

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.models import flow

NETWORK = flow.flow_cnn(channels=(8, 8), width=8, reach=1)
CLIPS = np.random.default_rng(0).uniform(size=(2, 3, 16, 24, 1)).astype(np.float32)


def test_starts_without_motion_and_answers_at_every_size():
    variables = NETWORK.init(jax.random.key(0), CLIPS)
    outputs, stats = jax.jit(NETWORK.apply, static_argnames='train')(
        variables, CLIPS, train=True
    )
    shapes = [x.shape for x in outputs['flows']]
    assert shapes == [(2, 2, 16, 24, 2), (2, 2, 8, 12, 2)]
    assert outputs['flow'].dtype == np.float32 and not outputs['flow'].any()
    assert not stats


def test_a_pair_is_answered_by_itself_and_light_does_not_count():
    variables = NETWORK.init(jax.random.key(0), CLIPS)
    noise = iter(jax.random.split(jax.random.key(1), 100))
    params = jax.tree.map(
        lambda x: x + 0.05 * jax.random.normal(next(noise), x.shape), variables.params
    )
    variables = variables._replace(params=params)
    apply = jax.jit(NETWORK.apply, static_argnames='train')
    flows = apply(variables, CLIPS, train=False)[0]['flow']
    assert flows.any()
    alone = apply(variables, CLIPS[1:, 1:], train=False)[0]['flow']
    np.testing.assert_allclose(alone[0, 0], flows[1, 1], atol=1e-5)


def test_costs_know_where_features_went():
    features = np.random.default_rng(1).normal(size=(1, 8, 8, 16)).astype(np.float32)
    moved = np.roll(features, (1, -1), (1, 2))  # down by 1, left by 1
    costs = flow._costs(features, moved, reach=1)[0, 2:-2, 2:-2]
    assert costs.shape == (4, 4, 9) and (np.argmax(costs, -1) == 6).all()  # y 1, x -1


@pytest.mark.parametrize(
    'shape', [(2, 16, 24, 1), (2, 1, 16, 24, 1), (2, 3, 18, 24, 1), (2, 3, 16, 24, 3)]
)
def test_clips_that_do_not_fit(shape):
    variables = NETWORK.init(jax.random.key(0), CLIPS)
    with pytest.raises(InputError, match='divisible by 4'):
        NETWORK.apply(variables, np.zeros(shape, np.float32), train=False)
