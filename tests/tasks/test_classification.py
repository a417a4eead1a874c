"""Classification: its distribution, its losses, its refusals, its score."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, targets, tasks
from ssljax.contracts import InputError, inputs_of

LOGITS = 2 * np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
IDS = np.array([0, 1, 2, 3, 0, 1], np.int32)


def test_decodes_to_float32_distributions():
    """Eight bits would leave rows that do not sum to 1, and no 0.95."""
    task = tasks.classification(4)
    probs = jax.jit(task.decode)({'logits': LOGITS.astype(jnp.bfloat16)})
    assert probs.dtype == jnp.float32
    np.testing.assert_allclose(probs.sum(-1), np.ones(6), rtol=1e-6)


def test_losses_are_per_example_and_of_the_chosen_kind():
    task = tasks.classification(4, consistency=losses.mean_squared_error)
    outputs = {'logits': jnp.asarray(LOGITS), 'features': jnp.zeros((6, 2))}
    supervised = task.supervised(outputs, {'image': None, 'label': IDS})
    assert set(supervised) == {'supervised'}
    probs = np.array(task.decode(outputs))
    np.testing.assert_allclose(
        supervised['supervised'], -np.log(probs[np.arange(6), IDS]), rtol=1e-5
    )
    taught = targets.from_prediction(np.full((6, 4), 0.25))
    consistency = task.consistency(outputs, taught._replace(weight=jnp.zeros(6)))
    np.testing.assert_allclose(  # unweighted: the method reduces
        consistency['consistency'], ((probs - 0.25) ** 2).mean(-1), rtol=1e-5
    )


@pytest.mark.parametrize('outputs', [{'logits': LOGITS}, {'features': LOGITS}])
def test_a_network_of_other_answers_is_refused_when_traced(outputs):
    task = tasks.classification(10)
    with pytest.raises(InputError, match=r"'logits' \[..., 10\]"):
        jax.eval_shape(task.decode, outputs)
    with pytest.raises(InputError, match='10'):
        jax.eval_shape(task.supervised, outputs, {'label': IDS})


def test_accuracy_of_the_whole_set():
    task = tasks.classification(4)
    metric = task.metrics['accuracy']
    prediction = np.eye(4, dtype=np.float32)[[0, 1, 2, 0, 0, 0]]
    rows = jax.jit(metric.rows)(prediction, {'label': IDS})
    np.testing.assert_array_equal(rows, [1, 1, 1, 0, 1, 0])
    result = metric.result(np.asarray(rows))
    assert result == {'accuracy': 4 / 6} and type(result['accuracy']) is float


def test_example_and_transport():
    task = tasks.classification(4, (8, 8, 1))
    assert task.inputs == ('image',)
    assert task.example['image'].shape == (8, 8, 1)
    assert task.example['label'].dtype == jnp.int32
    warp = np.diag([2.0, 2.0, 1.0])  # a class has no place that could move
    np.testing.assert_array_equal(task.transport(LOGITS, warp, np.eye(3)), LOGITS)


def test_other_inputs_than_images():
    task = tasks.classification(4, (160, 1), inputs='series')
    assert task.inputs == ('series',) and set(task.example) == {'series', 'label'}
    assert task.example['series'].shape == (160, 1)
    task = tasks.classification(4, (32,), inputs='tokens')
    assert task.inputs == ('tokens', 'length')
    assert task.example['tokens'].dtype == task.example['length'].dtype == jnp.int32
    assert task.example['length'].shape == ()
    example = {'tokens': 1, 'length': 2, 'label': 3}
    assert inputs_of(task, example) == {'tokens': 1, 'length': 2}


def test_the_task_of_an_example():
    series = {'series': np.zeros((160, 2)), 'label': np.int32(1), 'index': 4}
    assert tasks.classification_of(series, 4).example['series'].shape == (160, 2)
    text = {'tokens': np.zeros(9), 'length': 3, 'label': np.int32(1)}
    assert tasks.classification_of(text, 4).inputs == ('tokens', 'length')
    with pytest.raises(InputError, match=r"inputs \['image', 'wave'\]"):
        tasks.classification_of({'image': 0, 'wave': 0, 'label': 1}, 4)


def test_refusals():
    with pytest.raises(InputError, match='num_classes is 1'):
        tasks.classification(1)
    with pytest.raises(InputError, match="inputs is 'label'"):
        tasks.classification(2, inputs='label')
