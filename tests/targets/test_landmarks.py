"""Heatmaps drawn anew, and the surer half of them: POST's consistency."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax import losses, targets
from ssljax.contracts import Evidence, InputError
from ssljax.targets import from_prediction

EVIDENCE = Evidence(step=jnp.zeros((), jnp.int32))
RULE = targets.chain(targets.rectify(2.0), targets.surest(0.5))


def prediction_of(maps):
    maps = jnp.asarray(np.moveaxis(maps, 1, -1))
    return {'heatmaps': maps, 'score': maps.max((1, 2))}


def taught(maps):
    target = from_prediction(prediction_of(maps))
    target = target._replace(weight=jnp.ones(target.value['score'].shape))
    return RULE.update(target, RULE.init(target), EVIDENCE)[0]


def test_consistency_is_the_official_one(golden):
    case = golden('landmarks_post_consistency_barlow')
    target = jax.jit(taught)(case['in_teacher_map'])
    np.testing.assert_allclose(
        target.value['heatmaps'],
        np.moveaxis(case['out_official_rectified'], 1, -1),
        atol=1e-6,
    )
    np.testing.assert_array_equal(target.weight > 0, case['out_official_mask'])

    def loss(maps):
        squares = losses.heatmap_squares(maps[:, None], target.value['heatmaps'])
        mean = 2 * squares / maps[0, :, :, 0].size
        return losses.masked_mean(mean, target.weight)

    student = jnp.asarray(np.moveaxis(case['in_student_map'], 1, -1))
    value, gradient = jax.jit(jax.value_and_grad(loss))(student)
    np.testing.assert_allclose(value, case['out_official_loss_c'], rtol=1e-5)
    expected = np.moveaxis(case['out_official_dstudent_map'], 1, -1)
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


@pytest.mark.parametrize('share, kept', [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_the_surest_are_kept(share, kept):
    score = jnp.arange(8.0).reshape(4, 2)
    target = from_prediction({'score': score})
    rule = targets.surest(share)

    def weigh(target):
        return rule.update(target, rule.init(target), EVIDENCE)[0].weight

    weight = np.ravel(weigh(target))
    np.testing.assert_array_equal(np.flatnonzero(weight), np.arange(8 - kept, 8))
    mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
    spec = PartitionSpec('data')
    split = jax.shard_map(weigh, mesh=mesh, in_specs=(spec,), out_specs=spec)
    np.testing.assert_array_equal(np.ravel(split(target)), weight)


def test_other_predictions_are_refused():
    target = from_prediction(jnp.ones((2, 3)))
    for rule in (targets.rectify(2.0), targets.surest(0.5)):
        with pytest.raises(InputError, match='predictions with'):
            rule.update(target, (), EVIDENCE)
    with pytest.raises(InputError, match='share'):
        targets.surest(1.5)
