"""Tables: the label of each file, in a CSV or a file of JSON lines."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources.folders import Files, Read, scan
from ssljax.data.sources.source import NO_LABEL

COLUMNS = ('path', 'label')
ENDINGS = ('.csv', '.jsonl')
LONGEST = 200
"""Letters of a class's name."""


def table(
    path: str | os.PathLike[str],
    read: Read,
    *,
    folder: str | os.PathLike[str] | None = None,
    classes: Sequence[str] | None = None,
) -> Files:
    """Returns all files of a folder, with the labels that a table says of some.

    The table has the columns ``path`` (inside the folder, with '/') and ``label``: the
    name of a class or, if all are whole numbers, its number. A file whose label is
    empty (in JSON: null), or that is not in the table, is unlabelled. As the rows are
    the files in the order of their names, they stay when labels are added.

    Args:
      path: of the table: .csv with a header, or .jsonl with one object a line.
      read: ``Pictures(...)`` or ``Waves(...)``.
      folder: that holds the files; None is the table's own.
      classes: names of the classes, by label, as the training part has them; None are
        those of the table: sorted names, or the numbers from 0 on.

    Raises:
      InputError: naming the line, if it can't be read, a file is missing or listed
        twice, or a class is unknown.
    """
    path = Path(path)
    root = path.parent if folder is None else Path(folder)
    names = scan(root, read.endings)
    known = set(names)
    given: dict[str, tuple[int, str]] = {}  # name -> (line, label, '' for none)
    for line, row in _lines(path):
        name = _inside(f'{path}, line {line}', row)
        if name not in known:
            raise InputError(
                f'{path}, line {line}: {name!r} is no file of {root} that can be read; '
                f'its name must end in {", ".join(read.endings)}.'
            )
        if name in given:
            raise InputError(
                f'{path}, line {line}: {name!r} is in line {given[name][0]} already; '
                'keep one of them.'
            )
        given[name] = line, _text(f'{path}, line {line}', row['label'])
    said = {name: label for name, (_, label) in given.items() if label}
    if not said:
        raise InputError(f'{path} gives no label; fill its column label.')
    numbers = all(label.isdecimal() for label in said.values())
    if numbers:  # '01' is 1
        given = {n: (line, x and str(int(x))) for n, (line, x) in given.items()}
        said = {name: str(int(label)) for name, label in said.items()}
    if classes is None:
        classes = _counted(path, given) if numbers else sorted(set(said.values()))
    label_of = {name: number for number, name in enumerate(classes)}
    if numbers and not label_of.keys() & set(said.values()):
        label_of = {str(number): number for number in range(len(classes))}
    for line, label in given.values():
        if label and label not in label_of:
            raise InputError(
                f'{path}, line {line}: class {label!r} is not one of the training '
                f'part, which has {list(classes)}.'
            )
    labels = [label_of.get(said.get(name, ''), NO_LABEL) for name in names]
    return Files(root, names, read, labels=labels, classes=classes)


def _counted(path: Path, given: dict[str, tuple[int, str]]) -> list[str]:
    """Class names of labels that are numbers, which must leave none out."""
    found = {int(label): line for line, label in reversed(given.values()) if label}
    for number in range(len(found)):
        if number not in found:
            high = max(found)
            raise InputError(
                f'{path}, line {found[high]}: label {high}, but no line has label '
                f'{number}; number the classes from 0 without gaps.'
            )
    return [str(number) for number in range(len(found))]


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row) of a table, each with the columns and no others."""
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            rows = _json(path, file) if path.suffix == '.jsonl' else _csv(path, file)
            yield from rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f'{path} is no readable table: {error}.') from error


def _csv(path: Path, file) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file, strict=True)
    _columns(f'{path}, line 1', reader.fieldnames or ())
    for row in reader:
        if None in row or None in row.values():
            raise InputError(
                f'{path}, line {reader.line_num}: it has not as many cells as there '
                'are columns; put quotes around a cell with a comma.'
            )
        yield reader.line_num, row


def _json(path: Path, file) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f'{path}, line {line}: no JSON: {error}.') from error
        if not isinstance(row, dict):
            raise InputError(f'{path}, line {line}: no object, but {text.strip()}.')
        _columns(f'{path}, line {line}', row)
        yield line, row


def _columns(where: str, found) -> None:
    # A misspelt column, or a test part that would be trained on, must not pass.
    for name in found:
        checks.known(f'{where}: a column', name, COLUMNS)
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise InputError(f'{where}: it lacks {" and ".join(missing)}; add it.')


def _inside(where: str, row: dict[str, Any]) -> str:
    """The path of a row in the form of ``scan``."""
    name = row['path']
    if not isinstance(name, str) or not name.strip():
        raise InputError(f'{where}: path is {name!r}; give the name of a file.')
    path = PurePosixPath(name.strip().replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts:
        raise InputError(
            f'{where}: {name!r} leads out of the folder; give a path inside it.'
        )
    return path.as_posix()


def _text(where: str, label: Any) -> str:
    if label is None:
        return ''
    if isinstance(label, bool) or not isinstance(label, (int, str)):
        raise InputError(
            f'{where}: label is {label!r}; give the name of a class or its number.'
        )
    text = str(label).strip()
    if len(text) > LONGEST:
        raise InputError(
            f'{where}: label has {len(text)} letters; give a name of at most {LONGEST}.'
        )
    if text == str(NO_LABEL):  # else it would be a class of that name
        raise InputError(
            f'{where}: label is {text}; leave the cell empty where there is none.'
        )
    return text
