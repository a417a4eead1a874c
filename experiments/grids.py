"""Draws a score over two fields of the configurations of one ``experiments.compare``.

::

    python -m experiments.grids --results=experiments/results/clips_ablation \
        --rows=stages.pair.args.decay --columns=stages.pair.args.fusion \
        --metric=test_nme

Writes ``grid.md`` and ``grid.png`` beside the table: a row, and a line, for each value
of the first field, a column for each of the second, each cell the mean over the seeds
that were run, with its 95 % t-interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from absl import flags

from experiments import launch, tables, workdir
from ssljax.contracts import InputError
from ssljax.data import checks

_RESULTS = flags.DEFINE_string('results', None, 'Folder that compare wrote.')
_ROWS = flags.DEFINE_string('rows', None, 'Field of the configurations.')
_COLUMNS = flags.DEFINE_string('columns', None, 'Another field.')
_METRIC = flags.DEFINE_string('metric', 'test_accuracy', 'Score of the summaries.')
flags.mark_flags_as_required(['results', 'rows', 'columns'])

Value = float | str
"""Of a field."""
Scores = Mapping[Value, Mapping[Value, Mapping[int, float]]]
"""By the value of the rows' field, of the columns' field, and by seed."""


def main() -> None:
    """Runs what the flags say."""
    folder, metric = Path(_RESULTS.value), _METRIC.value
    scores = read(folder, _ROWS.value, _COLUMNS.value, metric)
    table = markdown(scores, _ROWS.value, _COLUMNS.value, metric)
    (folder / 'grid.md').write_text(table)
    plot(folder / 'grid.png', scores, _ROWS.value, _COLUMNS.value, metric)
    print(f'\n{table}\nin {folder}')


def read(folder: Path, rows: str, columns: str, metric: str) -> Scores:
    """Reads the cells of a comparison.

    Raises:
      InputError: if there are none, one lacks a field or the score, a field is neither
        a number nor text, or two have the same fields and seed.
    """
    files = sorted((folder / 'cells').glob('*.json'))
    if not files:
        raise InputError(f'results {folder} has no cells; run experiments.compare.')
    found: dict[Value, dict[Value, dict[int, float]]] = {}
    for file in files:
        cell = workdir.read_json(file)
        for field in (rows, columns):
            checks.known(f'a field of {file}', field, cell['config'])
            if not isinstance(value := cell['config'][field], float | int | str):
                raise InputError(
                    f'{field} of {file} is {value!r}; give fields of numbers or text.'
                )
        checks.known(f'a score of {file}', metric, cell['summary'])
        line = found.setdefault(cell['config'][rows], {})
        seeds = line.setdefault(cell['config'][columns], {})
        if cell['seed'] in seeds:
            raise InputError(
                f'{file} has the {rows}, {columns} and seed of another cell; give the '
                'fields in which the configurations differ.'
            )
        seeds[cell['seed']] = cell['summary'][metric]
    return {
        row: {column: found[row][column] for column in _ordered(found[row])}
        for row in _ordered(found)
    }


def markdown(scores: Scores, rows: str, columns: str, metric: str) -> str:
    """Renders the table."""
    values = _ordered({value for line in scores.values() for value in line})
    heads = [f'{short(columns)} {_said(value)}' for value in values]
    lines = [f'| {tables.title(metric)} | {" | ".join(heads)} |']
    lines += ['|---|' + '--:|' * len(values)]
    for row, line in scores.items():
        cells = [tables.shown(list(line.get(x, {}).values()), metric) for x in values]
        lines += [f'| {short(rows)} {_said(row)} | {" | ".join(cells)} |']
    return '\n'.join(lines) + '\n\nMean over seeds with the 95 % t-interval.\n'


def plot(path: Path, scores: Scores, rows: str, columns: str, metric: str) -> None:
    """Draws a line for each value of the rows' field, to a file."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.0, 4.5), layout='constrained')
    scale = tables.scale(metric)
    values = _ordered({value for line in scores.values() for value in line})
    for i, (row, line) in enumerate(scores.items()):
        known = [
            (x, tables.estimate(list(seeds.values()))) for x, seeds in line.items()
        ]
        drawn = [(values.index(x), e) for x, e in known if e is not None]
        axes.errorbar(
            [x + 0.06 * i for x, _ in drawn],  # side by side, not on top of each other
            [scale * e.mean for _, e in drawn],
            [scale * (e.half or 0.0) for _, e in drawn],
            marker='o', ms=4, lw=1.5, capsize=3, label=f'{short(rows)} {_said(row)}',
        )  # fmt: skip
    axes.set_xticks(range(len(values)), [_said(value) for value in values])
    axes.set_xlabel(short(columns))
    axes.set_ylabel(f'{tables.title(metric)}: mean and 95 % t-interval', fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def short(field: str) -> str:
    """Returns the last part of a field's name."""
    return field.rpartition('.')[2]


def _ordered(values: Iterable[Value]) -> list[Value]:
    """Sorts numbers, then text."""
    return sorted(values, key=lambda value: (isinstance(value, str), value))


def _said(value: Value) -> str:
    return value if isinstance(value, str) else f'{value:g}'


if __name__ == '__main__':
    launch.run(main)
