"""Rows that are in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.source import BadItem, Source


class Arrays:
    """A Source held in memory: ``len(source)``, ``source[i] -> {field: array}``.

    Args:
      fields: arrays by name, all with the same first axis N.
      classes: names of the classes, by label.
      names: [N] what a person calls the rows; None calls them by their number.
      fingerprint: of the source that the fields were decoded from; None is the
        ``content_hash`` of the fields.

    Raises:
      InputError: if there is no field, or the first axes differ.
    """

    def __init__(
        self,
        fields: Mapping[str, np.ndarray],
        *,
        classes: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        fingerprint: str | None = None,
    ):
        self.fields = {name: np.asarray(value) for name, value in fields.items()}
        self.classes = None if classes is None else tuple(classes)
        self._names, self._fingerprint = names, fingerprint
        lengths = {name: len(value) for name, value in self.fields.items()}
        if len(set(lengths.values())) != 1:
            raise InputError(
                f'fields have {lengths} rows; give at least one field, and all of the '
                'same length.'
            )

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """All fields."""
        return self.fields

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        return {name: value[row] for name, value in self.fields.items()}

    def name(self, row: int) -> str:
        """Returns the name of a row, or its number."""
        return str(row) if self._names is None else self._names[row]

    def fingerprint(self) -> str:
        """Returns the fingerprint of where the fields came from, or of themselves."""
        return self._fingerprint or content_hash(self.fields)

    def replaced(self, **fields: np.ndarray) -> Arrays:
        """Returns the same rows with some fields replaced or added."""
        return Arrays(
            self.fields | fields,
            classes=self.classes,
            names=self._names,
            fingerprint=self.fingerprint(),
        )


def content_hash(fields: Mapping[str, np.ndarray]) -> str:
    """Returns the sha256, in hex, of names, shapes, dtypes and bytes.

    The order of the names does not count; values are hashed little-endian, so the hash
    is the same on every machine.
    """
    digest = hashlib.sha256()
    for name in sorted(fields):
        value = np.ascontiguousarray(fields[name])
        value = value.astype(value.dtype.newbyteorder('<'), copy=False)
        digest.update(json.dumps([name, value.shape, value.dtype.str]).encode())
        digest.update(value.data)
    return digest.hexdigest()


def decoded(source: Source, threads: int = 4) -> tuple[Arrays, list[BadItem]]:
    """Decodes all rows of a source into memory.

    Args:
      source: any.
      threads: that decode at the same time.

    Returns:
      The same rows as Arrays, with the names, classes and fingerprint of the source;
      and those that can't be decoded, or differ in shape or dtype from the first that
      can: they are all zeros.

    Raises:
      InputError: if no row can be decoded.
    """
    bad: list[BadItem] = []
    fields: dict[str, np.ndarray] = {}

    def one(row: int) -> dict[str, np.ndarray] | BadItem:
        try:
            return source[row]
        except BadItem as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        for row, found in enumerate(pool.map(one, range(len(source)))):
            if not isinstance(found, BadItem):
                kinds = {
                    k: (np.shape(x), np.asarray(x).dtype) for k, x in found.items()
                }
                if not fields:
                    fields = {
                        name: np.zeros((len(source), *shape), dtype)
                        for name, (shape, dtype) in kinds.items()
                    }
                first = {k: (x.shape[1:], x.dtype) for k, x in fields.items()}
                if kinds == first:
                    for name, value in found.items():
                        fields[name][row] = value
                    continue
                found = BadItem(
                    row, source.name(row), f'it has {kinds}, and others {first}'
                )
            bad.append(found)
    if not fields:
        raise bad[0]
    columns = dict(source.columns)
    return Arrays(
        fields | columns,
        classes=source.classes,
        names=[source.name(row) for row in range(len(source))],
        fingerprint=source.fingerprint(),
    ), bad


def digits() -> Arrays:
    """Returns scikit-learn's handwritten digits: 1797 rows, 10 classes, no download.

    Returns:
      Fields ``image`` [1797, 8, 8, 1] float32 in [0, 1] (the 17 grey levels / 16) and
      ``label`` [1797] int32.

    Raises:
      InputError: if scikit-learn is not installed.

    Source: Alpaydin & Kaynak 1998, UCI, "Optical recognition of handwritten digits"
    (its test part, by 13 writers).
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "'digits' needs scikit-learn: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    return Arrays(
        {
            'image': (bunch.images / 16).astype(np.float32)[..., None],
            'label': bunch.target.astype(np.int32),
        }
    )
