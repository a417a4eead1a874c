"""The same content in two parts: a score on it says nothing."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ssljax.data.sources import BadItem, Source, content_hash

JUDGED = ('validation', 'test')
"""Parts that a score is of; rows of all others are trained on."""


class Leak(NamedTuple):
    """A row to be judged by whose content is in another part too."""

    part: str
    row: int
    other_part: str
    other_row: int


def leaks(source: Source, parts: Mapping[str, np.ndarray]) -> list[Leak]:
    """Returns rows whose content is in two parts, and warns of them by name.

    Labels do not count: the same image with another label leaks all the same. Rows that
    can't be decoded are passed over.

    Args:
      source: any; the rows of the parts are decoded once.
      parts: rows [n] by part. Those of ``JUDGED`` are held against all others; parts
        that are trained on may overlap among themselves.

    Returns:
      One leak for each row of a judged part that is in another part too.
    """
    trained = [part for part in parts if part not in JUDGED]
    judged = [part for part in JUDGED if part in parts]
    if not judged:
        return []
    where: dict[str, tuple[str, int]] = {}
    found = []
    for part in (*trained, *judged):
        own: dict[str, tuple[str, int]] = {}
        for row in map(int, parts[part]):
            content = _content(source, row)
            if content is None:
                continue
            if part in judged and content in where:
                found.append(Leak(part, row, *where[content]))
            own.setdefault(content, (part, row))
        where = own | where
    if found:
        some = '; '.join(
            f'{source.name(x.row)} of {x.part} is {source.name(x.other_row)} of '
            f'{x.other_part}'
            for x in found[:5]
        )
        warnings.warn(
            f'{len(found)} rows are in two parts, so a score on them says nothing: '
            f'{some}{"; ..." if len(found) > 5 else ""}',
            stacklevel=2,
        )
    return found


def _content(source: Source, row: int) -> str | None:
    try:
        fields = source[row]
    except BadItem:
        return None
    return content_hash({k: np.asarray(x) for k, x in fields.items() if k != 'label'})
