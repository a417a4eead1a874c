"""Folders of files: one row a file, decoded when it is asked for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.source import NO_LABEL, BadItem


class Read(Protocol):
    """How a file becomes a field: ``Pictures``, ``Waves``. It pickles."""

    @property
    def field(self) -> str:
        """The field's name."""

    @property
    def endings(self) -> tuple[str, ...]:
        """Of the files that it reads, in lower case."""

    def __call__(self, path: Path) -> np.ndarray:
        """Returns the field; raises ValueError with what is wrong with the file."""


class Files:
    """A Source of files under one folder.

    Args:
      folder: that the names are inside of.
      names: [N] paths inside it, with '/'; row i is ``names[i]``.
      read: how each becomes a field.
      labels: [N] integers, ``NO_LABEL`` for none; None is none at all.
      classes: names of the classes, by label.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        read: Read,
        *,
        labels: Sequence[int] | np.ndarray | None = None,
        classes: Sequence[str] | None = None,
    ):
        self.folder, self.names, self.read = folder, names, read
        self.classes = None if classes is None else tuple(classes)
        if labels is None:
            labels = np.full(len(names), NO_LABEL)
        self._labels = np.asarray(labels, np.int32)

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """``label`` [N] int32."""
        return {'label': self._labels}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        name = self.names[row]
        try:
            value = self.read(self.folder / name)
        except InputError:
            raise  # not the file is wrong, but how it is asked for
        except (OSError, ValueError) as error:
            raise BadItem(int(row), name, str(error)) from error
        return {self.read.field: value, 'label': self._labels[row]}

    def name(self, row: int) -> str:
        """Returns the path inside the folder."""
        return self.names[row]

    def fingerprint(self) -> str:
        """Returns the sha256 of labels, classes, names, sizes and bytes of the files.

        It reads every file; how they are decoded does not count.
        """
        digest = hashlib.sha256()
        for name, label in zip(self.names, self._labels.tolist(), strict=True):
            try:
                content = (self.folder / name).read_bytes()
            except OSError:
                content = b''  # whether it can be read is asked row by row
            digest.update(json.dumps([name, label, len(content)]).encode())
            digest.update(content)
        digest.update(json.dumps(self.classes).encode())
        return digest.hexdigest()


def flat_folder(path: str | os.PathLike[str], read: Read) -> Files:
    """Returns all files of a folder and its subfolders, none of them labelled.

    Args:
      path: of the folder.
      read: ``Pictures(...)`` or ``Waves(...)``; files of other endings and hidden ones
        are passed over.

    Returns:
      The Source, in the order of the names.

    Raises:
      InputError: if there are no such files, or a link leads out of the folder.
    """
    return Files(Path(path), scan(path, read.endings), read)


def class_folders(
    path: str | os.PathLike[str], read: Read, *, classes: Sequence[str] | None = None
) -> Files:
    """Returns the files of a folder that has one subfolder a class.

    Args:
      path: of the folder. What lies deeper belongs to the class all the same.
      read: as in ``flat_folder``.
      classes: names of the classes, by label, as the training part has them; None are
        those of this folder: sorted, by value if all are whole numbers.

    Returns:
      The Source, in the order of the names; its ``classes`` are the names.

    Raises:
      InputError: as ``flat_folder``; if a file lies beside the class folders, a class
        folder holds none, or its name is not among ``classes``.
    """
    names = scan(path, read.endings)
    labels, classes = by_folder(Path(path), names, classes)
    return Files(Path(path), names, read, labels=labels, classes=classes)


def by_folder(
    path: Path, names: Sequence[str], classes: Sequence[str] | None = None
) -> tuple[list[int], tuple[str, ...]]:
    """Returns labels [N] and class names by the first folder of each name.

    Raises:
      InputError: as ``class_folders``.
    """
    loose = next((name for name in names if '/' not in name), None)
    if loose:
        raise InputError(
            f'{path / loose} lies beside the class folders; move it into one of them.'
        )
    found = {name.split('/')[0] for name in names}
    for folder in sorted(visible(path)):
        if folder.is_dir() and folder.name not in found:
            raise InputError(
                f'class folder {folder} holds no file that can be read; fill or '
                'remove it.'
            )
    if classes is None:
        number = all(name.isdecimal() for name in found)
        classes = sorted(found, key=int if number else None)
    unknown = sorted(found - set(classes))
    if unknown:
        raise InputError(
            f'{path} has classes {unknown}, which the training part has not; it has '
            f'{list(classes)}.'
        )
    label = {name: number for number, name in enumerate(classes)}
    return [label[name.split('/')[0]] for name in names], tuple(classes)


def scan(path: str | os.PathLike[str], endings: Sequence[str]) -> list[str]:
    """Returns the names, sorted, of a folder's files that have one of the endings.

    Hidden files and folders are passed over. A link to a file inside the folder is a
    file like any other.

    Raises:
      InputError: if there is no folder or no such file, or if a link leads to a folder
        or out of this one.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f'{root} is no folder; give the path of one.')
    real = root.resolve()
    names = []
    for file in _walk(root):
        if not file.name.lower().endswith(tuple(endings)):
            continue
        if file.is_symlink() and not file.resolve().is_relative_to(real):
            raise InputError(
                f'{file} is a link that leads out of {root}; put the file itself there.'
            )
        if not file.is_file():  # a broken link, a pipe that would never answer
            raise InputError(f'{file} is no file; remove it.')
        names.append(file.relative_to(root).as_posix())
    if not names:
        raise InputError(
            f'{root} holds no files that can be read; their names must end in '
            f'{", ".join(endings)}.'
        )
    return sorted(names)


def visible(folder: Path) -> Iterator[Path]:
    """Yields what lies in a folder and is not hidden."""
    try:
        yield from (entry for entry in folder.iterdir() if entry.name[0] != '.')
    except OSError as error:
        raise InputError(f'{folder} can not be read: {error}.') from error


def _walk(folder: Path) -> Iterator[Path]:
    for entry in visible(folder):
        if not entry.is_dir():
            yield entry
        elif entry.is_symlink():
            # Followed, it could lead out, or in a circle, or to the same files again.
            raise InputError(f'{entry} is a link to a folder; put the folder there.')
        else:
            yield from _walk(entry)
