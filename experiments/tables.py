"""Scores of configurations over seeds: intervals, a table, a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean with the half width of its 95 % interval; None where n < 2."""

    mean: float
    half: float | None
    n: int


class Row(NamedTuple):
    """One configuration of a comparison."""

    label: str
    scores: Mapping[int, float]  # by seed, those that were run
    seconds: Mapping[int, float]  # wall time, by seed
    missing: Sequence[str]  # the commands that were not run
    beside: Mapping[str, Mapping[int, float]] = MappingProxyType({})  # other scores


def estimate(values: Sequence[float]) -> Estimate | None:
    """Returns the mean and its Student interval, None of no values.

    The half width is t s / sqrt(n), with t the 97.5 % quantile of n - 1 degrees of
    freedom and s the standard deviation with divisor n - 1.

    Args:
      values: one a seed.

    Source: Student 1908; the intervals assume that seeds are drawn alike and that
    scores are near normal.
    """
    from scipy.special import stdtrit  # a tenth of the import of scipy.stats

    n = len(values)
    if n < 2:
        return Estimate(float(values[0]), None, n) if n else None
    spread = np.std(values, ddof=1) / np.sqrt(n)
    return Estimate(float(np.mean(values)), float(stdtrit(n - 1, 0.975) * spread), n)


def difference(row: Row, baseline: Row) -> Estimate | None:
    """Estimates score - baseline, paired by the seeds that both have."""
    both = sorted(row.scores.keys() & baseline.scores.keys())
    return estimate([row.scores[seed] - baseline.scores[seed] for seed in both])


def markdown(rows: Sequence[Row], metric: str, seeds: Sequence[int]) -> str:
    """Renders a table, the first row being the baseline, and what was not run.

    Args:
      rows: at least one; scores that stand beside have a column each.
      metric: name of the scores; accuracies and errors are shown in per cent.
      seeds: that were asked for.
    """
    by, baseline = scale(metric), rows[0]
    others = list(dict.fromkeys(name for row in rows for name in row.beside))
    heads = [
        *('configuration', title(metric), f'against {baseline.label}'),
        *map(title, others),
        *('seeds', 'wall time'),
    ]
    lines = [f'| {" | ".join(heads)} |', '|---|' + '--:|' * (len(heads) - 1)]
    for row in rows:
        gain = None if row is baseline else difference(row, baseline)
        seconds = np.mean(list(row.seconds.values())) if row.seconds else None
        shows = [
            row.label,
            shown(list(row.scores.values()), metric),
            '' if gain is None else _show(gain, by, sign='+'),
            *(shown(list(row.beside.get(x, {}).values()), x) for x in others),
            f'{len(row.scores)} of {len(seeds)}',
            '' if seconds is None else duration(seconds),
        ]
        lines.append(f'| {" | ".join(shows)} |')
    lines += [
        '',
        f'Mean over seeds {", ".join(map(str, seeds))} with the 95 % t-interval; '
        f'differences are paired by seed. Wall time is the mean of one run.',
    ]
    missing = [command for row in rows for command in row.missing]
    if missing:
        lines += ['', 'Not run:', '', '```bash', *missing, '```']
    return '\n'.join(lines) + '\n'


def plot(path: Path, rows: Sequence[Row], metric: str) -> None:
    """Draws each seed as a dot and each mean with its interval, to a file."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    by = scale(metric)
    figure, axes = plt.subplots(
        figsize=(7.0, 1.3 + 0.45 * len(rows)), layout='constrained'
    )
    for i, row in enumerate(rows):
        colour = '0.35' if i == 0 else 'C0'
        score = estimate(list(row.scores.values()))
        if score is None:
            axes.text(0.5, i, 'not run', color='0.5', ha='center', va='center',
                      transform=axes.get_yaxis_transform())  # fmt: skip
            continue
        dots = [by * value for value in row.scores.values()]
        below = [i + 0.22] * len(dots)  # a mean would hide the dot that is near it
        axes.plot(dots, below, 'o', color=colour, alpha=0.5, ms=5, mew=0)
        axes.errorbar(
            by * score.mean, i, xerr=score.half and by * score.half,
            fmt='D', color=colour, ms=5, capsize=4, lw=1.5,
        )  # fmt: skip
        if i == 0:
            axes.axvline(by * score.mean, color=colour, lw=1, ls=':', zorder=0)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(
        f'{title(metric)}: seeds (dots), mean and 95 % t-interval', fontsize=9
    )
    axes.grid(axis='x', alpha=0.3)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.tick_params(axis='y', length=0)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def duration(seconds: float) -> str:
    """Renders 42 as '42 s', 90 as '1.5 min', 5400 as '1.5 h'."""
    for unit, size in (('h', 3600), ('min', 60)):
        if seconds >= size:
            return f'{seconds / size:.1f} {unit}'
    return f'{seconds:.0f} s'


def shown(values: Sequence[float], metric: str) -> str:
    """Renders the mean of scores, one a seed, and its interval."""
    found = estimate(values)
    return 'not run' if found is None else _show(found, scale(metric))


def scale(metric: str) -> float:
    """Returns 100 for what is shown in per cent, else 1."""
    percent = ('accuracy', 'error', 'nme', 'auc', 'failure', 'pck')
    return 100.0 if any(name in metric for name in percent) else 1.0


def title(metric: str) -> str:
    """Renders 'test_accuracy' as 'test accuracy, %'."""
    return metric.replace('_', ' ') + (', %' if scale(metric) == 100.0 else '')


def _show(value: Estimate, by: float, sign: str = '') -> str:
    digits = 1 if by == 100.0 else 4
    text = f'{by * value.mean:{sign}.{digits}f}'
    if value.half is None:
        return text
    return f'{text} ± {by * value.half:.{digits}f}'
