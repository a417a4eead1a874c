"""Overlays: what somebody else says about some rows, put over a source."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources import Arrays, Source


def overlay(
    source: Source, index: np.ndarray, fields: Mapping[str, np.ndarray]
) -> Source:
    """Returns the source with fields replaced or added for some rows.

    Pseudo-labels, masks of another model, codes, poison. Row numbers stay what they
    are; the source that was given stays too.

    Args:
      source: what lies below.
      index: [n] integers, rows of the source, none twice; may be empty.
      fields: name -> [n, ...]. A column of the source keeps its shape and dtype. In
        a new one the other rows are -1 (integers) or NaN (floats), which ``checks``
        refuse where a label or an image is wanted.

    Raises:
      InputError: if the index names no row or one twice, if a field does not fit it or
        the source, or if a new one is neither signed integer nor float.
    """
    index = np.asarray(index)
    if index.size:
        checks.rows('index', index, len(source))
    rows, counts = np.unique(index, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f'index names row {rows[np.argmax(counts)]} more than once; which value '
            'would hold? Give each row once.'
        )
    merged: dict[str, np.ndarray] = dict(source.columns)
    for name, value in fields.items():
        value = np.asarray(value)
        if name in merged:
            below = merged[name].copy()
            if not np.can_cast(value.dtype, below.dtype, 'same_kind'):
                raise InputError(
                    f'fields[{name!r}] is {value.dtype} and the source has '
                    f'{below.dtype}; convert it.'
                )
        else:
            below = np.full((len(source), *value.shape[1:]), _absent(name, value))
        if value.shape != (len(index), *below.shape[1:]):
            raise InputError(
                f'fields[{name!r}] has shape {value.shape}; {len(index)} rows of the '
                f'source need {(len(index), *below.shape[1:])}.'
            )
        below[index.astype(np.int64)] = value
        merged[name] = below
    if isinstance(source, Arrays):
        return source.replaced(**merged)
    return Overlaid(source, merged)


class Overlaid:
    """A source with other columns, its rows decoded as before; of ``overlay``."""

    def __init__(self, source: Source, columns: Mapping[str, np.ndarray]):
        self.source, self.columns = source, columns
        self.classes = source.classes

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        return self.source[row] | {k: v[row] for k, v in self.columns.items()}

    def name(self, row: int) -> str:
        """Returns the row's name in the source below."""
        return self.source.name(row)

    def fingerprint(self) -> str:
        """Returns the fingerprint of the source below: its rows are what they were."""
        return self.source.fingerprint()


def _absent(name: str, value: np.ndarray) -> np.generic:
    """What a row has that was given nothing, in the dtype of the field."""
    if np.issubdtype(value.dtype, np.signedinteger):
        return value.dtype.type(-1)
    if np.issubdtype(value.dtype, np.floating):
        return value.dtype.type(np.nan)
    raise InputError(
        f'fields[{name!r}] is new and {value.dtype}, which has no value for the other '
        'rows; give signed integers or floats.'
    )
