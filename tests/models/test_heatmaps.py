"""Networks of heatmaps: shapes, a start near 0, the way of gradients, refusals."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError

KEY = jax.random.key(0, impl='rbg')  # compiles five times faster than threefry
run = functools.partial(jax.jit)

NETWORKS = {  # Network of 3 landmarks, S, C, stride of the features, D
    'landmark_cnn': (
        models.landmark_cnn(3, channels=(4, 8), stages=3, background=True, centre=True),
        (3, 4, 4, 8),
    ),
    'hourglass': (
        models.hourglass(3, image_channels=1, width=4, depth=2, norm='group'),
        (2, 3, 4, 4),
    ),
    'simple_baseline': (
        models.simple_baseline(3, image_channels=1, width=2, deconvolution=4),
        (1, 3, 32, 16),
    ),
    'hrnet_small': (
        models.hrnet_small(3, image_channels=1, width=4, branches=2, blocks=1),
        (1, 3, 4, 4),
    ),
}


@pytest.mark.parametrize('name', NETWORKS)
def test_answers(name):
    network, (stages, answers, stride, width) = NETWORKS[name]
    images = jax.random.normal(jax.random.key(1), (2, 32, 64, 1))
    variables = run(network.init)(KEY, images)

    def loss(params):
        outputs, stats = network.apply(
            variables._replace(params=params), images, train=True
        )
        total = sum(jnp.sum((x - 1) ** 2) for x in outputs.values())
        return total, (outputs, stats)

    slopes, (outputs, stats) = run(jax.grad(loss, has_aux=True))(variables.params)
    assert outputs['heatmaps'].shape == (2, stages, 8, 16, answers)
    assert np.abs(outputs['heatmaps']).max() < 0.2
    side = (32 // stride, 64 // stride)
    assert outputs['feature_map'].shape == (2, *side, width)
    assert ('centre' in outputs) == (name == 'landmark_cnn')
    if 'centre' in outputs:
        assert outputs['centre'].shape == (2, 8, 16, 1)
        assert outputs['offsets'].shape == (2, 8, 16, 6)
        np.testing.assert_allclose(jax.nn.sigmoid(outputs['centre']), 0.01, rtol=0.2)
    assert all(x.dtype == jnp.float32 for x in outputs.values())
    assert jax.tree.structure(stats) == jax.tree.structure(variables.stats)
    still = [
        jax.tree_util.keystr(path)
        for path, slope in jax.tree_util.tree_leaves_with_path(slopes)
        if not np.abs(slope).max() > 0
    ]
    assert not still, 'parameters that nothing moves'


def test_bfloat16_leaves_answers_and_parameters_wide():
    network = models.landmark_cnn(3, channels=(4, 8), centre=True, dtype='bfloat16')
    variables = jax.eval_shape(network.init, KEY, None)
    outputs, _ = jax.eval_shape(
        functools.partial(network.apply, train=True),
        variables,
        jnp.zeros((1, 32, 32, 1)),
    )
    leaves = jax.tree.leaves((variables, outputs))
    assert all(x.dtype == jnp.float32 for x in leaves)


def test_a_later_stage_looks_further_around():
    """So a landmark that is seen moves the belief of one that is 4 cells away."""
    network = models.landmark_cnn(2, channels=(4, 8), stages=2, norm='batch')
    images = jnp.zeros((1, 64, 64, 1))
    variables = network.init(KEY, images)

    def heard(images):
        outputs, _ = network.apply(variables, images, train=False)
        return outputs['heatmaps'][0, :, 8, 8].sum(-1)  # of both stages

    # With running statistics, so that no norm looks at other places.
    slope = np.abs(run(jax.jacobian(heard))(images + 0.1)[:, 0, ..., 0])
    reach = [np.ptp(np.nonzero(x > 1e-3 * x.max())[1]) for x in slope]
    assert reach[1] > reach[0] + 16


def test_depths_of_simple_baseline_are_those_of_the_paper():
    """Parameters in millions, as the paper's code counts them for 17 joints."""
    for depth, millions in {18: 15.4, 50: 34.0, 101: 53.0}.items():
        network = models.simple_baseline(17, depth=depth)
        params = jax.eval_shape(network.init, KEY, None).params
        count = sum(x.size for x in jax.tree.leaves(params)) / 1e6
        np.testing.assert_allclose(count, millions, rtol=0.01)


def test_refusals():
    with pytest.raises(InputError, match='depth is 20; give one of'):
        models.simple_baseline(3, depth=20)
    with pytest.raises(InputError, match='stages is 0'):
        models.landmark_cnn(3, stages=0)
    with pytest.raises(InputError, match="norm must be 'group' or 'batch'"):
        models.hourglass(3, norm='layer')
    network = models.landmark_cnn(3, channels=(4, 8), centre=True)
    variables = jax.eval_shape(network.init, KEY, None)
    for shape, found in {
        (2, 40, 48, 1): 'multiples of 16',
        (2, 32, 32, 3): 'inputs must be images',
    }.items():
        with pytest.raises(InputError, match=found):
            jax.eval_shape(
                functools.partial(network.apply, train=True),
                variables,
                jnp.zeros(shape),
            )
