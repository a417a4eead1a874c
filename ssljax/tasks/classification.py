"""Classification: one class of C for an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses
from ssljax.contracts import Example, InputError, Metric, Task


def classification(
    num_classes: int,
    shape: tuple[int, ...] = (),
    *,
    inputs: str = 'image',
    consistency: Callable | None = None,
) -> Task:
    """Returns the task of naming one of ``num_classes`` classes.

    A prediction is the distribution [..., C] float32. Supervised loss: cross-entropy of
    ``label`` [B] int32 in [0, C). Score: accuracy in [0, 1].

    Args:
      num_classes: C, at least 2.
      shape: of one example's input, for tests and traces at full shape: [H, W,
        channels] of an image, [T] of a wave, [T, channels] of a series, [T] of tokens.
      inputs: the field that the network eats, 'image', 'wave', 'series' or another one
        of floats; or 'tokens', which brings 'length' [] with it, both int32.
      consistency: ``(logits [..., C], targets) -> [...]``: ``losses.cross_entropy``,
        ``losses.mean_squared_error``, ``losses.kl_divergence``, ... None leaves it to
        the method: squares in Mean Teacher, cross-entropy in FixMatch.

    Raises:
      InputError: if ``num_classes`` < 2; when traced, if the network's logits do not
        have C columns.
    """
    if num_classes < 2:
        raise InputError(f'num_classes is {num_classes}; give at least 2.')

    def logits_of(outputs):
        if 'logits' not in outputs or outputs['logits'].shape[-1] != num_classes:
            found = {name: jnp.shape(x) for name, x in outputs.items()}
            raise InputError(
                f'The network answers {found}; classification into {num_classes} '
                f"classes needs 'logits' [..., {num_classes}]."
            )
        return outputs['logits']

    def decode(outputs):
        return jax.nn.softmax(jnp.asarray(logits_of(outputs), jnp.float32))

    if inputs == 'label':
        raise InputError("inputs is 'label', which is what the network shall tell.")
    number = jax.ShapeDtypeStruct((), jnp.int32)
    kind = jnp.int32 if inputs == 'tokens' else jnp.float32
    fields = {inputs: jax.ShapeDtypeStruct(tuple(shape), kind)}
    if inputs == 'tokens':
        fields['length'] = number
    task = Task(
        example={**fields, 'label': number},
        inputs=tuple(fields),
        decode=decode,
        supervised=lambda outputs, example: {
            'supervised': losses.cross_entropy(logits_of(outputs), example['label'])
        },
        consistency=None,
        transport=lambda prediction, warp_from, warp_to: prediction,
        metrics={'accuracy': Metric(_correct, _share)},
    )
    return task if consistency is None else consistent(task, consistency)


def classification_of(example: Example, num_classes: int) -> Task:
    """Returns the task for examples like this one.

    Args:
      example: fields of one; its input is ``tokens`` if there are, else its only field
        beside ``label`` and ``index``.
      num_classes: C, at least 2.

    Raises:
      InputError: if the example has several inputs, or none.
    """
    found = sorted(set(example) - {'label', 'index', 'length'})
    if 'tokens' in found:
        found = ['tokens']
    if len(found) != 1:
        raise InputError(
            f'The example has the inputs {found}; classification takes one: give a '
            'task of your own.'
        )
    return classification(num_classes, np.shape(example[found[0]]), inputs=found[0])


def consistent(task: Task, loss: Callable) -> Task:
    """Returns the task with a consistency ``(logits [..., C], targets) -> [...]``."""
    return task._replace(
        consistency=lambda outputs, targets: {
            'consistency': loss(outputs['logits'], targets.value)
        }
    )


def adjusted(task: Task, prior: Any, *, strength: float = 1.0) -> Task:
    """Returns the task with logit adjustment: rare labels count as if they were not.

    Labels are learnt from adjusted logits. Answers are the logits themselves, and so
    are the pseudo-labels of every method that takes the task: those of a world whose
    classes are alike frequent. ::

        task = tasks.adjusted(tasks.classification(10), counts)
        method = methods.fixmatch(network, optimizer, task=task)

    Args:
      task: whose networks answer 'logits' [..., C].
      prior: [C] frequencies or counts of the labels, above 0.
      strength: as in ``losses.adjust_logits``, which has the source.
    """

    def supervised(outputs, example):
        logits = losses.adjust_logits(outputs['logits'], prior, strength=strength)
        return task.supervised({**outputs, 'logits': logits}, example)

    return task._replace(supervised=supervised)


def _correct(prediction, example):
    return jnp.argmax(prediction, axis=-1) == example['label']


def _share(rows: np.ndarray) -> dict[str, float]:
    return {'accuracy': float(np.mean(rows))}
