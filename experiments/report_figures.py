"""The figures of a report, as bytes of SVG (lines) or PNG (pictures)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments import drawings
from experiments.report_answers import Bins, Seen, confusion

Lines = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""By name: steps and values."""
STYLES: tuple[Any, ...] = (
    *('-', '--', ':', '-.'),
    *((0, (8, 2, 1, 2, 1, 2)), (0, (8, 4)), (0, (1, 3)), (0, (2, 1))),
)
"""Dashes, as many as there are lines of a job in a figure."""


def lines(
    found: Mapping[str, Lines], title: str, label: str, *, log: bool = False
) -> bytes:
    """Draws lines over steps: a colour for each job, a dash for each name.

    Args:
      found: by job, its lines by name.
      title: above it.
      label: of the vertical axis.
      log: whether that is logarithmic.
    """

    def draw(plt):
        figure, axes = plt.subplots(figsize=(4.0, 3.6), layout='constrained')
        names = list(dict.fromkeys(name for one in found.values() for name in one))
        several = len(found) > 1
        for number, (job, one) in enumerate(found.items()):
            for name, (steps, values) in one.items():
                mark = names.index(name)
                shown = np.array(values, float)
                if log:
                    shown[shown <= 0] = np.nan
                axes.plot(
                    steps, shown,
                    color=f'C{(number if several else mark) % 10}',
                    ls=STYLES[mark % len(STYLES)] if several else '-',
                    lw=1.6, label=shortened(f'{job}: {name}' if several else name, 48),
                    marker='o' if len(values) < 4 else None, ms=3,
                )  # fmt: skip
        drawn = np.concatenate([line.get_ydata() for line in axes.lines])
        drawn = drawn[np.isfinite(drawn)]
        if log and len(drawn) and drawn.max() > 30 * drawn.min():
            axes.set_yscale('log')  # over less, it would have one number
            axes.yaxis.set_major_formatter('{x:g}')
            axes.yaxis.set_minor_formatter('')
        if label == 'share':
            axes.set_ylim(-0.02, 1.05)
        axes.set_title(title, fontsize=10, loc='left')
        axes.set_xlabel('step')
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
        figure.legend(frameon=False, fontsize=9, loc='outside lower left')
        return figure

    return saved(draw, 'svg')


def confused(seen: Seen) -> bytes:
    """Draws the confusion matrix of the shipped weights."""
    one = seen.found[seen.ship]
    counts = confusion(one['answer'], one['label'])
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    number = len(counts)

    def draw(plt):
        figure, axes = plt.subplots(figsize=(4.6, 4.2), layout='constrained')
        axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
        if number <= 20:
            names = [shortened(name, 12) for name in seen.classes]
            turned = any(len(name) > 3 for name in names)
            axes.set_xticks(range(number), names, rotation=90 if turned else 0)
            axes.set_yticks(range(number), names)
            for i, j in zip(*np.nonzero(counts), strict=True):
                colour = 'white' if share[i, j] > 0.6 else 'black'
                axes.text(
                    j, i, counts[i, j], ha='center', va='center', color=colour,
                    fontsize=8,
                )  # fmt: skip
        axes.tick_params(labelsize=8, length=0)
        axes.set_xlabel('answer')
        axes.set_ylabel('true class')
        return figure

    return saved(draw, 'svg')


def calibrated(bins: Bins) -> bytes:
    """Draws accuracy against confidence, and how many there are of each."""

    def draw(plt):
        figure, (axes, below) = plt.subplots(
            2, figsize=(4.6, 4.2), layout='constrained', sharex=True,
            gridspec_kw={'height_ratios': (3, 1)},
        )  # fmt: skip
        axes.plot([0, 1], [0, 1], color='0.6', lw=1, ls=':')
        # Few rows say little: the points are as large as their number.
        axes.plot(bins.confidence, bins.accuracy, color='C0', lw=1, alpha=0.4)
        size = 8 + 80 * np.sqrt(bins.rows / max(bins.rows.max(), 1))
        axes.scatter(bins.confidence, bins.accuracy, size, color='C0')
        axes.set_ylim(0, 1.02)
        axes.set_ylabel('accuracy')
        edges = np.linspace(0, 1, len(bins.rows) + 1)
        below.bar(edges[:-1], bins.rows, width=np.diff(edges), align='edge')
        below.set_ylabel('rows')
        below.set_xlabel('confidence')
        for one in axes, below:
            one.spines[['top', 'right']].set_visible(False)
            one.grid(alpha=0.3)
        return figure

    return saved(draw, 'svg')


