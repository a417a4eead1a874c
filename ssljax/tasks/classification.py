"""Classification: one class of C for an example."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses
from ssljax.contracts import InputError, Metric, Task


def classification(
    num_classes: int,
    shape: tuple[int, ...] = (),
    *,
    inputs: str = 'image',
    consistency: Callable = losses.cross_entropy,
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
        ``losses.mean_squared_error``, ``losses.kl_divergence``, ...

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
    return Task(
        example={**fields, 'label': number},
        inputs=tuple(fields),
        decode=decode,
        supervised=lambda outputs, example: {
            'supervised': losses.cross_entropy(logits_of(outputs), example['label'])
        },
        consistency=lambda outputs, targets: {
            'consistency': consistency(logits_of(outputs), targets.value)
        },
        transport=lambda prediction, warp_from, warp_to: prediction,
        metrics={'accuracy': Metric(_correct, _share)},
    )


def _correct(prediction, example):
    return jnp.argmax(prediction, axis=-1) == example['label']


def _share(rows: np.ndarray) -> dict[str, float]:
    return {'accuracy': float(np.mean(rows))}
