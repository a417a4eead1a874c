"""Landmarks: where K points are, in an image or in every frame of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses, views
from ssljax.contracts import Array, InputError, Outputs, Task
from ssljax.solvers import heatmaps
from ssljax.tasks.landmark_metrics import Length, length_of, nme, pck, peaks


def landmarks(
    num_landmarks: int,
    shape: tuple[int, int, int],
    *,
    sigma: float,
    background: bool = False,
    clip: int | None = None,
    centre: int | None = None,
    centre_radius: int = 2,
    offset_weight: float = 0.1,
    shape_weight: float = 0.01,
    consistency: Literal['heatmaps', 'landmarks'] = 'heatmaps',
    swap: Sequence[int] | None = None,
    normaliser: Length = 'box',
) -> Task:
    """Returns the task of finding K landmarks.

    An example has ``image``, ``landmarks`` [K, 2] float32, (x, y) in pixels, and
    ``visible`` [K] bool. A clip has a frame axis T before each and ``annotated`` [T]
    bool: a frame that is not annotated teaches nothing.

    Networks answer 'heatmaps' [..., S, h, w, C] of S stages, the last of which is the
    answer; with a centre also 'centre' [..., h, w, 1] logits and 'offsets' [..., h, w,
    2K] in cells, x and y by turns. A prediction is {'heatmaps': [..., h, w, K],
    'landmarks': [..., K, 2] pixels, 'score': [..., K]} float32; transported it also has
    'seen' [..., h, w], the cells of which both views know.

    Supervised terms, per example: 'heatmap', half the squared distance of the Gaussians
    summed over cells and stages, mean over landmarks; with a centre also 'centre'
    (focal), 'offset' (smooth L1) and, in clips, 'shape'. The consistency is one loss a
    landmark, so that ``targets.threshold(tau, by='score')`` weighs each by itself.
    Scores: NME, AUC, failure rate, PCK, height of the peaks.

    Args:
      num_landmarks: K.
      shape: (H, W, channels) of an image; the heatmaps of its networks must be smaller
        by a whole number, the stride, the same for both.
      sigma: of the Gaussians, in pixels; 1.5 to 2 strides are usual.
      background: C = K + 1: the last heatmap is 1 minus the highest of the others.
      clip: T; None for single images.
      centre: number of the landmark that is the centre; None for networks without.
      centre_radius: of its Gaussian, in cells.
      offset_weight: of the term 'offset'.
      shape_weight: of the term 'shape'.
      consistency: draws every stage's heatmaps to the target's, half a sum of squares
        over the cells that are seen; or the soft-argmax of the last stage to that of
        the target's heatmaps, the mean square in pixels, where the score is not 0.
      swap: [K], for views that mirror: the mirrored landmark k is landmark swap[k].
      normaliser: reference length of the scores, see ``landmark_metrics.Length``.

    Raises:
      InputError: for impossible numbers; when traced, if the network answers otherwise.

    Source: the terms of the centre are those of TSAL, arXiv 2012.06711.
    """
    height, width, _ = shape
    channels = num_landmarks + background
    if num_landmarks < 1:
        raise InputError(f'num_landmarks is {num_landmarks}; give at least 1.')
    if centre is not None and not 0 <= centre < num_landmarks:
        raise InputError(
            f'centre is {centre}; the landmarks are 0 to {num_landmarks - 1}.'
        )
    if consistency not in ('heatmaps', 'landmarks'):
        raise InputError(
            f"consistency is {consistency!r}; give 'heatmaps' or 'landmarks'."
        )
    order = _order(swap, num_landmarks)

    def stages_of(outputs: Outputs) -> tuple[Array, int]:
        """Returns the stages [..., S, h, w, C] float32 and their stride."""
        found = jnp.shape(outputs.get('heatmaps', 0))
        if len(found) < 5 or found[-1] != channels:
            raise InputError(
                f'The network answers { {n: jnp.shape(x) for n, x in outputs.items()} }'
                f"; this task needs 'heatmaps' [..., S, h, w, {channels}]."
            )
        stride = height // found[-3]
        if (found[-3] * stride, found[-2] * stride) != (height, width):
            raise InputError(
                f'The heatmaps are {found[-3]}x{found[-2]} and the image {height}x'
                f'{width}; their ratio must be a whole number, the same for both.'
            )
        return jnp.asarray(outputs['heatmaps'], jnp.float32), stride

    def decode(outputs):
        stages, stride = stages_of(outputs)
        last = stages[..., -1, :, :, :num_landmarks]
        found, score = heatmaps.peak(last, stride)
        return {'heatmaps': last, 'landmarks': found, 'score': score}

    def supervised(outputs, example):
        stages, stride = stages_of(outputs)
        size = stages.shape[-3:-1]
        places, visible = example['landmarks'], jnp.asarray(example['visible'], bool)
        annotated = example.get('annotated')
        target = heatmaps.draw(
            places, visible, size, stride, sigma, background=background
        )
        squares = losses.heatmap_squares(stages, target)
        ones = jnp.ones((*visible.shape[:-1], channels - num_landmarks), bool)
        counted = jnp.concatenate([visible, ones], axis=-1)
        per_frame = jnp.where(counted, squares, 0.0).sum(-1) / num_landmarks
        terms = {'heatmap': over_frames(per_frame, annotated)}
        if centre is None:
            return terms

        lacks = {'centre', 'offsets'} - set(outputs)
        if lacks:
            raise InputError(
                f'The task has a centre; the network answers {sorted(outputs)} and '
                f'lacks {sorted(lacks)}: build it with a centre, or the task without.'
            )
        centre_map, cell, wanted, there = heatmaps.centre_targets(
            places, visible, size, stride, centre, radius=centre_radius
        )
        offsets = heatmaps.offsets_at(jnp.asarray(outputs['offsets']), cell)
        shown = visible & there[..., None]
        focal = losses.centre_focal(outputs['centre'], centre_map)
        apart = losses.offset_distance(
            offsets, jnp.where(shown[..., None], wanted, 0.0)
        )
        terms['centre'] = over_frames(jnp.where(there, focal, 0.0), annotated)
        per_frame = _mean_where(shown, apart.mean(-1))
        terms['offset'] = offset_weight * over_frames(per_frame, annotated)
        if clip is not None:
            known = there if annotated is None else there & annotated
            changed = losses.shape_invariance(offsets, shown, known)
            terms['shape'] = shape_weight * changed
        return terms

    def over_frames(x, annotated):
        """Returns [B]: of clips, the mean over the annotated frames."""
        if clip is None:
            return x
        known = jnp.ones(x.shape, bool) if annotated is None else annotated
        return _mean_where(jnp.asarray(known, bool), x)

    def consistent(outputs, targets):
        stages, stride = stages_of(outputs)
        if consistency == 'landmarks':
            last = stages[..., -1, :, :, :num_landmarks]
            # Both are read alike: near a border a soft-argmax is drawn to the middle.
            found, wanted = (
                heatmaps.soft_argmax(maps, stride)[0]
                for maps in (last, targets.value['heatmaps'])
            )
            apart = losses.coordinate_squares(found, wanted)
            known = targets.value.get('score', jnp.ones_like(apart)) > 0
            return {'consistency': jnp.where(known, apart, 0.0)}
        target, seen = targets.value['heatmaps'], targets.value.get('seen')
        stages = stages[..., :num_landmarks]
        return {'consistency': losses.heatmap_squares(stages, target, seen)}

    def transport(prediction, warp_from, warp_to):
        if warp_from is None and warp_to is None:
            return prediction
        lead = prediction['landmarks'].shape[:-2]
        warp_from, warp_to = (_rows_of(w, lead) for w in (warp_from, warp_to))
        rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[len(lead) :]), prediction)
        moved, seen = views.align(
            rows['heatmaps'], warp_from, warp_to, shape=(height, width)
        )
        places, shown = views.align(
            rows['landmarks'],
            warp_from,
            warp_to,
            kind='landmarks',
            shape=(height, width),
        )
        score = jnp.where(shown, rows['score'], 0.0)
        if order is not None:
            mirrored = _mirrors(warp_from) != _mirrors(warp_to)  # [rows]

            def sided(x, axis):
                where = mirrored.reshape(-1, *[1] * (x.ndim - 1))
                return jnp.where(where, jnp.take(x, order, axis=axis), x)

            moved, places, score = sided(moved, -1), sided(places, 1), sided(score, -1)
        carried = {
            'heatmaps': moved,
            'landmarks': places,
            'score': score,
            'seen': seen.astype(jnp.float32),
        }
        return jax.tree.map(lambda x: x.reshape(*lead, *x.shape[1:]), carried)

    frames = () if clip is None else (clip,)
    example = {
        'image': jax.ShapeDtypeStruct((*frames, *shape), jnp.float32),
        'landmarks': jax.ShapeDtypeStruct((*frames, num_landmarks, 2), jnp.float32),
        'visible': jax.ShapeDtypeStruct((*frames, num_landmarks), jnp.bool_),
    }
    if clip is not None:
        example['annotated'] = jax.ShapeDtypeStruct(frames, jnp.bool_)
    if normaliser == 'size':
        example['size'] = jax.ShapeDtypeStruct(frames, jnp.float32)
    length = length_of(normaliser, num_landmarks)
    return Task(
        example=example,
        inputs=('image',),
        decode=decode,
        supervised=supervised,
        consistency=consistent,
        transport=transport,
        metrics={'nme': nme(length), 'pck': pck(length), 'peak': peaks()},
        score='-nme',
    )


def _order(swap, number):
    """Returns swap as an array, checked to be its own inverse."""
    if swap is None:
        return None
    order = np.asarray(swap, np.int32)
    numbers = np.arange(number)
    if (
        order.shape != (number,)
        or order.min() < 0
        or order.max() >= number
        or not np.array_equal(order[order], numbers)
    ):
        raise InputError(f'swap is {swap}; give each of {number} landmarks its mirror.')
    return order


def _mean_where(counted: Array, x: Array) -> Array:
    """Returns the mean over the last axis of what is counted; 0 where nothing is."""
    total = jnp.where(counted, x, 0.0).sum(-1)
    return total / jnp.maximum(counted.sum(-1), 1)


def _rows_of(warp: Array | None, lead: tuple[int, ...]) -> Array | None:
    """Returns a warp [rows, 3, 3], of every frame where it is of a clip as a whole."""
    if warp is None:
        return None
    missing = len(lead) + 2 - warp.ndim
    spread = warp.reshape(*warp.shape[:-2], *[1] * missing, 3, 3)
    return jnp.broadcast_to(spread, (*lead, 3, 3)).reshape(-1, 3, 3)


def _mirrors(warp: Array | None) -> Array:
    """Says which warps [rows, 3, 3] turn left into right: [rows] bool, or []."""
    if warp is None:
        return jnp.zeros((), bool)
    return warp[:, 0, 0] * warp[:, 1, 1] < warp[:, 0, 1] * warp[:, 1, 0]
