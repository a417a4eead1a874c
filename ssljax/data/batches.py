"""Rows of a source, stacked."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ssljax.data import checks
from ssljax.data.sources import Source


def collate(
    source: Source, rows: np.ndarray, fields: Iterable[str]
) -> dict[str, np.ndarray]:
    """Returns ``{field: [n, ...]}`` of rows [n] of a source.

    What the source knows without decoding is not decoded.

    Raises:
      InputError: if a field is missing or a row can't be decoded.
    """
    rows = np.asarray(rows)
    columns = {name: source.columns[name] for name in fields if name in source.columns}
    missing = [name for name in fields if name not in columns]
    found = {name: column[rows] for name, column in columns.items()}
    if missing:
        examples = [source[int(row)] for row in rows]
        for name in missing:
            checks.known('a field of the source', name, examples[0])
            found[name] = np.stack([example[name] for example in examples])
    return found
