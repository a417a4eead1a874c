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
      prediction: of a batch, numpy: probabilities [n, C], or [n, *S, C] of sites; or a
        mapping with 'landmarks' [n, K, 2] and 'score' [n, K], of clips with a frame
        axis after n; or with 'count' [n].
      classes: names of the C classes.

    Raises:
      InputError: if it is none of these.
    """
    if of_sites(prediction):
        number = np.shape(prediction)[-1]
        return [f'sites of {name}' for name in names_of(classes, number)], _sites
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


def of_sites(prediction: Any) -> bool:
    """Says whether a prediction is probabilities [n, *S, C] of sites."""
    return not isinstance(prediction, Mapping) and np.ndim(prediction) > 2


def names_of(classes: Sequence[str], number: int) -> list[str]:
    """Returns the names of so many classes; their numbers, where they have none."""
    return list(classes) if len(classes) == number else list(map(str, range(number)))


def _sites(probs: np.ndarray) -> Iterator[list[Any]]:
    yield np.bincount(probs.argmax(-1).reshape(-1), minlength=probs.shape[-1]).tolist()


def _label(one: np.ndarray, classes: Sequence[str]) -> Iterator[list[Any]]:
    yield [classes[one.argmax()], f'{one.max():.6f}']


def _landmarks(one: Mapping[str, np.ndarray]) -> Iterator[list[Any]]:
    found = np.concatenate([one['landmarks'], one['score'][..., None]], axis=-1)
    if found.ndim == 2:
        yield [f'{x:.3f}' for x in found.ravel()]
        return
    for frame, numbers in enumerate(found):
        yield [frame, *(f'{x:.3f}' for x in numbers.ravel())]
