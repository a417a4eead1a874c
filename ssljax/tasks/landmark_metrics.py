"""Scores of landmarks: NME with AUC and failure rate, PCK, peaks, and AP by OKS.

All skip landmarks that are not visible and frames that are not annotated, and a frame
whose reference length can't be measured. Any leading axes: a clip is its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, Example, InputError, Metric

EYES = {
    'inter_ocular': ((36,), (45,)),
    'inter_pupil': (tuple(range(36, 42)), tuple(range(42, 48))),
}
"""Of 68 landmarks: the outer corners of the eyes, and the outlines of the two eyes."""

THRESHOLDS = (0.07, 0.08, 0.1)
"""Errors in reference lengths up to which the AUC goes, and above which one failed."""

Length = str | Sequence
"""A reference length: 'inter_ocular' or 'inter_pupil' of 68 landmarks; 'box', the root
of width times height of the visible landmarks; 'size', the example's field [...]; or
two landmarks, or two groups of which the means count: ``(36, 45)``, a torso, a head."""


def length_of(normaliser: Length, num_landmarks: int) -> Callable[[Example], Array]:
    """Returns ``example -> [...]``, lengths in pixels; 0 where one can't be measured.

    Args:
      normaliser: see ``Length``.
      num_landmarks: K.

    Raises:
      InputError: for another name, or landmarks that there are not.
    """
    named = isinstance(normaliser, str)
    if named and normaliser == 'box':
        return _box
    if named and normaliser == 'size':
        return lambda example: jnp.asarray(example['size'], jnp.float32)
    pair = EYES.get(normaliser) if isinstance(normaliser, str) else normaliser
    if pair is None or len(pair) != 2:
        raise InputError(
            f"normaliser is {normaliser!r}; give 'box', 'size', 'inter_ocular', "
            "'inter_pupil' or a pair of landmarks."
        )
    if named and num_landmarks != 68:
        raise InputError(
            f'normaliser is {normaliser!r}, which is known for 68 landmarks, not for '
            f'{num_landmarks}; give the pair of landmarks.'
        )
    groups = [np.atleast_1d(np.asarray(group, np.int32)) for group in pair]
    if min(map(np.min, groups)) < 0 or max(map(np.max, groups)) >= num_landmarks:
        raise InputError(
            f'normaliser is {normaliser!r}; the landmarks are 0 to {num_landmarks - 1}.'
        )

    def apart(example):
        first, second = (example['landmarks'][..., g, :].mean(-2) for g in groups)
        known = example['visible'][..., np.concatenate(groups)].all(-1)
        return jnp.where(known, jnp.linalg.norm(first - second, axis=-1), 0.0)

    return apart


def nme(
    length: Callable[[Example], Array],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Metric:
    r"""Normalised mean error, with AUC and failure rate.

    .. math:: e = \frac1{|V|} \sum_{k \in V} \|p_k - g_k\| / d, \quad
        \mathrm{AUC}_t = \frac1t \int_0^t F(x)\, dx, \quad \mathrm{FR}_t = 1 - F(t)

    with F the share of frames whose error is at most x; the integral is exact.

    Args:
      length: d of an example, see ``length_of``.
      thresholds: t, each above 0.

    Returns:
      The Metric of 'nme', the mean over frames, and of 'auc_t' and 'failure_t' for each
      threshold; NaN where there is no frame to measure.
    """

    def result(rows):
        errors = frame_errors(rows)
        if not len(errors):
            errors = np.array([np.nan])  # nothing was measured
        found = {'nme': float(errors.mean())}
        for t in thresholds:
            found[f'auc_{t}'] = float(np.mean(np.maximum(0, 1 - errors / t)))
            failed = np.where(np.isnan(errors), np.nan, errors > t)
            found[f'failure_{t}'] = float(np.mean(failed))
        return found

    return Metric(_distances(length), result)


def pck(
    length: Callable[[Example], Array],
    *,
    thresholds: Sequence[float] = (0.05, 0.1, 0.2),
) -> Metric:
    """Percentage of correct keypoints: share within a part of a reference length.

    Args:
      length: of an example, see ``length_of``: of the head (PCKh), torso or box.
      thresholds: parts of it; 0.2 of the torso is usual, 0.05 of the box.

    Returns:
      The Metric of 'pck_t' in [0, 1] for each threshold, over all visible landmarks;
      NaN where there is none.
    """

    def result(rows):
        errors, counted = _normalised(rows)
        near = errors[counted]
        return {
            f'pck_{t}': float(np.mean(near <= t)) if len(near) else float('nan')
            for t in thresholds
        }

    return Metric(_distances(length), result)


def peaks() -> Metric:
    """Mean height of the answers' peaks, which tells of heatmaps that collapse to 0.

    Returns:
      The Metric of 'peak', the mean score of the visible landmarks: near 1 where a
      network is sure; NaN where there is none.
    """

    def rows(prediction, example):
        return {'score': prediction['score'], 'counted': _counted(example)}

    def result(rows):
        counted = np.asarray(rows['counted'], bool)
        found = np.asarray(rows['score'])[counted]
        return {'peak': float(found.mean()) if len(found) else float('nan')}

    return Metric(rows, result)


def oks_ap(sigmas: Sequence[float], length: Callable[[Example], Array]) -> Metric:
    r"""Average precision by object keypoint similarity, for one person an example.

    .. math:: \mathrm{OKS} = \frac1{|V|} \sum_{k \in V}
        \exp\frac{-\|p_k - g_k\|^2}{2 d^2 (2 \sigma_k)^2}

    An answer is right at a threshold that its OKS reaches. Answers are ranked by the
    mean of their scores; precision is taken at 101 recalls, and AP is the mean over the
    thresholds 0.5, 0.55, ... 0.95. As COCO's, where each person has a crop of its own:
    nobody can be missed or found twice.

    Args:
      sigmas: [K], the spread of each landmark's annotation.
      length: d of an example, the root of the person's area.

    Returns:
      The Metric of 'ap', 'ap_50' and 'ap_75' in [0, 1]; NaN where there is nobody.
    """
    spread = (2 * np.asarray(sigmas, np.float32)) ** 2

    def rows(prediction, example):
        measured = _distances(length)(prediction, example)
        there = measured['counted']
        scale = jnp.where(measured['length'] > 0, measured['length'], 1.0)[..., None]
        wide = 2 * scale**2 * spread.reshape((1,) * (there.ndim - 1) + (-1,))
        near = jnp.where(there, jnp.exp(-(measured['distance'] ** 2) / wide), 0.0)
        count = there.sum(-1)
        return {
            'oks': near.sum(-1) / jnp.maximum(count, 1),
            'score': prediction['score'].mean(-1),
            'there': (count > 0) & (measured['length'] > 0),
        }

    def result(rows):
        there = np.asarray(rows['there'], bool).reshape(-1)
        oks, score = (np.reshape(rows[n], -1)[there] for n in ('oks', 'score'))
        ranked = oks[np.argsort(-score, kind='stable')]
        at = np.linspace(0.5, 0.95, 10)
        precision = [_average_precision(ranked >= t) for t in at]
        return {
            'ap': float(np.mean(precision)),
            'ap_50': precision[0],
            'ap_75': precision[5],
        }

    return Metric(rows, result)


def frame_errors(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the normalised errors [n] of the frames that count, from rows of nme."""
    errors, counted = _normalised(rows)
    count = counted.sum(-1)
    mean = np.where(counted, errors, 0.0).sum(-1) / np.maximum(count, 1)
    return mean[count > 0]


