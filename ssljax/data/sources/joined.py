"""Several sources as one, so that a job has one numbering of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources.arrays import Arrays
from ssljax.data.sources.source import NO_LABEL, Source


def join(parts: Mapping[str, Source]) -> tuple[Source, dict[str, np.ndarray]]:
    """Puts the rows of sources one after the other.

    Args:
      parts: sources by name, with the same fields; 'label' may be missing, its rows
        then have none. Numbers such as those of persons stay as they are.

    Returns:
      The source, Arrays if all parts are, and which rows [n] int32 each part became.

    Raises:
      InputError: if a part is empty, or fields, shapes, dtypes or classes differ.
    """
    rows, start = {}, 0
    for name, part in parts.items():
        if not len(part):
            raise InputError(f'{name} has no rows; give at least one, or leave it out.')
        rows[name] = np.arange(start, start + len(part), dtype=np.int32)
        start += len(part)
    _check_classes(parts)
    label = np.concatenate([_labels(name, part) for name, part in parts.items()])
    arrays = {name: part for name, part in parts.items() if isinstance(part, Arrays)}
    if len(arrays) < len(parts):
        return Joined(tuple(parts.values()), label), rows
    fields = {
        name: {k: v for k, v in part.fields.items() if k != 'label'}
        for name, part in arrays.items()
    }
    (first, reference), *others = fields.items()
    for name, found in others:
        if found.keys() != reference.keys():
            raise InputError(
                f'{name} has the fields {sorted(found)} and {first} '
                f'{sorted(reference)}; give all the same, label aside.'
            )
    for field in reference:
        checks.same_kind({name: found[field] for name, found in fields.items()})
    whole = {k: np.concatenate([f[k] for f in fields.values()]) for k in reference}
    classes = next((part.classes for part in parts.values() if part.classes), None)
    return Arrays({**whole, 'label': label}, classes=classes), rows


class Joined:
    """Sources one after the other, decoded row by row; ``join`` makes it.

    Its columns are those that all parts have, of one kind and shape, and the label.
    """

    def __init__(self, parts: tuple[Source, ...], label: np.ndarray):
        self.parts = parts
        self.columns = _shared(parts) | {'label': label}
        self._ends = np.cumsum([len(part) for part in parts])

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes, of the first part that has them."""
        return next((part.classes for part in self.parts if part.classes), None)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        part, own = self._at(row)
        # Of one dtype, whichever the part's own is.
        return part[own] | {name: x[row] for name, x in self.columns.items()}

    def name(self, row: int) -> str:
        """Returns what its part calls the row."""
        part, own = self._at(row)
        return part.name(own)

    def fingerprint(self) -> str:
        """Returns a hash of the parts' own."""
        prints = ' '.join(part.fingerprint() for part in self.parts)
        return hashlib.sha256(prints.encode()).hexdigest()

    def _at(self, row: int) -> tuple[Source, int]:
        if not 0 <= row < len(self):
            raise IndexError(row)
        part = int(np.searchsorted(self._ends, row, side='right'))
        return self.parts[part], int(row - (self._ends[part - 1] if part else 0))


def _shared(parts: tuple[Source, ...]) -> dict[str, np.ndarray]:
    """Columns that all parts have, with the same kind of dtype and shape a row."""
    columns = [part.columns for part in parts]
    if len(columns) == 1:
        return dict(columns[0])  # not copied
    shared = {}
    for name in columns[0]:
        found = [np.asarray(own[name]) for own in columns if name in own]
        kinds = {(x.dtype.kind, x.shape[1:]) for x in found}
        if len(found) == len(columns) and len(kinds) == 1:
            shared[name] = np.concatenate(found)
    return shared


def _labels(name: str, part: Source) -> np.ndarray:
    label = part.columns.get('label')
    if label is None:
        return np.full(len(part), NO_LABEL, np.int32)
    label = np.asarray(label)
    checks.labels(f'label of {name}', np.where(label == NO_LABEL, 0, label))
    return label.astype(np.int32)


def _check_classes(parts: Mapping[str, Source]) -> None:
    named = {name: part.classes for name, part in parts.items() if part.classes}
    for name, classes in named.items():
        first = next(iter(named))
        if classes != named[first]:
            raise InputError(
                f'{name} has the classes {classes} and {first} {named[first]}; label 0 '
                'would mean two things. Read both with the same classes.'
            )
