"""Sources kept as sharded ArrayRecord: any source, decoded once, for many hosts.

A folder holds ``shard-00000-of-00008.array_record``, ... and ``records.json``, which
``finish`` writes last. A record is framed by itself and never unpickled: ``MAGIC``, the
format's number, the length of a header, the header as JSON (the row's name; name, dtype
and shape of each field) and the fields' bytes, little-endian, in the header's order.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.source import BadItem, Source

VERSION = 1
INDEX = 'records.json'
MAGIC = b'SSLR'

_FRAME = struct.Struct('<4sBI')  # magic, version, bytes of the header
_WRITE = 'group_size:1,zstd:3'  # single records are read at random
_READ = 'readahead_buffer_size:0,max_parallelism:0'


class Shard(NamedTuple):
    """What became of the rows of one shard."""

    rows: list[int]  # of the source, in the order of the records
    bad: list[tuple[int, str, str]]  # row, name, why


def encode(name: str, fields: Mapping[str, np.ndarray]) -> bytes:
    """Returns one record."""
    arrays = {field: np.asarray(value) for field, value in fields.items()}
    arrays = {
        field: x.astype(x.dtype.newbyteorder('<'), copy=False)
        for field, x in arrays.items()
    }
    for field, x in arrays.items():
        if x.dtype.hasobject:
            raise InputError(f'{field} of {name} holds objects; give plain arrays.')
    kinds = [[field, x.dtype.str, x.shape] for field, x in arrays.items()]
    header = json.dumps([name, kinds]).encode()
    body = b''.join(x.tobytes() for x in arrays.values())
    return _FRAME.pack(MAGIC, VERSION, len(header)) + header + body


def decode(record: bytes) -> tuple[str, dict[str, np.ndarray]]:
    """Returns the name and the fields of a record.

    Raises:
      ValueError: if it is none, or of another version.
    """
    if len(record) < _FRAME.size or record[:4] != MAGIC:
        raise ValueError('no record of ssljax')
    _, version, size = _FRAME.unpack_from(record)
    if version != VERSION:
        raise ValueError(f'a record of format {version}; this ssljax reads {VERSION}')
    at = _FRAME.size + size
    name, kinds = json.loads(record[_FRAME.size : at])
    fields = {}
    for field, dtype, shape in kinds:
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        value = np.frombuffer(record, kind, count, at).reshape(shape)
        fields[field] = value.copy() if shape else value[()]
        at += count * kind.itemsize
    if at != len(record):
        raise ValueError(f'a record of {len(record)} bytes that says it has {at}')
    return name, fields


def write_shard(source: Source, rows: Sequence[int], path: Path) -> Shard:
    """Writes rows of a source as one shard, whole or not at all.

    Rows that can't be decoded are left out and told.

    Args:
      source: any.
      rows: which, in this order.
      path: of the shard; it is replaced if it is there.
    """
    writer_of = _array_record().ArrayRecordWriter
    # By process: what a killed job has left to end must not write into the same file.
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    shard = Shard([], [])
    writer = writer_of(str(part), _WRITE)
    for row in map(int, rows):
        try:
            record = encode(source.name(row), source[row])
        except BadItem as bad:
            shard.bad.append((bad.row, bad.name, bad.why))
            continue
        writer.write(record)
        shard.rows.append(row)
    writer.close()
    part.replace(path)
    return shard


def shard_path(folder: Path, number: int, count: int) -> Path:
    """Returns where shard ``number`` of ``count`` lies."""
    return folder / f'shard-{number:05d}-of-{count:05d}.array_record'


def finish(
    folder: Path,
    source: Source,
    parts: Mapping[str, np.ndarray],
    shards: Sequence[Sequence[int]],
    fingerprint: str,
) -> dict[str, Any]:
    """Writes the index, after which the folder is a source.

    Args:
      folder: that holds all shards.
      source: that they were written from.
      parts: rows of the source by part.
      shards: rows of the source in each shard, rising, in the order of the records.
      fingerprint: of the source.

    Returns:
      The index's content, rows and labels packed.
    """
    kept = np.concatenate([np.asarray(rows, np.int64) for rows in shards])
    place = np.full(len(source), -1, np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    label = source.columns.get('label')
    if len(kept) < len(source):  # the numbers of the rows are others
        left = np.setdiff1d(np.arange(len(source)), kept).tolist()
        fingerprint = hashlib.sha256(
            json.dumps([fingerprint, left]).encode()
        ).hexdigest()
    found = {part: place[rows] for part, rows in parts.items()}
    content = {
        'version': VERSION,
        'shards': [len(rows) for rows in shards],
        'bytes': [
            shard_path(folder, number, len(shards)).stat().st_size
            for number in range(len(shards))
        ],
        'classes': source.classes,
        'fingerprint': fingerprint,
        'label': None if label is None else _pack(label[kept]),
        'parts': {part: _pack(rows[rows >= 0]) for part, rows in found.items()},
    }
    temporary = folder / f'{INDEX}.part'
    temporary.write_text(json.dumps(content, indent=1) + '\n')
    temporary.replace(folder / INDEX)
    return content


class Records:
    """A Source of sharded records; ``read`` makes it. It pickles by its path."""

    def __init__(self, folder: Path, index: Mapping[str, Any]):
        self.folder, self._index = folder, index
        self._readers: dict[int, Any] = {}
        classes = index['classes']
        self.classes = None if classes is None else tuple(classes)
        self._ends = np.cumsum(index['shards'])
        label = index['label']
        self.columns = {} if label is None else {'label': _unpack(label)}

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        return self._record(row)[1]

    def name(self, row: int) -> str:
        """Returns the name that the row had in the source it was written from."""
        try:
            return self._record(row)[0]
        except BadItem:
            return str(row)

    def fingerprint(self) -> str:
        """Returns that of the source it was written from, if no row was left out."""
        return self._index['fingerprint']

    def __reduce__(self):
        return Records, (self.folder, self._index)

    def _record(self, row: int) -> tuple[str, dict[str, np.ndarray]]:
        if not 0 <= row < len(self):
            raise IndexError(row)
        shard = int(np.searchsorted(self._ends, row, side='right'))
        place = int(row) - int(self._ends[shard - 1] if shard else 0)
        try:
            return decode(self._reader(shard).read([place])[0])
        # RuntimeError is the reader's, for bytes whose checksum is wrong.
        except (RuntimeError, ValueError, TypeError, IndexError, OSError) as error:
            file = shard_path(self.folder, shard, len(self._ends)).name
            raise BadItem(int(row), f'record {place} of {file}', str(error)) from error

    def _reader(self, shard: int):
        if shard not in self._readers:
            path = shard_path(self.folder, shard, len(self._ends))
            self._readers[shard] = _array_record().ArrayRecordReader(
                str(path), _READ, file_reader_buffer_size=32768
            )
        return self._readers[shard]


def read(path: str | os.PathLike[str]) -> tuple[Records, dict[str, np.ndarray]]:
    """Opens a folder that ``experiments.prepare`` wrote.

    Returns:
      The Source, and the rows of each part that the prepared one had.

    Raises:
      InputError: if it is no such folder, is not finished, or a shard is missing or not
        as long as it was.
    """
    folder = Path(path)
    _array_record()
    try:
        index = json.loads((folder / INDEX).read_text())
        version = index['version']
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f'{folder} holds no finished records: {error}; give the --output of '
            'python -m experiments.prepare.'
        ) from error
    if version != VERSION:
        raise InputError(
            f'{folder} holds records of format {version}; this ssljax reads {VERSION}: '
            'prepare them anew.'
        )
    try:
        parts, shards = _checked(index)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise InputError(
            f'{folder / INDEX} was changed since it was written: {error!r}; prepare '
            'the records anew.'
        ) from error
    for number, size in enumerate(shards):
        file = shard_path(folder, number, len(shards))
        # A reader of a file that is missing or cut says that it has no records.
        found = file.stat().st_size if file.exists() else 0
        if found != size:
            raise InputError(f'{file} has {found} bytes and had {size}; copy it anew.')
    return Records(folder, index), parts


def _checked(index: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], list[int]]:
    """Rows of each part and bytes of each shard, if an index makes sense at all."""
    count = int(np.sum(index['shards'], dtype=np.int64))
    parts = {part: _unpack(rows) for part, rows in index['parts'].items()}
    labels = [] if index['label'] is None else [_unpack(index['label'])]
    if len(index['shards']) != len(index['bytes']) or any(
        len(label) != count for label in labels
    ):
        raise ValueError('its counts do not fit each other')
    if any(len(x) and not 0 <= x.min() <= x.max() < count for x in parts.values()):
        raise ValueError(f'a row is none of the {count} there are')
    str(index['fingerprint']), tuple(index['classes'] or ())
    return parts, list(index['bytes'])


def _pack(numbers: np.ndarray) -> str:
    """Integers as text: base64 of zlib of int32, little-endian."""
    return base64.b64encode(zlib.compress(numbers.astype('<i4').tobytes())).decode()


def _unpack(text: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), '<i4').astype(
        np.int32
    )


def _array_record():
    try:
        from array_record.python import array_record_module
    except ImportError as error:
        raise InputError(
            "records need array_record, which comes with pip install 'ssljax[data]'"
        ) from error
    return array_record_module
