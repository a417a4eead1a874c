"""Batches decoded ahead of the step, by grain's threads or worker processes."""

from __future__ import annotations

import os
import signal
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssljax.contracts import InputError, Stream
from ssljax.data import checks, feeds
from ssljax.data.quarantine import Bad, Quarantine
from ssljax.data.sources import BadItem, Source

TRIES = 100
"""Rows looked at to replace a bad one, or to find the first good one."""


def stream(
    source: Source,
    rows: Mapping[str, np.ndarray],
    needs: Mapping[str, Stream],
    *,
    batch_size: int,
    seed: int,
    workers: int = 0,
    threads: int = 4,
    quarantine: str | os.PathLike[str] | None = None,
    bad_share: float = 0.01,
    process: tuple[int, int] | None = None,
) -> Streaming:
    """Feeds batches of any Source, decoded ahead of the step that asks for them.

    The rows of a step are those of ``in_memory`` for the same arguments, whatever the
    number of workers and threads: a restart is exact, also on another machine. Only
    calls in sequence are decoded ahead; any other step is decoded where it is asked
    for, so that looking at ``feed(0)`` costs one batch.

    A row that can't be decoded, or that has another shape or dtype than the first good
    row, NaN, or no label where it needs one, is bad. In its place comes another row of
    its stream, which depends on the step and the bad row only, so that the rest of the
    order stays.

    Args:
      source: ``len(source)``, ``source[row]``, ``source.columns``, ``source.name``.
        What is in its columns is not decoded.
      rows: row numbers by stream name; other names are left alone.
      needs: ``Method.needs``. A stream gets its fields and nothing else.
      batch_size: rows of a stream of ratio 1, over all processes; others have
        ``round(batch_size * ratio)``.
      seed: at least 0.
      workers: processes that decode; 0 decodes in threads of this one. Starting them
        takes seconds and they import the main script anew, so it needs its
        ``if __name__ == '__main__':``. Decoders that release the lock (Pillow does)
        need none.
      threads: that decode, one batch each at a time, in each worker.
      quarantine: folder for the list of bad rows, ``quarantine.jsonl``; None stops at
        the first.
      bad_share: of all rows that may be bad before the feed stops.
      process: (number, count): which part of each batch to decode; None asks jax.
        Process p of P has rows ``[p * n / P, (p + 1) * n / P)``.

    Returns:
      The feed. ``feed.close()`` ends its threads and processes; it may be used again.

    Raises:
      InputError: as ``in_memory``; if no row can be decoded, a batch can't be shared
        among the processes, or (when called) rows are bad: one without a quarantine,
        more than the share with it.
    """
    if workers < 0 or threads < 1:
        raise InputError(
            f'workers, threads are {workers}, {threads}; give at least 0 and 1.'
        )
    kinds = _kinds(source, rows, needs)
    pools = feeds.pools(source, rows, needs, {*kinds, *source.columns})
    process = feeds.this_process() if process is None else process
    load = _Load(source, pools, needs, kinds, batch_size, seed, process)
    bad_rows = None
    if quarantine is not None:
        number = f'-{process[0]}' if process[0] else ''
        bad_rows = Quarantine(
            Path(quarantine) / f'quarantine{number}.jsonl',
            rows=np.unique(np.concatenate([*pools.values()])),
            share=bad_share,
        )
    return Streaming(load, bad_rows, workers, threads)


class Streaming:
    """A feed that ``stream`` made."""

    def __init__(
        self, load: _Load, quarantine: Quarantine | None, workers: int, threads: int
    ):
        self._load, self._quarantine = load, quarantine
        self._workers, self._threads = workers, threads
        self._ahead: Any = None  # grain's iterator
        self._next: int | None = None  # the step that it gives
        self._last: int | None = None  # the step asked for last

    def __call__(self, step: int) -> dict[str, dict[str, np.ndarray]]:
        """Returns the batch of a step."""
        step = int(step)
        if step != self._next and self._last is not None and step == self._last + 1:
            self._open(step)
        self._last = step
        if step != self._next:
            return self._checked(step, *self._load(step))
        try:
            batch, bad = next(self._ahead)
        except BaseException:
            self.close()  # where an interrupted iterator stands is anybody's guess
            raise
        self._next = step + 1
        if self._workers and batch is not None:
            # Out of the memory shared with the worker, which is soon scarce.
            batch = {
                name: {field: np.array(x) for field, x in fields.items()}
                for name, fields in batch.items()
            }
        return self._checked(step, batch, bad)

    def close(self) -> None:
        """Ends the threads and processes that decode ahead."""
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = self._next = None

    def _open(self, step: int) -> None:
        self.close()
        grain = _grain()
        reading = grain.ReadOptions(
            num_threads=self._threads, prefetch_buffer_size=2 * self._threads
        )
        steps = grain.MapDataset.range(step, sys.maxsize).map(self._load)
        ahead = steps.to_iter_dataset(reading)
        if self._workers:
            options = grain.MultiprocessingOptions(self._workers)
            ahead = ahead.mp_prefetch(options, worker_init_fn=_finish)
        self._ahead, self._next = iter(ahead), step

    def _checked(self, step: int, batch: Any, bad: list[Bad]) -> dict:
        """The batch, after its bad rows were listed: also those of workers, here."""
        if bad and self._quarantine is None:
            row, name, why = bad[0]
            raise BadItem(row, name, why)
        if self._quarantine is not None:
            self._quarantine.add(bad)
        if batch is None:
            raise InputError(
                f'step {step} found no row to replace {bad[0].name} ({bad[0].why}) in '
                f'{TRIES} tries; mend the source.'
            )
        return batch