def cumulative_errors(errors: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Returns the share of frames, in [0, 1], whose error is at most each of ``at``.

    The curve whose area the AUC is.

    Args:
      errors: [n] of frames, as ``frame_errors`` gives them; n at least 1.
      at: [m].
    """
    return np.searchsorted(np.sort(errors), at, side='right') / len(errors)


def _box(example: Example) -> Array:
    """Returns the root of the area of the box around the visible landmarks."""
    shown = jnp.asarray(example['visible'], bool)[..., None]
    landmarks = example['landmarks']
    low = jnp.where(shown, landmarks, jnp.inf).min(-2)
    high = jnp.where(shown, landmarks, -jnp.inf).max(-2)
    area = jnp.prod(jnp.maximum(high - low, 0.0), axis=-1)
    return jnp.sqrt(area)


def _counted(example: Example) -> Array:
    """Says which landmarks [..., K] are visible, in frames that are annotated."""
    counted = jnp.asarray(example['visible'], bool)
    if 'annotated' in example:
        counted &= jnp.asarray(example['annotated'], bool)[..., None]
    return counted


def _distances(length: Callable[[Example], Array]) -> Callable:
    """Returns the rows of NME and PCK: distances in pixels, which count, lengths."""

    def rows(prediction, example):
        counted = _counted(example)
        apart = jnp.where(
            counted[..., None], prediction['landmarks'] - example['landmarks'], 0.0
        )
        return {
            'distance': jnp.linalg.norm(apart, axis=-1),
            'counted': counted,
            'length': length(example),
        }

    return rows


def _normalised(rows):
    """Returns errors [n, K] in lengths, and which of them count."""
    number = rows['distance'].shape[-1]
    distance, counted = (rows[x].reshape(-1, number) for x in ('distance', 'counted'))
    length = np.asarray(rows['length'], np.float64).reshape(-1, 1)
    known = length > 0
    return distance / np.where(known, length, 1.0), counted & known


def _average_precision(right: np.ndarray) -> float:
    """Returns the mean precision at 101 recalls, of answers [n] from the best on."""
    if not len(right):
        return float('nan')
    found = np.cumsum(right)
    precision = found / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.searchsorted(found / len(right), np.linspace(0, 1, 101), side='left')
    return float(np.mean(np.append(highest, 0.0)[first]))
