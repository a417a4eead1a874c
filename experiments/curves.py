"""Draws a score against the number of labels, from results of ``experiments.compare``.

::

    python -m experiments.curves --out=experiments/results/digits_labels \
        --results=experiments/results/digits_10 --results=experiments/results/digits \
        --label=supervised --label=FixMatch

Writes ``plot.png`` and ``table.md``: a line a configuration, a column a number of
labels, each the mean over the seeds that were run, with its 95 % t-interval. With
``--by_round``, a job of rounds gives a point a round: what it scored, by the labels it
had by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import flags

from experiments import launch, tables, workdir
from ssljax.contracts import InputError
from ssljax.data import checks

_RESULTS = flags.DEFINE_multi_string('results', [], 'Folders that compare wrote.')
_LABEL = flags.DEFINE_multi_string('label', [], 'Configurations; default all.')
_OUT = flags.DEFINE_string('out', None, 'Folder to write into.')
_METRIC = flags.DEFINE_string('metric', 'test_accuracy', 'Score of the summaries.')
_BY_ROUND = flags.DEFINE_bool('by_round', False, 'A point a round, not a job.')
flags.mark_flag_as_required('out')

Scores = Mapping[str, Mapping[int, Mapping[int, float]]]
"""By configuration, number of labels and seed."""


def main() -> None:
    """Runs what the flags say."""
    if not _RESULTS.value:
        raise InputError(
            'Give --results=<folder of experiments.compare> at least once.'
        )
    folders = [Path(folder) for folder in _RESULTS.value]
    scores = read(folders, _METRIC.value, by_round=_BY_ROUND.value)
    for label in _LABEL.value:
        checks.known('label', label, scores)
    chosen = {label: scores[label] for label in _LABEL.value or scores}
    out = Path(_OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    table = markdown(chosen, _METRIC.value)
    (out / 'table.md').write_text(table)
    plot(out / 'plot.png', chosen, _METRIC.value)
    print(f'\n{table}\nin {out}')


def read(folders: Sequence[Path], metric: str, *, by_round: bool = False) -> Scores:
    """Reads the cells of several comparisons.

    Args:
      folders: of the comparisons.
      metric: score of the summaries.
      by_round: whether each round of a cell is a point of its own.

    Raises:
      InputError: if a folder has no cells, a cell has no such score, or two folders
        have the same configuration, seed and number of labels.
    """
    found: dict[str, dict[int, dict[int, float]]] = {}
    for folder in folders:
        files = sorted((folder / 'cells').glob('*.json'))
        if not files:
            raise InputError(f'results {folder} has no cells; run experiments.compare.')
        for file in files:
            cell = workdir.read_json(file)
            points = _points(cell['summary'], metric, by_round)
            if not points:
                each = ' a round' if by_round else ''
                raise InputError(
                    f'{file} has no {metric!r}{each}; give another metric.'
                )
            line = found.setdefault(cell['label'], {})
            for labels, score in points.items():
                seeds = line.setdefault(labels, {})
                if cell['seed'] in seeds:
                    raise InputError(f'{file} was found before; give each folder once.')
                seeds[cell['seed']] = score
    return found


def _points(summary: Mapping, metric: str, by_round: bool) -> dict[int, float]:
    """Scores of a cell, by labels."""
    if not by_round:
        return {summary['labels']: summary[metric]} if metric in summary else {}
    points = {}
    while f'{metric}/{len(points)}' in summary:
        number = len(points)
        points[summary[f'rows/{number}']] = summary[f'{metric}/{number}']
    return points


def markdown(scores: Scores, metric: str) -> str:
    """Renders the table."""
    budgets = sorted({labels for line in scores.values() for labels in line})
    heads = [f'{labels} labels' for labels in budgets]
    lines = [f'| {tables.title(metric)} | {" | ".join(heads)} |']
    lines += ['|---|' + '--:|' * len(budgets)]
    for label, line in scores.items():
        cells = [tables.shown(list(line.get(n, {}).values()), metric) for n in budgets]
        lines += [f'| {label} | {" | ".join(cells)} |']
    return '\n'.join(lines) + '\n\nMean over seeds with the 95 % t-interval.\n'


def plot(path: Path, scores: Scores, metric: str) -> None:
    """Draws a line a configuration, with its intervals, to a file."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    from matplotlib.ticker import NullFormatter

    figure, axes = plt.subplots(figsize=(7.0, 4.5), layout='constrained')
    scale = tables.scale(metric)
    for i, (label, line) in enumerate(scores.items()):
        budgets = sorted(line)
        known = [tables.estimate(list(line[n].values())) for n in budgets]
        estimates = [e for e in known if e is not None]
        axes.errorbar(
            [n * 1.02**i for n in budgets],  # side by side, not on top of each other
            [scale * e.mean for e in estimates],
            [scale * (e.half or 0.0) for e in estimates],
            marker='o', ms=4, lw=1.5, capsize=3, label=label,
            color='0.35' if i == 0 else f'C{i - 1}', ls=':' if i == 0 else '-',
        )  # fmt: skip
    axes.set_xscale('log')
    budgets = sorted({n for line in scores.values() for n in line})
    axes.set_xticks(budgets, list(map(str, budgets)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel('labels')
    axes.set_ylabel(f'{tables.title(metric)}: mean and 95 % t-interval', fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == '__main__':
    launch.run(main)
