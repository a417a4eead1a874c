"""Writes any data set as sharded records, once, for jobs of many processes.

::

    python -m experiments.prepare --data=photos --output=photos_records --shards=16
    python -m experiments.train --config.data=records:photos_records ...

``--data`` is whatever ``data.read`` reads. Rows are decoded, and pictures resized, by
``--workers`` processes; the same command goes on where it was stopped, from the shards
that are finished. Rows that can't be decoded are listed in ``quarantine.jsonl`` and
left out, up to ``--bad_share``. ``summary.json`` says what there is, and which rows of
validation and test have the content of another part.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from tqdm import tqdm

from experiments import launch
from ssljax import data
from ssljax.contracts import InputError
from ssljax.data.quarantine import Bad, Quarantine
from ssljax.data.sources import Source, records
from ssljax.train import writers

_DATA = flags.DEFINE_string('data', None, 'Folder, table, .npz, or prefix:path.')
_OUTPUT = flags.DEFINE_string('output', None, 'Folder to write the records into.')
_SHARDS = flags.DEFINE_integer('shards', 8, 'Files to write; a multiple of the jobs.')
_SIZE = flags.DEFINE_list('size', None, 'height,width to resize pictures to.')
_CHANNELS = flags.DEFINE_integer('channels', None, 'Of pictures: 1 grey or 3 RGB.')
_RATE = flags.DEFINE_integer('rate', None, 'Samples a second, of sounds.')
_SECONDS = flags.DEFINE_float('seconds', None, 'Length of sounds.')
_WORKERS = flags.DEFINE_integer(
    'workers', None, 'Processes that decode; 0 is this one, default one a core.'
)
_LEAKS = flags.DEFINE_bool('leaks', True, 'Reads all rows again to look for leaks.')
_BAD_SHARE = flags.DEFINE_float('bad_share', 0.01, 'Share of rows that may be bad.')
flags.mark_flags_as_required(['data', 'output'])


def main() -> None:
    """Runs what the flags say."""
    summary = prepare(
        _DATA.value,
        Path(_OUTPUT.value),
        shards=_SHARDS.value,
        workers=os.cpu_count() if _WORKERS.value is None else _WORKERS.value,
        bad_share=_BAD_SHARE.value,
        look=_LEAKS.value,
        size=_size(_SIZE.value),
        channels=_CHANNELS.value,
        rate=_RATE.value,
        seconds=_SECONDS.value,
    )
    print(json.dumps(summary, indent=1))


def prepare(
    name: str,
    folder: Path,
    *,
    shards: int,
    workers: int,
    bad_share: float = 0.01,
    look: bool = True,
    **reading: Any,
) -> dict[str, Any]:
    """Writes a data set into a folder and returns its summary.

    Args:
      name: as in ``data.read``.
      folder: new, or of the same data set, whose finished shards stay.
      shards: at least 1, at most one a row.
      workers: processes; 0 decodes in this one.
      bad_share: of the rows that may be undecodable, in [0, 1].
      look: whether to look for content that is in two parts.
      **reading: of ``data.read``.

    Raises:
      InputError: if the data can't be read, or the folder holds something else.
    """
    start = time.time()
    source, parts = data.read(name, **reading)
    if not 1 <= shards <= len(source) or workers < 0:
        raise InputError(
            f'shards, workers are {shards}, {workers}; give 1 to {len(source)} shards '
            'and at least 0 workers.'
        )
    fingerprint = source.fingerprint()
    plan = {'fingerprint': fingerprint, 'rows': len(source), 'shards': shards}
    _claim(folder, json.loads(json.dumps({**plan, 'reading': reading})))
    rows = np.array_split(np.arange(len(source)), shards)
    quarantine = Quarantine(
        folder / 'quarantine.jsonl', rows=np.arange(len(source)), share=bad_share
    )
    done = {n: _sidecar(folder, n) for n in range(shards) if _finished(folder, n)}
    todo = [n for n in range(shards) if n not in done]
    # Of shards that were finished before: the list may be a step behind them.
    quarantine.add(Bad(*one) for bad in done.values() for one in bad)
    try:
        with tqdm(total=len(source), unit='row') as bar:
            bar.update(sum(len(rows[number]) for number in done))
            for number, bad in _written(source, rows, folder, todo, workers):
                done[number] = bad
                quarantine.add(Bad(*one) for one in bad)
                bar.update(len(rows[number]))
        left = {row for bad in done.values() for row, _, _ in bad}
        kept = [[row for row in some.tolist() if row not in left] for some in rows]
        records.finish(folder, source, parts, kept, fingerprint)
    except OSError as error:
        raise InputError(f'output {folder} can not be written: {error}') from error
    summary = _summary(name, folder, sorted(left), look)
    summary['wall_seconds'] = round(time.time() - start, 2)
    writers.write_json(folder / 'summary.json', summary)
    return summary


def _summary(name: str, folder: Path, left: list[int], look: bool) -> dict[str, Any]:
    """What there is, and what is in two parts, as the records themselves have it."""
    source, parts = records.read(folder)
    found = data.leaks(source, parts) if look else []
    label = source.columns.get('label', np.zeros(0, np.int32))
    return {
        'data': name,
        'rows': len(source),
        'parts': {part: len(rows) for part, rows in parts.items()},
        'classes': source.classes,
        'labels_per_class': np.bincount(label[label >= 0]).tolist(),
        'unlabelled': int(np.sum(label < 0)),
        'fields': {
            field: [list(np.shape(value)), str(np.asarray(value).dtype)]
            for field, value in source[0].items()
        },
        'fingerprint': source.fingerprint(),
        'quarantined': left,
        'leaks': [[source.name(x.row), source.name(x.other_row)] for x in found],
    }


def _claim(folder: Path, plan: dict[str, Any]) -> None:
    """Makes the folder ready for records of this plan, new or continued."""
    path = folder / 'prepare.json'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            before = json.loads(path.read_text())
            differ = [key for key in plan if before.get(key) != plan[key]]
            if differ:
                raise InputError(
                    f'output {folder} holds records with another {", ".join(differ)}; '
                    'give another folder.'
                )
        elif any(file.suffix != '.part' for file in folder.iterdir()):
            raise InputError(
                f'output {folder} is not empty and holds no prepare.json; give another '
                'folder.'
            )
        for rest in folder.glob('*.part'):  # of a job that was killed
            rest.unlink()
        writers.write_json(path, plan)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f'output {folder} can not be used: {error}') from error


def _written(
    source: Source, rows: list[np.ndarray], folder: Path, todo: list[int], workers: int
) -> Iterator[tuple[int, list]]:
    """(shard, its bad rows) of each shard as it is finished."""
    workers = min(workers, len(todo))
    if not workers:
        for number in todo:
            yield number, _write(source, rows, folder, number)
        return
    context = multiprocessing.get_context('spawn')
    ends, processes = [], []
    for worker in range(workers):
        end, other = context.Pipe(duplex=False)
        process = context.Process(
            target=_work,
            args=(other, source, rows, folder, todo[worker::workers]),
            daemon=True,  # ends with this process, if that ends by an error
        )
        process.start()
        # Else it would stay open here, and a dead worker would not be noticed.
        other.close()
        ends.append(end)
        processes.append(process)
    while ends:
        for end in wait(ends):
            assert isinstance(end, Connection)
            try:
                found = end.recv()
            except EOFError:
                ends.remove(end)
                continue
            if isinstance(found, Exception):
                raise found
            yield found
    for process in processes:
        process.join()
        if process.exitcode:
            raise InputError(
                f'a worker was ended with status {process.exitcode}, perhaps for want '
                'of memory; give fewer --workers: the same command goes on.'
            )


def _work(
    end: Connection,
    source: Source,
    rows: list[np.ndarray],
    folder: Path,
    numbers: list[int],
) -> None:
    """A worker process: writes its shards and tells of each."""
    try:
        for number in numbers:
            end.send((number, _write(source, rows, folder, number)))
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # whoever listened is gone
    except Exception as error:
        end.send(error)


def _write(source: Source, rows: list[np.ndarray], folder: Path, number: int) -> list:
    """Writes a shard, and after it the file that says that it is finished."""
    path = records.shard_path(folder, number, len(rows))
    bad = records.write_shard(source, rows[number], path).bad
    writers.write_json(_beside(folder, number), bad)
    return bad


def _beside(folder: Path, number: int) -> Path:
    return folder / f'shard-{number:05d}.json'


def _finished(folder: Path, number: int) -> bool:
    return _beside(folder, number).exists()


def _sidecar(folder: Path, number: int) -> list:
    return json.loads(_beside(folder, number).read_text())


def _size(values: list[str] | None) -> tuple[int, int] | None:
    if values is None:
        return None
    try:
        height, width = map(int, values)
    except ValueError as error:
        raise InputError(
            f'size is {",".join(values)}; give height,width in pixels.'
        ) from error
    return height, width


if __name__ == '__main__':
    launch.run(main)