class _Load:
    """``load(step) -> (batch, bad rows)``; what grain runs and workers unpickle."""

    def __init__(self, source, pools, needs, kinds, batch_size, seed, process):
        self.source, self.pools, self.needs, self.kinds = source, pools, needs, kinds
        self.batch_size, self.seed, self.process = batch_size, seed, process
        self._order()

    def _order(self):
        self.draws = feeds.draws_of(
            self.pools,
            self.needs,
            batch_size=self.batch_size,
            seed=self.seed,
            process=self.process,
        )

    def __getstate__(self):
        return {name: x for name, x in vars(self).items() if name != 'draws'}

    def __setstate__(self, state):
        vars(self).update(state)
        self._order()

    def __call__(self, step):
        step = int(step)
        batch: dict[str, Any] = {}
        bad: list[Bad] = []
        for name, draw in self.draws.items():
            index = draw(step)
            decoded = self._decoded(name, index, step, bad)
            if decoded is None:
                return None, bad
            known = {
                field: self.source.columns[field][index]
                for field in self.needs[name].fields
                if field not in decoded
            }
            batch[name] = {**known, **decoded, 'index': index}
        return batch, bad

    def _decoded(self, name, index, step, bad):
        """The fields that need decoding; bad rows are replaced, also in ``index``."""
        columns = self.source.columns
        fields = [f for f in self.needs[name].fields if f not in columns]
        out = {f: np.empty((len(index), *self.kinds[f][0]), self.kinds[f][1])
               for f in fields}  # fmt: skip
        for place, row in enumerate(index if fields else ()):
            for candidate in self._candidates(name, int(row), step):
                try:
                    example = _example(self.source, candidate, fields, self.kinds)
                    break
                except BadItem as error:
                    bad.append(Bad(candidate, error.name, error.why))
            else:
                return None
            index[place] = candidate
            for field in fields:
                out[field][place] = example[field]
        return out

    def _candidates(self, name, row, step):
        """The row, then rows of its stream that depend on the row and step only."""
        yield row
        stream = zlib.crc32(name.encode())
        entropy = np.random.SeedSequence([self.seed, stream, step, row])
        pool = self.pools[name]
        draws = np.random.Generator(np.random.PCG64(entropy)).integers(
            len(pool), size=TRIES
        )
        yield from map(int, pool[draws])


def _example(source, row: int, fields, kinds) -> dict[str, np.ndarray]:
    """A row decoded; BadItem if it can't be, or does not go with the others."""
    example = source[row]
    for field in fields:
        value = np.asarray(example[field])
        shape, dtype = kinds[field]
        why = None
        if (value.shape, value.dtype) != (shape, dtype):
            why = (
                f'{field} is {value.dtype} {value.shape} and in others {dtype} {shape}'
            )
        elif np.issubdtype(dtype, np.floating) and not np.isfinite(value).all():
            why = f'{field} holds NaN or inf'
        elif field == 'label' and value < 0:
            why = 'it has no label'
        if why:
            raise BadItem(row, source.name(row), why)
    return example


def _kinds(source, rows, needs) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and dtype of each field, as the first good row has them."""
    wanted = {field for one in needs.values() for field in one.fields}
    if wanted <= set(source.columns):
        return {}
    looked = [row for name in needs for row in np.asarray(rows.get(name, ()))[:TRIES]]
    why = 'there are none'
    for row in looked:
        checks.rows('rows', np.asarray([row]), len(source))
        try:
            example = source[int(row)]
        except BadItem as error:
            why = str(error)
            continue
        arrays = {name: np.asarray(value) for name, value in example.items()}
        return {name: (array.shape, array.dtype) for name, array in arrays.items()}
    raise InputError(f'None of the first {len(looked)} rows can be decoded: {why}')


def _finish(number: int, count: int) -> None:
    """Lets a worker outlive Ctrl-C: the step in progress still wants its batch."""
    del number, count
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _grain():
    """Grain, ready for notebooks and tests, which never parse the flags it reads."""
    try:
        import grain
        from absl import flags
    except ImportError as error:
        raise InputError(
            "stream needs grain, which comes with pip install 'ssljax[data]'."
        ) from error
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    return grain
