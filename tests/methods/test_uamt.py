import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks, teachers
from ssljax.contracts import IGNORED, InputError, Targets
from ssljax.methods.parts import consistency_terms
from ssljax.methods.uamt import certain, rising


def test_mask_and_loss_of_the_official_code(golden):
    case = golden('segmentation_uamt_uncertainty_C2')
    task = tasks.segmentation(2, (8, 8, 1), consistency=losses.mean_squared_error)

    def last(name, axis=-3):
        return jnp.moveaxis(jnp.asarray(case[name]), axis, -1)

    mean = jax.nn.softmax(last('in_mc_logits')).mean(0)
    limit = rising(int(case['hp_max_iterations']))(int(case['hp_iter_num']))
    np.testing.assert_allclose(
        limit * np.log(2), case['out_official_threshold'], rtol=1e-6
    )
    sure = certain(mean, limit)
    assert 0 < sure.mean() < 1
    np.testing.assert_array_equal(sure, case['out_official_mask'][:, 0])

    teacher = jax.nn.softmax(last('in_teacher_logits'))

    def loss(logits):
        terms = consistency_terms(
            task, {'logits': logits}, Targets(teacher, sure), 'kept'
        )
        return terms['consistency']

    found, slope = jax.value_and_grad(loss)(last('in_student_logits'))
    np.testing.assert_allclose(found, case['out_official_loss'], rtol=1e-5)
    np.testing.assert_allclose(slope, last('out_official_dstudent'), atol=1e-7)


def test_the_threshold_rises_to_the_largest_entropy():
    limit = rising(100)
    np.testing.assert_allclose(limit(0), 0.75 + 0.25 * np.exp(-5), rtol=1e-6)
    assert limit(50) < limit(100) == limit(200) == 1


@pytest.mark.parametrize('threshold, taught', [(0.9, [1, 0]), (1.1, [1, 1])])
def test_only_sites_that_the_teacher_is_sure_of_teach(tiny, threshold, taught):
    """Of two sites the teacher knows the first; of the other it knows nothing."""
    task = tasks.segmentation(3, (2, 1, 1), surfaces=False)
    start = jax.random.normal(jax.random.key(0), (4, 2, 1, 3))
    method = methods.uamt(
        tiny.table(start),
        optax.sgd(1.0),
        task=task,
        passes=2,
        noise=0.0,  # inputs are row numbers
        threshold=threshold,
        teacher=teachers.frozen(),
        weight=1.0,
        joint=False,
    )
    labelled, unlabelled = tiny.rows(2, 2)
    mask = jnp.full((2, 2, 1), IGNORED)
    batch = {
        'labelled': {'weak': {'image': labelled, 'mask': mask}},
        'unlabelled': {'weak': {'image': unlabelled}},
    }
    state = method.init(jax.random.key(1), batch)
    known = jnp.zeros_like(start).at[:, 0, 0, 1].set(9.0)
    slow = state.memory['teacher']
    slow = slow._replace(variables=slow.variables._replace(params={'logits': known}))
    state = state._replace(memory={**state.memory, 'teacher': slow})
    new, metrics = jax.jit(method.step)(state, batch)
    moved = new.params['student']['logits'] - start
    assert not moved[:2].any()
    np.testing.assert_array_equal(jnp.abs(moved[2:]).max((0, 2, 3)) > 1e-3, taught)
    # The mean over the sites that teach, not over all.
    squares = (jax.nn.softmax(start[2:]) - jax.nn.softmax(known[2:])) ** 2
    expected = squares[:, : sum(taught)].mean()
    np.testing.assert_allclose(metrics['loss/consistency'], expected, rtol=1e-5)
    assert metrics['utilisation'] == sum(taught) / 2


def test_refusals(tiny):
    network = tiny.mlp()
    with pytest.raises(InputError, match='passes is 0'):
        methods.uamt(network, optax.sgd(1.0), num_classes=3, passes=0, steps=9)
    with pytest.raises(InputError, match='needs the steps'):
        methods.uamt(network, optax.sgd(1.0), num_classes=3)