def pseudo(sure: np.ndarray, right: np.ndarray) -> bytes:
    """Draws confidences of pseudo-labels, right ones and wrong ones on top."""

    def draw(plt):
        figure, axes = plt.subplots(figsize=(4.6, 3.0), layout='constrained')
        bins = np.linspace(0, 1, 21)
        parts = [sure[right], sure[~right]]
        axes.hist(
            parts, bins, stacked=True, color=['C0', 'C1'], label=['right', 'wrong']
        )
        axes.set_xlabel('confidence')
        axes.set_ylabel('unlabelled rows')
        axes.legend(frameon=False, fontsize=8)
        axes.spines[['top', 'right']].set_visible(False)
        return figure

    return saved(draw, 'svg')


def pairs(seen: Seen) -> bytes:
    """Draws views of unlabelled examples, a line a view, with who teaches' answer."""
    names = list(seen.pairs)
    count = len(seen.pair_probs)

    def draw(plt):
        figure, grid = plt.subplots(
            len(names), count, figsize=(1.15 * count, 1.35 * len(names)),
            squeeze=False, layout='constrained',
        )  # fmt: skip
        for line, name in zip(grid, names, strict=True):
            for i, axes in enumerate(line):
                drawings.show(axes, seen.pairs[name][i])
                axes.set_xticks([])
                axes.set_yticks([])
                if i == 0:
                    axes.set_ylabel(name, fontsize=9)
        for axes, probs in zip(grid[0], seen.pair_probs, strict=True):
            said = shortened(seen.classes[probs.argmax()], 12)
            axes.set_title(f'{said}\n{100 * probs.max():.0f} %', fontsize=8, pad=3)
        return figure

    return saved(draw, 'png')


def wrong(seen: Seen, places: np.ndarray) -> bytes:
    """Draws images with their true class, and what was said of them."""
    one = seen.found[seen.ship]

    def draw(axes, place):
        drawings.show(axes, one['image'][place])
        probs = one['answer'][place]
        true = shortened(seen.classes[one['label'][place]], 12)
        said = shortened(seen.classes[probs.argmax()], 12)
        text = f'{true} → {said}\n{100 * probs.max():.0f} %'
        axes.set_title(text, fontsize=8, pad=2)

    return drawn(drawings.montage, places, draw, 4)


def drawn(draw: Callable, *arguments: Any) -> bytes:
    """Returns what a drawing of ``experiments.drawings`` writes."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # letters that no font has
        draw(out, *arguments)
    return out.getvalue()


def saved(draw: Callable, kind: str) -> bytes:
    """Returns what ``draw(pyplot) -> figure`` draws, as 'svg' or 'png'."""
    plt = drawings.pyplot()
    out = io.BytesIO()
    with warnings.catch_warnings(), plt.rc_context({'svg.hashsalt': 'ssljax'}):
        warnings.simplefilter('ignore')
        figure = draw(plt)
        date = {'Date': None} if kind == 'svg' else None
        figure.savefig(out, format=kind, dpi=150, metadata=date)
        plt.close(figure)
    return out.getvalue()


def shortened(text: str, length: int) -> str:
    """Returns a text of at most so many letters."""
    text = ' '.join(str(text).split())
    return text if len(text) <= length else f'{text[: length - 1]}…'


def in_words(found: Mapping[str, Lines], label: str) -> str:
    """Returns what lines show: where each ends."""
    ends = [
        f'{name} of {job} ends at {values[-1]:.3g} at step {steps[-1]:.0f}'
        for job, one in found.items()
        for name, (steps, values) in one.items()
    ]
    return f'{label} over steps: {"; ".join(ends)}.'
