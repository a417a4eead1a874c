"""Compares configurations over seeds: table, JSON and plot.

::

    python -m experiments.compare --run --seeds=0,1,2 --out=experiments/results/digits \
        --cell='supervised=experiments/configs/digits/supervised.py' \
        --cell='fixmatch=experiments/configs/digits/fixmatch.py' \
        --cell='no average=experiments/configs/digits/fixmatch.py ema=0.'

Each cell of the table is a configuration, with fields of its own, and a seed; the first
configuration is the baseline. A cell is one job of ``experiments.train`` and one file
``cells/<label>-seed<seed>.json``; one that is there is not run again, and what was not
run stands in the table with its command. Without ``--run`` nothing is trained.

The seeds of a configuration are trained in this process, where what they share is
compiled once: on an accelerator all at once, by vmap, which ``--vmapped`` limits to
what its memory holds; on a CPU, where that is slower, and on several devices, which
share the rows of a batch, one after another. So go, everywhere, methods with tables of
rows that each seed draws, and programs of several fits. The same command goes on where
it was stopped.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from experiments import cells, jobs, launch, tables, workdir
from ssljax.contracts import InputError
from ssljax.train import writers

_CELL = flags.DEFINE_multi_string(
    'cell', [], "'label=path/to/config.py field=value ...'; the first is the baseline."
)
_SEEDS = flags.DEFINE_list('seeds', ['0'], 'Seeds of every configuration.')
_OUT = flags.DEFINE_string('out', None, 'Folder of the results.')
_METRIC = flags.DEFINE_list(
    'metric',
    ['test_accuracy'],
    'Score of the summary that is compared, and others that stand beside it; tune by '
    'validation_accuracy.',
)
_RUN = flags.DEFINE_bool('run', False, 'Trains the missing cells one after another.')
_VMAPPED = flags.DEFINE_integer(
    'vmapped', None, 'Seeds at once; default all on one accelerator, else 1.'
)


def main() -> int:
    """Runs what the flags say."""
    chosen = [cells.parse(text) for text in _CELL.value]
    if not chosen or not _OUT.value:
        raise InputError("Give --out=<folder> and at least one --cell='label=path'.")
    if len({cell.name(0) for cell in chosen}) < len(chosen):
        raise InputError('Two cells have the same label; give each its own.')
    try:
        seeds = [int(seed) for seed in _SEEDS.value]
    except ValueError:
        raise InputError(
            f'seeds is {",".join(_SEEDS.value)!r}; give integers such as 0,1,2.'
        ) from None
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError('seeds must be at least one, and each only once.')
    if not _METRIC.value:
        raise InputError('metric is empty; name a score such as test_accuracy.')
    if _VMAPPED.value is not None and _VMAPPED.value < 1:
        raise InputError(f'vmapped is {_VMAPPED.value}; give a number above 0.')

    for cell in chosen:  # the last one is refused before the first is trained
        cells.configuration(cell, seeds[0])

    out = Path(_OUT.value)
    found = {(c, seed): cells.collect(c, seed, out) for c in chosen for seed in seeds}
    status = 0
    if _RUN.value:
        launch.keep_compiled()
        for cell in chosen:
            missing = [seed for seed in seeds if found[cell, seed] is None]
            status = train(cell, missing, out) or status
            found |= {(cell, s): cells.collect(cell, s, out) for s in missing}
    write(out, chosen, seeds, found, _METRIC.value)
    return status


def train(cell: cells.Cell, seeds: Sequence[int], out: Path) -> int:
    """Trains the seeds of a cell in this process, compiled once; returns a status.

    A seed that can't be trained is told of, and the others are.
    """
    import jax

    status = 0
    shared: dict[Any, Any] = {}
    # Several devices share the rows of each seed instead.
    alone = jax.default_backend() == 'cpu' or len(jax.devices()) > 1
    many = _VMAPPED.value or (1 if alone else max(1, len(seeds)))
    for first in range(0, len(seeds), many):
        some = seeds[first : first + many]
        fit_at_once(cell, some, out, shared)
        for seed in some:
            try:
                jobs.train(*cells.job(cell, seed, out), shared=shared)
            except Exception as error:
                where = f'cell {cell.label!r}, seed {seed}: '
                try:
                    status = launch.answer(error, where)
                except Exception:  # a mistake in the code of one method
                    status = 1
                    print(where, file=sys.stderr)
                    traceback.print_exc()
    return status


def fit_at_once(
    cell: cells.Cell, seeds: Sequence[int], out: Path, shared: dict[Any, Any]
) -> None:
    """Fits those of the seeds that are not begun, in one program, if they can be."""
    group = cells.group(cell, seeds, out)
    if not group.exists():
        seeds = [s for s in seeds if not workdir.begun(cells.folder(cell, s, out))]
    if len(seeds) < 2:
        return
    from experiments import at_once  # imports flax and orbax

    group = cells.group(cell, seeds, out)
    try:
        at_once.fit([cells.job(cell, seed, out) for seed in seeds], group, shared)
    except Exception as error:
        shutil.rmtree(group, ignore_errors=True)
        print(
            f'cell {cell.label!r}: one after another, because at once {error!r}',
            file=sys.stderr,
        )


def write(
    out: Path,
    chosen: Sequence[cells.Cell],
    seeds: Sequence[int],
    found: Mapping[tuple[cells.Cell, int], dict[str, Any] | None],
    metrics: Sequence[str],
) -> None:
    """Writes results.json, table.md and plot.png, and prints the table."""
    rows, (metric, *others) = [], metrics
    for cell in chosen:
        results = {s: found[cell, s] for s in seeds if found[cell, s] is not None}
        for result, name in itertools.product(results.values(), metrics):
            if not isinstance(result['summary'].get(name), float):
                numbers = [k for k, v in result['summary'].items() if type(v) is float]
                raise InputError(
                    f'metric is {name!r}; {cell.label!r} has {", ".join(numbers)}.'
                )
        rows.append(
            tables.Row(
                label=cell.label,
                scores=_scores(results, metric),
                seconds=_scores(results, 'wall_seconds'),
                missing=[cells.shown(cell, s, out) for s in seeds if s not in results],
                beside={name: _scores(results, name) for name in others},
            )
        )
    done = [result for result in found.values() if result is not None]
    content = {
        'metric': metric,
        'seeds': seeds,
        'baseline': chosen[0].label,
        'rows': [
            {
                **row._asdict(),
                'config': cell.config,
                'fields': cell.fields,
                'estimate': _json(tables.estimate(list(row.scores.values()))),
                'difference': None
                if row is rows[0]
                else _json(tables.difference(row, rows[0])),
            }
            for cell, row in zip(chosen, rows, strict=True)
        ],
        'machine': _distinct(result['machine'] for result in done),
        'devices': _distinct(result['summary']['devices'] for result in done),
        'versions': _distinct(result['summary']['versions'] for result in done),
    }
    out.mkdir(parents=True, exist_ok=True)
    writers.write_json(out / 'results.json', content)
    table = tables.markdown(rows, metric, seeds)
    (out / 'table.md').write_text(table)
    tables.plot(out / 'plot.png', rows, metric)
    print(f'\n{table}\nin {out}', flush=True)


def _scores(results: Mapping[int, dict[str, Any]], name: str) -> dict[int, float]:
    return {seed: result['summary'][name] for seed, result in results.items()}


def _json(value: tables.Estimate | None) -> dict[str, Any] | None:
    return value and value._asdict()


def _distinct(values: Iterable[Any]) -> list[Any]:
    seen = {json.dumps(value, sort_keys=True) for value in values}
    return [json.loads(text) for text in sorted(seen)]


if __name__ == '__main__':
    launch.run(main)
