"""Feeds: ``feed(step) -> batch``, pure in the step, so that State alone restarts.

All feeds draw the same rows for the same arguments; they differ in where the data lie.
``in_memory`` holds arrays on the host, ``resident`` on the device, ``stream`` decodes
ahead of the step, and ``choose`` picks one by size.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from ssljax.contracts import InputError, Stream
from ssljax.data import checks
from ssljax.data.sources import Arrays

Feed = Callable[[int], dict[str, dict[str, np.ndarray]]]
"""``step -> {stream: {field: [n, ...], 'index': [n] int32}}``."""


def in_memory(
    source: Arrays,
    rows: Mapping[str, np.ndarray],
    needs: Mapping[str, Stream],
    *,
    batch_size: int,
    seed: int,
    process: tuple[int, int] | None = None,
) -> Feed:
    """Feeds shuffled batches of arrays that are in memory.

    Each stream goes through its rows in a new order every epoch. A batch runs across
    the end of an epoch, so every row is seen equally often and the sizes never change;
    such a batch may hold a row twice, and one that is larger than its rows holds each
    several times (64 labelled rows of 40, as the papers have it).

    Args:
      source: what to feed.
      rows: row numbers by stream name; other names are left alone.
      needs: ``Method.needs``. A stream gets its fields and nothing else: labels are
        stripped from a stream that does not ask for them.
      batch_size: rows of a stream of ratio 1, over all processes; others have
        ``round(batch_size * ratio)``.
      seed: at least 0. Streams shuffle independently of each other.
      process: (number, count): which part of each batch to give; None asks jax.
        Process p of P has rows ``[p * n / P, (p + 1) * n / P)``.

    Returns:
      feed(step) -> raw batch, ``index`` being the row in the source. The same step
      gives the same batch, in any order of calls and in any process.

    Raises:
      InputError: if a stream or field is missing, a stream or its batch has no rows,
        a row that must have a label has none, images are not finite, or
        the processes can't share a batch evenly.
    """
    found = pools(source, rows, needs, source.fields)
    draws = draws_of(found, needs, batch_size=batch_size, seed=seed, process=process)

    def feed(step: int) -> dict[str, dict[str, np.ndarray]]:
        batch = {}
        for name, draw in draws.items():
            index = draw(int(step))
            fields = {
                field: source.fields[field][index] for field in needs[name].fields
            }
            batch[name] = {**fields, 'index': index}
        return batch

    return feed


def pools(
    source, rows: Mapping, needs: Mapping[str, Stream], fields: Iterable[str]
) -> dict[str, np.ndarray]:
    """Returns the rows [n] int32 of each stream, after all checks on them.

    Args:
      source: any Source; what its columns hold is checked for all rows at once.
      rows: row numbers by stream name.
      needs: ``Method.needs``.
      fields: names that an example of the source has.
    """
    found = {}
    for name, stream in needs.items():
        checks.known('a stream of needs', name, rows)
        pool = np.asarray(rows[name])
        checks.rows(f'rows[{name!r}]', pool, len(source))
        for field in stream.fields:
            checks.known(f'a field of needs[{name!r}]', field, fields)
        wanted = set(stream.fields) & set(source.columns)
        if 'label' in wanted:
            checks.labels(f'label of rows[{name!r}]', source.columns['label'][pool])
        if 'image' in wanted:
            checks.images('image', source.columns['image'])
        found[name] = pool.astype(np.int32)
    return found


def draws_of(
    pools: Mapping[str, np.ndarray],
    needs: Mapping[str, Stream],
    *,
    batch_size: int,
    seed: int,
    process: tuple[int, int] | None,
) -> dict[str, Callable[[int], np.ndarray]]:
    """Returns ``step -> [size] int32`` by stream: the rows of a step, shuffled.

    Of several processes each has its part of them.
    """
    if seed < 0:
        raise InputError(f'seed is {seed}; give an integer of at least 0.')
    number, count = this_process() if process is None else process
    draws = {}
    for name, pool in pools.items():
        size = round(batch_size * needs[name].ratio)
        checks.batch(name, size)
        if size % count:
            raise InputError(
                f'the {name!r} batch is {size} rows, which {count} processes can not '
                'share evenly; choose another batch_size.'
            )
        own = slice(number * size // count, (number + 1) * size // count)
        draws[name] = _draw(name, pool, size, seed, own)
    return draws


def this_process() -> tuple[int, int]:
    """Returns (number, count) of the processes that jax runs in."""
    import jax

    return jax.process_index(), jax.process_count()


def _draw(
    name: str, pool: np.ndarray, size: int, seed: int, own: slice
) -> Callable[[int], np.ndarray]:
    """``step -> int32`` rows of an endless sequence of shuffled epochs.

    Each step takes the next ``size`` of them, and gives those that are ``own``.
    """
    stream = zlib.crc32(name.encode())

    # A batch across the end of an epoch needs two orders.
    @functools.lru_cache(maxsize=2)
    def order(epoch: int) -> np.ndarray:
        entropy = np.random.SeedSequence([seed, stream, epoch])
        return np.random.Generator(np.random.PCG64(entropy)).permutation(pool)

    def draw(step: int) -> np.ndarray:
        epoch, start = divmod(step * size, len(pool))
        drawn = order(epoch)[start : start + size]
        while len(drawn) < size:  # more than once where there are few rows
            epoch += 1
            drawn = np.concatenate([drawn, order(epoch)[: size - len(drawn)]])
        return drawn[own].copy()

    return draw
