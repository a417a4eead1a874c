"""Drawings of what a network answers: landmarks, counts and masks on their pictures.

Each writes an image to ``out``, a path or an open file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import jax
import numpy as np

from ssljax.contracts import IGNORED, Method, State, inputs_of
from ssljax.data import collate
from ssljax.programs.job import Job
from ssljax.tasks import landmark_metrics

Out = Path | IO[bytes]


def answered(
    job: Job, method: Method, state: State, who: str, rows: np.ndarray
) -> dict[str, Any]:
    """Returns examples and answers of rows, frame by frame, [n, ...] each.

    Args:
      job: whose source and task it is.
      method: one of its methods.
      state: to answer by.
      who: one of ``method.answers``.
      rows: [n] of the source, at least one.
    """
    size = job.config.eval_batch_size

    @jax.jit
    def answer(state, batch):
        batch = job.see(batch)
        outputs = method.answers[who](state, inputs_of(job.task, batch))
        prediction = job.task.decode(outputs)
        nme = job.task.metrics.get('nme')
        distance = nme.rows(prediction, batch) if nme else {}
        found = {**batch, 'answer': prediction, 'distance': distance}
        features = outputs.get('features')
        if features is not None and features.ndim == 2:
            found['features'] = features
        return found

    parts = []
    for first in range(0, len(rows), size):
        some = rows[first : first + size]
        batch = collate(job.data.source, np.resize(some, size), job.task.example)
        batch = {name: batch[name] for name in job.task.example}
        found = jax.device_get(answer(state, batch))
        parts.append(found)  # the last batch is filled up
    whole = jax.tree.map(lambda *x: np.concatenate(x)[: len(rows)], *parts)
    if 'mask' not in whole and whole['image'].ndim == 5:  # frames of clips
        whole = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), whole)
    if whole['distance']:
        whole['errors'] = landmark_metrics.frame_errors(whole['distance'])
        counted = whole['distance']['counted'].any(-1) & (
            whole['distance']['length'] > 0
        )
        whole['counted'] = np.flatnonzero(counted)
    if 'count' in whole['answer']:
        whole['count'] = whole['answer']['count']
    return whole


def curves(out: Out, errors: Mapping[str, np.ndarray]) -> None:
    """Draws the cumulative curves of errors, a line for each set of weights.

    Marked are the errors of ``landmark_metrics.THRESHOLDS``.
    """
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(6.0, 4.0), layout='constrained')
    most = max(
        *landmark_metrics.THRESHOLDS,
        *(float(np.quantile(x, 0.95)) for x in errors.values()),
    )
    at = np.linspace(0, most, 400)
    for who, values in errors.items():
        share = landmark_metrics.cumulative_errors(values, at)
        axes.plot(
            100 * at, 100 * share, label=f'{who}, mean {100 * values.mean():.1f} %'
        )
    for limit in landmark_metrics.THRESHOLDS:
        axes.axvline(100 * limit, color='0.7', lw=1, ls=':', zorder=0)
    axes.set_xlabel('normalised mean error of a frame, %')
    axes.set_ylabel('frames below, %')
    axes.set_ylim(0, 100)
    axes.legend(frameon=False, loc='lower right')
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(out, dpi=150)
    plt.close(figure)


def faces(out: Out, found: Mapping[str, Any], count: int) -> None:
    """Draws landmarks on pictures: the worst frames, then frames of all ranks."""
    order = np.argsort(-found['errors'])
    ranks = np.linspace(0, len(order) - 1, min(count, len(order))).astype(int)
    rows = np.concatenate([order[:count], order[ranks]])

    def draw(axes, row):
        frame, error = found['counted'][row], found['errors'][row]
        show(axes, found['image'][frame])
        shown = found['visible'][frame]
        true, said = found['landmarks'][frame], found['answer']['landmarks'][frame]
        axes.plot(*true[shown].T, 'o', mfc='none', mec='C0', ms=3, mew=0.7)
        axes.plot(*said[shown].T, '.', color='C1', ms=2.5)
        axes.set_title(f'{100 * error:.1f} %', fontsize=6, pad=2)

    montage(out, rows, draw)


def densities(out: Out, found: Mapping[str, Any], count: int) -> None:
    """Draws densities over pictures, of those that are off most."""
    true = found['valid'].sum(-1)
    rows = np.argsort(-np.abs(found['count'] - true))[:count]

    def draw(axes, row):
        image = found['image'][row]
        show(axes, image)
        edges = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
        axes.imshow(
            found['answer']['density'][row], extent=edges, alpha=0.5, cmap='magma'
        )
        title = f'{found["count"][row]:.1f} of {true[row]}'
        axes.set_title(title, fontsize=6, pad=2)

    montage(out, rows, draw)


def outlines(out: Out, found: Mapping[str, Any], count: int) -> None:
    """Draws true and found outlines of masks: the worst cases, then of all ranks."""
    known = found['scores']['dice'].copy()
    dice = np.where(np.isnan(known), 0, known).sum(1) / np.maximum(
        (~np.isnan(known)).sum(1), 1
    )
    order = np.argsort(dice)
    ranks = np.linspace(0, len(order) - 1, min(count, len(order))).astype(int)

    def draw(axes, row):
        image, true = found['image'][row], found['mask'][row]
        said = found['answer'][row].argmax(-1)
        if true.ndim == 3:
            shown = ((true > 0) & (true != IGNORED)).sum((1, 2)).argmax()
            image, true, said = image[shown], true[shown], said[shown]
        show(axes, image)
        # Blue and orange, full and dashed: told apart by every eye.
        for mask, colour, dash in ((true, 'C0', '-'), (said, 'C1', '--')):
            for c in range(1, found['answer'].shape[-1]):
                if 0 < (mask == c).sum() < mask.size:
                    axes.contour(
                        mask == c, [0.5], colors=colour, linewidths=0.9, linestyles=dash
                    )
        axes.set_title(f'{100 * dice[row]:.0f} %', fontsize=6, pad=2)

    montage(out, np.concatenate([order[:count], order[ranks]]), draw)


def counts(out: Out, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Draws found against true counts, by each set of weights."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(4.5, 4.5), layout='constrained')
    for who, rows in found.items():
        axes.plot(rows['valid'].sum(-1), rows['count'], '.', ms=4, alpha=0.6, label=who)
    most = max(float(rows['valid'].sum(-1).max()) for rows in found.values())
    axes.plot([0, most], [0, most], color='0.7', lw=1, zorder=0)
    axes.set_xlabel('true count')
    axes.set_ylabel('count found')
    axes.legend(frameon=False)
    figure.savefig(out, dpi=150)
    plt.close(figure)


def montage(
    out: Out, rows: np.ndarray, draw: Callable[[Any, Any], None], beside: int = 6
) -> None:
    """Draws ``draw(axes, row)`` of each row, so many side by side."""
    plt = pyplot()
    wide = min(len(rows), beside)
    high = -(-len(rows) // wide)
    figure, grid = plt.subplots(
        high,
        wide,
        figsize=(1.3 * wide, 1.45 * high),
        squeeze=False,
        layout='constrained',
    )
    for axes in grid.flat:
        axes.axis('off')
    for axes, row in zip(grid.flat, rows, strict=False):
        draw(axes, row)
    figure.savefig(out, dpi=160)
    plt.close(figure)


def show(axes: Any, image: np.ndarray) -> None:
    """Draws an image [H, W, channels], grey if it has one channel."""
    if image.shape[-1] == 1:
        axes.imshow(image[..., 0], cmap='gray')
    else:
        axes.imshow(np.clip(image, 0, 1))


def pyplot() -> Any:
    """Returns matplotlib's pyplot, for files only and without a mathematics of $."""
    import matplotlib

    matplotlib.use('Agg')
    matplotlib.rcParams['text.parse_math'] = False  # names of classes are any text
    from matplotlib import pyplot

    return pyplot
