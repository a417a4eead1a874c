"""Predictions as lines of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ssljax.contracts import InputError

Lines = Callable[[Any], Iterator[list[Any]]]
"""``(prediction of one example) -> lines``."""


def writer(prediction: Any, classes: Sequence[str]) -> tuple[list[str], Lines]:
    """Returns the heads of a table's columns, and what writes an example's lines.

    Args:
      prediction: of a batch, numpy: probabilities [n, C]; or a mapping with 'landmarks'
        [n, K, 2] and 'score' [n, K], of clips with a frame axis after n; or with
        'count' [n].
      classes: names of the C classes.

    Raises:
      InputError: if it is none of these.
    """
    if not isinstance(prediction, Mapping):
        return ['label', 'confidence'], lambda one: _label(one, classes)
    if 'landmarks' in prediction:
        *lead, number, _ = np.shape(prediction['landmarks'])
        heads = [f'{what}{k}' for k in range(number) for what in ('x', 'y', 'score')]
        return ['frame'] * (len(lead) == 2) + heads, _landmarks
    if 'count' in prediction:
        return ['count'], lambda one: iter([[f'{one["count"]:.3f}']])
    raise InputError(
        f'The network answers {sorted(prediction)}, which has no form of a table.'
    )


def _label(one: np.ndarray, classes: Sequence[str]) -> Iterator[list[Any]]:
    yield [classes[one.argmax()], f'{one.max():.6f}']


def _landmarks(one: Mapping[str, np.ndarray]) -> Iterator[list[Any]]:
    found = np.concatenate([one['landmarks'], one['score'][..., None]], axis=-1)
    if found.ndim == 2:
        yield [f'{x:.3f}' for x in found.ravel()]
        return
    for frame, numbers in enumerate(found):
        yield [frame, *(f'{x:.3f}' for x in numbers.ravel())]
