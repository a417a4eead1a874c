"""The list of rows that can't be used, in a file, and how long it may become."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssljax.contracts import InputError


class Bad(NamedTuple):
    """A row that can't be used."""

    row: int
    name: str  # of the row in its source
    why: str


class Quarantine:
    """Writes every bad row once into a file, one JSON object a line.

    Rows that the file has already, of this job before a restart, are not written again
    but they count. What stopped a job is listed anew by the next one: it may have been
    mended.

    Args:
      path: of the file; its folder is made where it is missing.
      rows: [n] the rows that count; others, of another feed of the job, do not.
      share: of the rows that may be bad, in [0, 1].
    """

    def __init__(self, path: str | os.PathLike[str], *, rows: np.ndarray, share: float):
        if not 0 <= share <= 1:
            raise InputError(f'bad_share is {share}; give a share in [0, 1].')
        self.path, self.rows, self.share = Path(path), rows, share
        self.listed = {bad.row: bad for bad in _read(self.path)}
        if self._too_many():
            self.path.unlink()
            self.listed = {}

    def add(self, found: Iterable[Bad]) -> None:
        """Lists bad rows.

        Raises:
          InputError: if there are now more than the share; all of them are listed.
        """
        new = {bad.row: bad for bad in found if bad.row not in self.listed}
        if not new:
            return
        self.listed |= new
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open('a') as file:
            file.writelines(json.dumps(bad._asdict()) + '\n' for bad in new.values())
        if own := self._too_many():
            first = [f'{bad.name}: {bad.why}' for bad in own[:10]]
            raise InputError(
                f'{len(own)} of {len(self.rows)} rows are bad, more than the share '
                f'{self.share:g}; {self.path} lists them. Mend or leave out: '
                + '; '.join(first)
            )

    def _too_many(self) -> list[Bad]:
        """The bad ones among the rows, if they are more than the share."""
        inside = np.isin([*self.listed], self.rows)
        own = [
            b for b, known in zip(self.listed.values(), inside, strict=True) if known
        ]
        return own if len(own) > self.share * len(self.rows) else []


def _read(path: Path) -> list[Bad]:
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind('\n') + 1]
    if whole != text:  # the job was killed while it wrote the last line
        path.write_text(whole)
    return [Bad(**json.loads(line)) for line in whole.splitlines()]
