"""Scores of masks: Dice, Jaccard and mean IoU, and distances of surfaces.

A case is an example: a picture, a slice or a volume. Of each case and class but 0, the
background, what can't be said is NaN, and means leave it out: overlaps where neither
mask has the class, distances where one of them lacks it.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ssljax.contracts import IGNORED, InputError, Metric


def overlap(num_classes: int) -> Metric:
    r"""Dice and Jaccard of cases, and the mean IoU of the set.

    .. math:: D = \frac{2 |P \cap T|}{|P| + |T|}, \quad
        J = \frac{|P \cap T|}{|P \cup T|}

    Args:
      num_classes: C, with the background. Sites of 255 do not count.

    Returns:
      The Metric of 'dice' and 'jaccard', means over the foreground classes of means
      over cases; 'miou', the mean over all C of the IoU of all sites of the set; and
      from three classes on 'dice_c' of each class c of the foreground. All in [0, 1].
    """

    def rows(prediction, example):
        found, true = _ids(prediction, example)
        over = tuple(range(1, true.ndim))
        # One class after the other: no [B, *S, C] of a large volume.
        classes = range(num_classes)
        hits = [jnp.sum((found == c) & (true == c), axis=over) for c in classes]
        said = [jnp.sum((found == c) & (true >= 0), axis=over) for c in classes]
        are = [jnp.sum(true == c, axis=over) for c in classes]
        return {
            name: jnp.stack(counts, axis=-1)
            for name, counts in (('hits', hits), ('said', said), ('true', are))
        }

    def result(rows):
        cases = overlaps(rows)
        by_class = _means(cases['dice'])
        scores = {
            'dice': _mean(by_class),
            'jaccard': _mean(_means(cases['jaccard'])),
            'miou': _mean(_share(*_counted(rows, summed=True))),
        }
        if num_classes > 2:
            scores |= {f'dice_{c}': x for c, x in enumerate(by_class, start=1)}
        return scores

    return Metric(rows, result)


def surfaces(num_classes: int) -> Metric:
    """Distances between the surfaces of masks, outside of jit.

    In the unit of the example's 'spacing' [d], mm; without it in sites. The surface is
    what erosion by the neighbours at the faces takes away; outside of the image there
    is background.

    Args:
      num_classes: C, with the background, which sites of 255 are in both masks.

    Returns:
      The Metric of 'hd95', the 95th percentile of the distances both ways together;
      'asd', the mean distance from the found surface to the true one, one way, as
      medpy and the tables of SSL4MIS have it; 'assd', the mean over both surfaces: each
      a mean over classes of means over cases. And 'one_empty', the share of cases and
      classes with a class in only one of the masks: these have no distance.
    """

    def rows(prediction, example):
        found, true = _ids(prediction, example)
        kept = {
            'found': jnp.where(true < 0, 0, found).astype(jnp.uint8),
            'true': jnp.where(true < 0, 0, true).astype(jnp.uint8),
        }
        if 'spacing' in example:
            kept['spacing'] = jnp.asarray(example['spacing'], jnp.float32)
        return kept

    def result(rows):
        cases = distances(rows, num_classes)
        missing = cases.pop('one_empty')
        scores = {name: _mean(_means(x)) for name, x in cases.items()}
        return scores | {'one_empty': float(missing.mean())}

    return Metric(rows, result)


def overlaps(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns 'dice' and 'jaccard' [n, C - 1] of cases, from rows of ``overlap``."""
    hits, said, true = (x[:, 1:] for x in _counted(rows))
    size = said + true
    dice = np.where(size > 0, 2 * hits / np.maximum(size, 1), np.nan)
    return {'dice': dice, 'jaccard': _share(hits, said, true)}


def distances(rows: dict[str, np.ndarray], num_classes: int) -> dict[str, np.ndarray]:
    """Returns 'hd95', 'asd' and 'assd' [n, C - 1] of the cases, and 'one_empty', bool.

    Args:
      rows: of ``surfaces``.
      num_classes: C.
    """
    count = len(rows['true'])
    found: dict[str, Any] = {
        name: np.full((count, num_classes - 1), np.nan)
        for name in ('hd95', 'asd', 'assd')
    }
    found['one_empty'] = np.zeros((count, num_classes - 1), bool)
    for case in range(count):
        spacing = rows['spacing'][case] if 'spacing' in rows else None
        for c in range(1, num_classes):
            masks = rows['found'][case] == c, rows['true'][case] == c
            there = [bool(mask.any()) for mask in masks]
            found['one_empty'][case, c - 1] = there[0] != there[1]
            if all(there):
                to_true, to_found = surface_distances(*masks, spacing)
                both = np.concatenate([to_true, to_found])
                found['hd95'][case, c - 1] = np.percentile(both, 95)
                found['asd'][case, c - 1] = to_true.mean()
                found['assd'][case, c - 1] = both.mean()
    return found


def surface_distances(
    first: np.ndarray, second: np.ndarray, spacing: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distances from each surface's sites to the other surface.

    Args:
      first: [*S] bool, not empty.
      second: [*S] bool, not empty.
      spacing: [d] of the axes; None is 1.

    Returns:
      Distances [n] from the first surface, and [m] from the second, float64.

    Raises:
      InputError: without scipy.
    """
    try:
        from scipy import ndimage
    except ImportError:
        raise InputError(
            'Distances of surfaces need scipy, which comes with pip install '
            "'ssljax[data]'; or build the task with surfaces=False."
        ) from None
    # All that matters lies in a box, mostly a small one.
    either = np.nonzero(first | second)
    box = tuple(slice(at.min(), at.max() + 1) for at in either)
    cross = ndimage.generate_binary_structure(first.ndim, 1)
    edges = [
        mask[box] & ~ndimage.binary_erosion(mask[box], cross)
        for mask in (first, second)
    ]
    away = [ndimage.distance_transform_edt(~edge, spacing) for edge in edges]
    return away[1][edges[0]], away[0][edges[1]]


def _ids(prediction, example):
    """Returns ids found, and true ones, -1 at sites of 255: [B, *S] int32."""
    found = jnp.argmax(prediction, axis=-1).astype(jnp.int32)
    true = jnp.asarray(example['mask'], jnp.int32)
    return found, jnp.where(true == IGNORED, -1, true)


def _counted(rows, summed=False):
    """Returns what overlaps, what is found, what is true: float64 [n, C], or [C]."""
    counts = [np.asarray(rows[n], np.float64) for n in ('hits', 'said', 'true')]
    return [x.sum(0) for x in counts] if summed else counts


def _share(hits, said, true):
    union = said + true - hits
    return np.where(union > 0, hits / np.maximum(union, 1), np.nan)


def _means(cases: np.ndarray) -> list[float]:
    """Returns the means over cases, of each class."""
    return [_mean(cases[:, c]) for c in range(cases.shape[1])]


def _mean(values: Any) -> float:
    """Returns the mean of what is known; NaN if nothing is."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float('nan')
