import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError, Metric, Task
from ssljax.train import evaluator


class Rows:
    """A source: row i has image [i, i] and label i % 3."""

    def __len__(self):
        return 20

    def __getitem__(self, row):
        if not 0 <= row < len(self):
            raise IndexError(row)
        label = np.int32(row % 3 if row != 19 else -1)
        return {'image': np.full(2, row, np.float32), 'label': label, 'name': str(row)}


def task(**fields):
    def rows(prediction, example):
        return {'right': prediction == example['label'], 'image': example['image']}

    def result(rows):
        assert all(isinstance(leaf, np.ndarray) for leaf in rows.values())
        return {'accuracy': np.mean(rows['right']), 'seen': rows['image'].sum()}

    return Task(
        example={
            'image': jax.ShapeDtypeStruct((2,), jnp.float32),
            'label': jax.ShapeDtypeStruct((), jnp.int32),
            **fields,
        },
        inputs=('image',),
        decode=lambda outputs: jnp.argmax(outputs['logits'], -1),
        supervised=None,
        consistency=None,
        transport=None,
        metrics={
            'accuracy': Metric(rows, result),
            'n': Metric(count, lambda r: {'n': len(r)}),
        },
    )


def count(prediction, example):
    return jnp.ones(len(prediction))


def answer(state, inputs):
    return {'logits': jax.nn.one_hot(inputs[:, 0].astype(int) // state['by'], 20)}


ROWS = np.arange(3, 13)


def test_what_fills_the_last_batch_never_counts():
    expected = {
        'accuracy': np.mean(ROWS // 3 == ROWS % 3),
        'seen': 2.0 * ROWS.sum(),
        'n': 10.0,
    }
    for batch_size in (1, 4, 10, 64):
        evaluate = evaluator(task(), Rows(), ROWS, batch_size=batch_size)
        scores = evaluate(answer, {'by': jnp.int32(3)})
        assert scores == expected
        assert all(type(score) is float for score in scores.values())


def test_new_weights_do_not_compile_anew():
    traces = []

    def counted(state, inputs):
        traces.append(inputs.shape)
        return answer(state, inputs)

    evaluate = evaluator(task(), Rows(), ROWS, batch_size=4)
    first = evaluate(counted, {'by': jnp.int32(3)})
    second = evaluate(counted, {'by': jnp.int32(1)})
    assert traces == [(4, 2)]
    assert first['accuracy'] != second['accuracy']


def test_only_fields_of_the_task_are_read():
    evaluate = evaluator(task(), Rows(), ROWS)  # 'name' is text, which no jit takes
    assert evaluate(answer, {'by': jnp.int32(3)})['n'] == 10


def test_bad_input():
    with pytest.raises(InputError, match='rows is empty'):
        evaluator(task(), Rows(), [])
    with pytest.raises(InputError, match='batch_size is 0'):
        evaluator(task(), Rows(), ROWS, batch_size=0)
    with pytest.raises(InputError, match=r"also needs \['mask'\]"):
        evaluator(task(mask=jax.ShapeDtypeStruct((), jnp.int32)), Rows(), ROWS)
    with pytest.raises(InputError, match='Row 19 has no label'):
        evaluator(task(), Rows(), [3, 19])(answer, {'by': jnp.int32(1)})


def test_a_network_is_asked_with_floats_where_the_source_has_bytes():
    class Bytes(Rows):
        def __getitem__(self, row):
            return super().__getitem__(row) | {'image': np.full(2, row * 5, np.uint8)}

    def answer(state, inputs):
        assert inputs.dtype == jnp.float32
        return {
            'logits': jax.nn.one_hot(jnp.round(inputs[:, 0] * 51).astype(int) // 3, 20)
        }

    scores = evaluator(task(), Bytes(), ROWS, batch_size=4)(answer, {})
    assert scores['accuracy'] == np.mean(ROWS // 3 == ROWS % 3)
