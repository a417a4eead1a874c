"""What may be wrong with a fit, in words: pure functions of what it logged.

Each watcher looks at the rows of a metrics file and says nothing, or what it saw, with
the numbers, and what to try. It speaks of how a fit ended: what went wrong at first and
healed is no finding. ::

    for found in diagnosis.findings(writers.rows('runs/mt/metrics.jsonl')):
        print(found.sentence, found.advice)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ssljax.train import writers

FEWEST = 4
"""Rows that a watcher must have seen before it speaks."""

Rows = Sequence[Mapping[str, Any]]
Settings = Mapping[str, Any]


class Finding(NamedTuple):
    """Something to look at."""

    name: str
    sentence: str  # what was seen
    advice: str  # what to try
    steps: tuple[int, int]  # from where to where it was seen


def findings(
    rows: Rows,
    *,
    settings: Settings = MappingProxyType({}),
    best: str = 'validation_accuracy',
) -> list[Finding]:
    """Returns what all watchers found.

    Args:
      rows: of a metrics file, in the order of their 'step'.
      settings: arguments of the method; those that matter are named ('threshold').
      best: the score to watch; with a minus before it, the lower the better.
    """
    watchers: tuple[Callable[[Rows], Finding | None], ...] = (
        lambda rows: nothing_passes(rows, settings),
        one_class,
        teacher_is_student,
        lambda rows: overfit(rows, best),
        drowned,
        idle,
    )
    return [found for watch in watchers if (found := watch(rows)) is not None]


def of_folder(
    folder: Path,
    *,
    settings: Settings = MappingProxyType({}),
    best: str = 'validation_accuracy',
) -> dict[str, list[Finding]]:
    """Returns the findings of each fit of a run, 'main' or the name of its folder.

    Args:
      folder: of the run.
      settings: see ``findings``.
      best: likewise.
    """
    found = {}
    for name, rows in logged(folder).items():
        found[name] = findings(rows, settings=settings, best=best)
    return found


def logged(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Returns the logged rows of each fit of a run, in the order of their last rows."""
    files = folder.rglob('metrics.jsonl')
    found = {}
    for file in sorted(files, key=lambda file: (file.stat().st_mtime, str(file))):
        name = file.parent.relative_to(folder).as_posix()
        found['main' if name == '.' else name] = writers.rows(file)
    return found


def nothing_passes(
    rows: Rows, settings: Settings = MappingProxyType({})
) -> Finding | None:
    """No pseudo-label passed in the last quarter of the fit, or longer."""
    steps, passed = _series(rows, 'utilisation')
    still = int(np.argmax(passed[::-1] > 0)) if (passed > 0).any() else len(passed)
    if still < FEWEST or still < len(passed) / 4:
        return None
    said = f'No pseudo-label passed in {steps[-1] - steps[-still]:.0f} steps'
    _, sure = _series(rows[-still:], 'targets/highest_confidence')
    known = []
    if 'threshold' in settings:
        known += [f'threshold {settings["threshold"]}']
    known += [f'highest confidence {sure.max():.2f}'] if len(sure) else []
    return Finding(
        'nothing passes',
        f'{said}{": " if known else ""}{", ".join(known)}.',
        'Lower the threshold, or train longer on the labels.',
        (int(steps[-still]), int(steps[-1])),
    )


def one_class(rows: Rows) -> Finding | None:
    """One class takes 80 % of the pseudo-labels, and far less of the labels."""
    part = _tail(rows, 'targets/largest_class')
    _, largest = _series(part, 'targets/largest_class')
    _, labels = _series(part, 'targets/label_share')
    if not len(labels) or np.median(largest) < 0.8:
        return None
    taken, known = np.median(largest), np.mean(labels)
    if taken - known < 0.3:
        return None
    return Finding(
        'one class',
        f'One class takes {100 * taken:.0f} % of the pseudo-labels and '
        f'{100 * known:.0f} % of the labels.',
        'Align the distribution of the targets, lower the weight of the unlabelled '
        'loss, or give more labels.',
        _span(part),
    )


def teacher_is_student(rows: Rows) -> Finding | None:
    """The averaged weights are the student's own."""
    part = _tail(rows, 'teacher/distance')
    _, apart = _series(part, 'teacher/distance')
    if not len(apart) or apart.max() > 1e-6:
        return None
    return Finding(
        'teacher equals student',
        f'The weights of teacher and student differ by {apart.max():.0e} of their norm '
        'at most.',
        'Is the decay of the average 0? Give one below 1 and near it, such as 0.99.',
        _span(part),
    )


