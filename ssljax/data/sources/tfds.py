"""Data sets that TensorFlow Datasets has prepared, read without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.joined import join
from ssljax.data.sources.source import NO_LABEL, BadItem, Source

PARTS = {
    'train': 'train',
    'validation': 'validation',
    'test': 'test',
    'unlabelled': 'unlabelled',  # STL-10
    'unsupervised': 'unlabelled',  # IMDB
}
"""Splits that are read, and the parts that they are; others are passed over."""


class Split:
    """A Source of one split; ``read`` makes it.

    Fields are those of the data set that are arrays of numbers, by their names; texts
    and nested ones are passed over. It pickles by its folder.
    """

    def __init__(self, folder: str, split: str, labels: bool):
        import tensorflow_datasets as tfds

        self._made = folder, split, labels
        builder = tfds.builder_from_directory(folder)
        features = dict(builder.info.features.items())
        self._rows = builder.as_data_source(split)
        self._name = split
        named = getattr(features.get('label'), 'names', None)
        self.classes = tuple(named) if named else None
        label = np.full(len(self), NO_LABEL, np.int32)
        if labels and 'label' in features:
            skip = {name: tfds.decode.SkipDecoding() for name in features}
            del skip['label']
            bare = builder.as_data_source(split, decoders=skip)
            label = np.asarray([row['label'] for row in bare], np.int32)
        self.columns = {'label': label}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        try:
            found = self._rows[row]
        except Exception as error:  # of ArrayRecord, Pillow or a feature's own
            raise BadItem(int(row), self.name(row), str(error)) from error
        arrays = {
            name: np.asarray(value)
            for name, value in found.items()
            if name != 'label' and not isinstance(value, (dict, list, str, bytes))
        }
        numbers = {name: x for name, x in arrays.items() if x.dtype.kind in 'biuf'}
        return {**numbers, 'label': self.columns['label'][row]}

    def name(self, row: int) -> str:
        """Returns the split and the number in it."""
        return f'{self._name}[{row}]'

    def fingerprint(self) -> str:
        """Returns the sha256 of the labels and of the folder's files of the split."""
        folder = Path(self._made[0])
        digest = hashlib.sha256(self.columns['label'].astype('<i4').tobytes())
        for file in sorted(folder.glob(f'*-{self._name}.*')):
            digest.update(json.dumps([file.name, file.stat().st_size]).encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def __reduce__(self):
        return Split, self._made


def read(
    name: str, *, folder: str | os.PathLike[str] | None = None
) -> tuple[Source, dict[str, np.ndarray]]:
    """Opens a data set that TensorFlow Datasets has prepared as ArrayRecord.

    Args:
      name: as TensorFlow Datasets has it: 'mnist', 'cifar10:3.0.2', 'stl10'.
      folder: that holds prepared data sets; None is $TFDS_DATA_DIR, or else
        ~/tensorflow_datasets.

    Returns:
      The Source, and the rows of its parts, by ``PARTS``.

    Raises:
      InputError: if the package is not installed, there is no such data set, or it is
        not prepared as ArrayRecord; the message says what to run.
    """
    builder = _builder(name, folder)
    where = Path(str(builder.data_dir))
    files = [*where.glob('*.array_record*')]
    if not files:
        other = ' as ArrayRecord' if where.is_dir() and any(where.iterdir()) else ''
        raise InputError(
            f'{name} is not prepared{other} in {where}. Where tensorflow is installed, '
            f'run: python -c "import tensorflow_datasets as tfds; tfds.builder('
            f"{name!r}, data_dir={str(_folder(folder))!r}, file_format='array_record')"
            '.download_and_prepare()"'
        )
    found = {}
    for split in builder.info.splits:
        if split in PARTS:
            part = PARTS[split]
            found[part] = Split(str(where), split, labels=part != 'unlabelled')
    if 'train' not in found:
        raise InputError(
            f'{name} has the splits {sorted(builder.info.splits)}; one of them must be '
            'train.'
        )
    order = [part for part in dict.fromkeys(PARTS.values()) if part in found]
    return join({part: found[part] for part in order})


def _builder(name: str, folder: str | os.PathLike[str] | None) -> Any:
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            "'tfds:' needs tensorflow-datasets, which comes with pip install "
            "'ssljax[data]'."
        ) from error
    data_dir = str(_folder(folder))
    try:
        return tfds.builder(
            name, data_dir=data_dir, file_format='array_record', try_gcs=False
        )
    except tfds.core.DatasetNotFoundError as error:
        raise InputError(
            f'{name!r} is no data set of tensorflow_datasets, nor prepared in '
            f'{data_dir}; its catalogue lists the names.'
        ) from error
    except (AssertionError, ValueError) as error:
        # A version that does not exist, or one prepared as another kind of file.
        first = str(error).splitlines()[0]
        raise InputError(f'{name!r} can not be opened: {first}') from error


def _folder(folder: str | os.PathLike[str] | None) -> Path:
    if folder is not None:
        return Path(folder)
    return Path(os.environ.get('TFDS_DATA_DIR', '~/tensorflow_datasets')).expanduser()
