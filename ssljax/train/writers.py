"""What a run writes: whole files, rows of metrics, events for TensorBoard.

Nothing here depends on the clock, so that the files of a run that was interrupted are
those of one that was not, byte for byte.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ssljax.contracts import InputError


@contextlib.contextmanager
def replace(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file that takes the place of ``path`` once it is whole and on disk."""
    temporary = path.with_name(f'.{path.name}.part')
    with open(temporary, 'wb') as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    with replace(path) as file:
        file.write(json.dumps(value, indent=1).encode() + b'\n')


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_bytes())


def plain(value: Any) -> bool | int | float | None:
    """Returns a scalar as JSON writes it: the shortest number that means the same.

    Args:
      value: [] of any dtype; 0.1 in float32 becomes 0.1. NaN and inf, which JSON does
        not know, become None.
    """
    value = np.asarray(value)[()]
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    number = float(str(value))
    return number if math.isfinite(number) else None


def rows(path: Path) -> list[dict[str, Any]]:
    """Reads a metrics file; a last line that was cut short is left out.

    Raises:
      InputError: if any other line is no row.
    """
    return [row for _, row in _lines(path)]


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Adds one row: ``step`` and plain numbers by name."""
    with open(path, 'ab') as file:
        file.write(json.dumps(row).encode() + b'\n')


def cut(path: Path, step: int) -> None:
    """Drops the rows after ``step``, and a last line that was cut short."""
    kept = [line for line, row in _lines(path) if row['step'] <= step]
    with replace(path) as file:
        file.writelines(line + b'\n' for line in kept)


def _plain(value: Any) -> bool:
    """Whether a row may have it: a number, or None where one was not finite."""
    return value is None or isinstance(value, (int, float))


def _lines(path: Path) -> list[tuple[bytes, dict[str, Any]]]:
    if not path.exists():
        return []
    *lines, _ = path.read_bytes().split(b'\n')
    try:
        found = [(line, json.loads(line)) for line in lines]
        if all('step' in row and all(map(_plain, row.values())) for _, row in found):
            return found
    except (ValueError, TypeError):
        pass
    raise InputError(
        f'{path} is not what a run wrote: a line of it is no JSON object with a step; '
        'move the file away.'
    )


@contextlib.contextmanager
def tensorboard(
    folder: Path, step: int
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yields ``add(row)``, which writes events; those there after ``step`` are hidden.

    Raises:
      InputError: if tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise InputError(
            'tensorboard=True needs tensorboardX: pip install tensorboardX'
        ) from error
    with SummaryWriter(os.fspath(folder), purge_step=step + 1) as writer:

        def add(row: Mapping[str, Any]) -> None:
            for name, value in row.items():
                if name != 'step' and value is not None:
                    writer.add_scalar(name, value, row['step'])

        yield add
