"""What unpacks to more than it looks like: archives of arrays, from anybody."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

MAX_VALUES = 2**31
"""Of one volume or one array of a file; a header that says more is not believed."""
MAX_BYTES = 2**32
"""Of one member of a public data set's archive; the largest has 2.8 GB."""


def memory() -> int:
    """Returns the bytes of memory of this machine, 64 GiB where it does not say."""
    try:
        return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (AttributeError, OSError, ValueError):
        return 2**36


def arrays(
    path: str | os.PathLike[str], names: Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """Reads arrays of an .npz: no pickles, and nothing larger than the memory.

    Args:
      path: of the file.
      names: of the arrays; those that are not there are left out. None is all.

    Raises:
      ValueError: with what is wrong with the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > memory():
            raise ValueError(
                f'{Path(path).stat().st_size} bytes that unpack to {size}, more than '
                f'the {memory()} of memory here'
            )
        with np.load(path, allow_pickle=False) as file:
            return {n: file[n] for n in (file if names is None else names) if n in file}
    except Exception as error:  # zipfile, zlib and numpy raise nearly anything
        raise ValueError(str(error) or type(error).__name__) from error


def checked(shape: tuple[int, ...]) -> None:
    """Refuses a shape that a header says, before anything is read of it.

    Raises:
      ValueError: if it has more than ``MAX_VALUES``.
    """
    if np.prod(shape, dtype=object) > MAX_VALUES:
        raise ValueError(
            f'it says it has {"x".join(map(str, shape))} values, more than the '
            f'{MAX_VALUES} that are read'
        )