def overfit(rows: Rows, best: str = 'validation_accuracy') -> Finding | None:
    """The labels are fitted, and validation falls: by 5 points, of errors by 15 %."""
    name = best.removeprefix('-')
    steps, scores = _series(rows, name)
    if len(scores) < FEWEST:
        return None
    falls = best.startswith('-')
    # Medians of three, so that one lucky evaluation is no peak.
    smooth = np.array([np.median(scores[i : i + 3]) for i in range(len(scores) - 2)])
    at = int(np.argmin(smooth) if falls else np.argmax(smooth))
    peak, last = smooth[at], smooth[-1]
    worse = last > 1.15 * peak if falls else last < peak - 0.05
    fitted = _fitted(rows, since=steps[at])
    if not worse or not fitted:
        return None
    what = name.replace('_', ' ')
    return Finding(
        'overfit',
        f'{fitted}, while {what} went from {peak:.3f} to {last:.3f}.',
        "Keep the best checkpoint, train for fewer steps, or give the labels' views "
        'more augmentation or the weights more decay.',
        (int(steps[at + 1]), int(steps[-1])),
    )


def drowned(rows: Rows) -> Finding | None:
    """The unlabelled loss is 20 times the labelled one, which is not learnt."""
    part, steps, share, rest = _proportions(rows)
    if len(part) < FEWEST or np.median(share) < 20 / 21:
        return None
    _, _, _, all_rest = _proportions(rows, since=0.0)
    if np.median(rest) < 0.5 * all_rest[0]:
        return None
    return Finding(
        'labels drowned',
        f'The unlabelled loss is {100 * np.median(share):.0f} % of the whole, and the '
        f'labelled one fell from {all_rest[0]:.3g} to {np.median(rest):.3g} only.',
        'Lower the weight of the unlabelled loss, or let it rise over more steps.',
        (int(steps[0]), int(steps[-1])),
    )


def idle(rows: Rows) -> Finding | None:
    """The unlabelled loss is never a thousandth of the whole."""
    part, steps, share, _ = _proportions(rows)
    _, passed = _series(part, 'utilisation')
    if len(part) < FEWEST or share.max() > 1e-3 or not (passed > 0).all():
        return None
    return Finding(
        'unlabelled loss idle',
        f'The unlabelled loss is at most {100 * share.max():.2g} % of the whole.',
        'Raise its weight, or take a stronger view for the student.',
        (int(steps[0]), int(steps[-1])),
    )


def _series(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps [n] and values [n] of the rows that have the name; None is left out."""
    found = [(row['step'], row[name]) for row in rows if row.get(name) is not None]
    steps, values = np.array(found, float).reshape(-1, 2).T
    return steps, values


def _tail(rows: Rows, name: str) -> Rows:
    """The last quarter of the rows that have the name; none, if they are too few."""
    known = [row for row in rows if row.get(name) is not None]
    few = max(FEWEST, -(-len(known) // 4))
    return known[-few:] if len(known) >= few else []


def _span(rows: Rows) -> tuple[int, int]:
    return rows[0]['step'], rows[-1]['step']


def _fitted(rows: Rows, since: float) -> str:
    """Says that the labels are fitted, '' if they are not known to be."""
    _, right = _series(_tail(rows, 'labels/accuracy'), 'labels/accuracy')
    if len(right):
        share = np.median(right)
        return f'{100 * share:.0f} % of the labels are learnt' if share >= 0.99 else ''
    steps, losses = _series(rows, 'loss')
    _, last = _series(_tail(rows, 'loss'), 'loss')
    before = losses[steps <= since]
    if not len(last) or not len(before) or np.median(last) >= np.median(before[-3:]):
        return ''
    return f'The loss fell on to {np.median(last):.3g}'


def _proportions(
    rows: Rows, since: float = 0.5
) -> tuple[Rows, np.ndarray, np.ndarray, np.ndarray]:
    """Of the rows from a share of them on: steps, share of the unlabelled loss, rest.

    Rows whose weight is 0, by wish or before a ramp, are left out; and so are those
    that do not say what part is whose.
    """
    needed = ('loss', 'loss/consistency', 'weight')
    known = [row for row in rows if all(row.get(name) is not None for name in needed)]
    part = [row for row in known[int(since * len(known)) :] if row['weight'] > 0]
    part = [row for row in part if row['loss'] > 0]
    whole = np.array([row['loss'] for row in part], float)
    own = np.array([row['weight'] * row['loss/consistency'] for row in part], float)
    return part, np.array([row['step'] for row in part]), own / whole, whole - own
