"""What a Source is, and what it says of a row that it can't give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ssljax.contracts import InputError

NO_LABEL = -1
"""The label of a row that has none."""


class Source(Protocol):
    """Rows of named fields, by numbers that stay what they are.

    A row is decoded when it is asked for. A source pickles, so that worker processes
    can read it.
    """

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """Fields [N, ...] known without decoding a row.

        'label' [N] int32, -1 for none; or, where labels are no classes, 'annotated' [N]
        bool, of clips [N, T].
        """

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes, by label; None if they have none."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        """Returns the fields of one row; raises ``BadItem`` if it can't be decoded."""

    def name(self, row: int) -> str:
        """Returns what a person calls the row: a path in a folder, or its number."""

    def fingerprint(self) -> str:
        """Returns a sha256, in hex, of the contents; files are read to the last."""


def strata(source: Source) -> np.ndarray:
    """Returns what splits share out evenly: [N] int32, -1 for rows without a label.

    The classes; or 0 for every row that somebody annotated, of a clip one frame at
    least.

    Raises:
      InputError: if no row has a label.
    """
    columns = source.columns
    if 'label' in columns:
        found = np.asarray(columns['label'])
    elif 'annotated' in columns:
        known = np.asarray(columns['annotated'], bool).reshape(len(source), -1)
        found = np.where(known.any(axis=1), 0, NO_LABEL).astype(np.int32)
    else:
        found = np.zeros(0, np.int32)
    if np.max(found, initial=NO_LABEL) < 0:
        raise InputError(
            "The data have no labels; give some rows a 'label', or say of each whether "
            "it is 'annotated'."
        )
    return found


class BadItem(InputError):
    """A row that can't be decoded.

    Args:
      row: its number in the source.
      name: what a person calls it.
      why: what is wrong with it, to follow 'can not be read: '.
    """

    def __init__(self, row: int, name: str, why: str):
        super().__init__(f'{name} can not be read: {why}; mend or remove it.')
        self.row, self.name, self.why = row, name, why

    def __reduce__(self):
        # An exception pickles by the message alone, and comes from a worker process.
        return BadItem, (self.row, self.name, self.why)
