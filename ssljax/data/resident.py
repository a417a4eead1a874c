"""A feed whose data lie on the device; and the choice of a feed by size."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from ssljax.contracts import InputError, Stream
from ssljax.data import checks, feeds
from ssljax.data.sources import Arrays, Source
from ssljax.data.stream import stream

KINDS = ('auto', 'resident', 'in_memory', 'stream')


def resident(
    source: Arrays,
    rows: Mapping[str, np.ndarray],
    needs: Mapping[str, Stream],
    *,
    batch_size: int,
    seed: int,
    process: tuple[int, int] | None = None,
) -> Callable[[int], dict[str, dict[str, Any]]]:
    """Feeds row numbers beside data that lie on the device, once for all steps.

    ``views.prepare`` gathers the rows inside the step and gives the batch that
    ``in_memory`` would have. For data that fit beside the network: nothing but the row
    numbers moves from the host.

    Args:
      source: what to feed; only the fields that some stream needs go to the device.
      rows: row numbers by stream name; other names are left alone.
      needs: ``Method.needs``.
      batch_size: rows of a stream of ratio 1; others have
        ``round(batch_size * ratio)``.
      seed: at least 0.
      process: as in ``in_memory``.

    Returns:
      feed(step) -> ``{stream: {'index': [n] int32}, 'resident': {field: [N, ...]}}``,
      the latter the same jax arrays at every step.

    Raises:
      InputError: as ``in_memory``.
    """
    pools = feeds.pools(source, rows, needs, source.fields)
    draws = feeds.draws_of(
        pools, needs, batch_size=batch_size, seed=seed, process=process
    )
    wanted = sorted({field for one in needs.values() for field in one.fields})
    data = jax.device_put({field: source.fields[field] for field in wanted})

    def feed(step: int) -> dict[str, dict[str, Any]]:
        batch = {name: {'index': draw(int(step))} for name, draw in draws.items()}
        return {**batch, 'resident': data}

    return feed


def choose(
    source: Source,
    rows: Mapping[str, np.ndarray],
    needs: Mapping[str, Stream],
    *,
    batch_size: int,
    seed: int,
    kind: str = 'auto',
    limit: int = 2**30,
    **streaming: Any,
) -> Callable[[int], dict[str, dict[str, Any]]]:
    """Returns the feed that suits the source, or the one that is said.

    Arrays whose needed fields have at most ``limit`` bytes become ``resident`` on an
    accelerator and stay ``in_memory`` otherwise; any other source is a ``stream``. All
    give the same batches after ``views.prepare``.

    Args:
      source: what to feed.
      rows: row numbers by stream name.
      needs: ``Method.needs``.
      batch_size: rows of a stream of ratio 1.
      seed: at least 0.
      kind: 'auto', or the feed to take: 'resident', 'in_memory' or 'stream'.
      limit: bytes that may lie on the device beside the network; 1 GiB.
      **streaming: further arguments of ``stream``, used if it is one.

    Raises:
      InputError: for another kind, a kind that the source can't be, or as the feeds.
    """
    checks.known('kind', kind, KINDS)
    for name in streaming:
        checks.known(
            'an argument of stream', name, inspect.signature(stream).parameters
        )
    arrays = isinstance(source, Arrays)
    if kind == 'auto':
        kind = 'stream'
        if arrays:
            fields = {field for one in needs.values() for field in one.fields}
            held = [source.columns[f].nbytes for f in fields if f in source.columns]
            # A CPU's own memory is the host's: nothing would be saved there.
            away = jax.default_backend() != 'cpu'
            kind = 'resident' if away and sum(held) <= limit else 'in_memory'
    make: dict[str, Callable] = {'resident': resident, 'in_memory': feeds.in_memory}
    if kind == 'stream':
        return stream(
            source, rows, needs, batch_size=batch_size, seed=seed, **streaming
        )
    if not arrays:
        raise InputError(
            f'kind is {kind!r}, but the source is a {type(source).__name__}, which is '
            "decoded row by row; choose 'stream'."
        )
    return make[kind](source, rows, needs, batch_size=batch_size, seed=seed)
