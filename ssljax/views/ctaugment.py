"""CTAugment: a policy that learns how strong each operation may be.

Every operation's magnitude is cut into bins. A bin's rate is a moving average of how
well the network still reads labelled images that a uniformly drawn policy changed; the
strong view takes bins whose rate comes near the best one's. The bins are state of the
method, kept in ``State.memory``::

    policy = views.ctaugment()
    bins = policy.init()
    probed, choice = policy.probe(key, example)            # labelled images
    error = 0.5 * abs(probs(probed) - onehot).sum(-1)
    bins = policy.update(bins, choice, error)
    strong, _ = policy.view(key, example, bins)            # unlabelled images

Source: Berthelot et al. 2020 (ReMixMatch), arXiv 1911.09785; used by FixMatch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.views import levels, operations, policies
from ssljax.views.operations import MOVES, TONES, blend
from ssljax.views.rows import row_by_row

_GREY = (127, 127, 127)
_BINS = 17


class Choice(NamedTuple):
    """What was drawn for one example, or [B, depth] for a batch."""

    op: Array  # [depth] int32, row of the bins
    bin: Array  # [depth] int32


class CTAugment(NamedTuple):
    """The policy; all functions are pure."""

    init: Callable  # () -> bins [operations, 17] float32
    probe: Callable  # (key, example) -> (example, Choice), every magnitude alike
    view: Callable  # (key, example, bins) -> (example, Choice), those that went well
    update: Callable  # (bins, Choice [B, depth], error [B] in [0, 1]) -> bins


def _into(tone) -> policies.Branch:
    """Blends an operation's result in by the level."""

    def change(pixels, level, place):
        return blend(pixels.astype(jnp.float32), tone(pixels, level, place), level)

    return policies.toning(change)


def _enhanced(tone) -> policies.Branch:
    return policies.toning(lambda x, level, at: tone(x, 0.1 + 1.9 * level, at))


def _cut(pixels: Array, level: Array, place: Array) -> Array:
    _, height, width = pixels.shape
    side = 1 + jnp.floor(level * min(height, width) * 0.499)
    box = operations.square(side, place, (height, width))
    return operations.filled(pixels, box, _GREY)


def _rescale(level: Array, size: tuple[int, int]) -> operations.Source:
    height, width = size
    edge = 0.25 * level
    shrink = 1 - 2 * edge
    return shrink, 0.0, edge * width, 0.0, shrink, edge * height


def _either_way(move, most: float) -> policies.Branch:
    return policies.moving(lambda level, size: move((2 * level - 1) * most, size))


def _turn(level: Array, size: tuple[int, int]) -> operations.Source:
    return operations.rotate(jnp.round((2 * level - 1) * 45), size)


_OPERATIONS: dict[str, tuple[int, policies.Branch]] = {
    'autocontrast': (_BINS, _into(operations.autocontrast)),
    'blur': (_BINS, _into(lambda x, level, at: levels.blur(x))),
    'brightness': (_BINS, _enhanced(operations.brightness)),
    'color': (_BINS, _enhanced(operations.colour)),
    'contrast': (_BINS, _enhanced(operations.contrast)),
    'cutout': (_BINS, policies.toning(_cut)),
    'equalize': (_BINS, _into(operations.equalize)),
    'identity': (1, policies.toning(operations.identity)),
    'invert': (_BINS, _into(operations.invert)),
    'posterize': (
        8,
        policies.toning(
            lambda x, level, at: TONES['Posterize'](x, 1 + 7.999 * level, at)
        ),
    ),
    'rescale': (_BINS, policies.moving(_rescale)),
    'rotate': (_BINS, policies.moving(_turn)),
    'sharpness': (_BINS, _enhanced(operations.sharpness)),
    'shear_x': (_BINS, _either_way(MOVES['ShearX'], 0.3)),
    'shear_y': (_BINS, _either_way(MOVES['ShearY'], 0.3)),
    'smooth': (_BINS, _into(lambda x, level, at: levels.smooth(x))),
    'solarize': (
        _BINS,
        policies.toning(
            lambda x, level, at: TONES['Solarize'](x, jnp.floor(255.999 * level), at)
        ),
    ),
    'translate_x': (_BINS, _either_way(MOVES['TranslateX'], 0.3)),
    'translate_y': (_BINS, _either_way(MOVES['TranslateY'], 0.3)),
}


def ctaugment(
    depth: int = 2, *, decay: float = 0.99, threshold: float = 0.8, cutout: bool = True
) -> CTAugment:
    """Returns the policy of ReMixMatch and FixMatch (CTA).

    Of its 19 operations two differ from the official code: 'rescale' takes the nearest
    pixel and has no second parameter for the filter, and translations are shares of
    the side, where the official ones move by less than half a pixel, so nothing.

    Args:
      depth: operations an image, > 0.
      decay: of the moving averages, in [0, 1).
      threshold: share of the best bin's rate, in [0, 1), from which a bin is drawn.
      cutout: whether ``view`` ends with a hole of half the side, as in FixMatch.

    Raises:
      InputError: if a number is out of its range.
    """
    if depth < 1:
        raise InputError(f'depth is {depth}; give a number of operations above 0.')
    for name, x in (('decay', decay), ('threshold', threshold)):
        if not 0 <= x < 1:
            raise InputError(f'{name} is {x}; give a number in [0, 1).')
    branches = [branch for _, branch in _OPERATIONS.values()]
    sizes = jnp.array([size for size, _ in _OPERATIONS.values()], jnp.float32)
    real = jnp.arange(_BINS)[None, :] < sizes[:, None]

    def init():
        return jnp.where(real, 1.0, 0.0).astype(jnp.float32)

    def run(key, example, weights, last):
        # Floor of a share of the cumulated weight: one draw for a bin, one inside it.
        draw = jax.random.uniform(key, (5 * depth + 2,))
        place, draw = draw[:2], draw[2:].reshape(depth, 5)
        op = jnp.floor(draw[:, 0] * len(branches)).astype(jnp.int32)
        total = jnp.cumsum(weights[op], axis=1)
        below = total <= draw[:, 1:2] * total[:, -1:]
        found = jnp.sum(below, axis=1).astype(jnp.int32)
        level = (found + draw[:, 2]) / sizes[op]
        steps = [(op[i], level[i], draw[i, 3:]) for i in range(depth)]

        def finish(pixels):
            return _cut(pixels, jnp.float32(1.0), place) if last else pixels

        seen = policies.applied(example, branches, steps, finish)
        return seen, Choice(op, found)

    def probe(key, example):
        return row_by_row(lambda key, x: run(key, x, init(), False))(key, example)

    def view(key, example, bins):
        rate = bins + (1 - decay)  # so that they are never all 0
        rate = jnp.where(real, rate, 0.0)
        rate = rate / jnp.max(rate, axis=1, keepdims=True)
        weights = jnp.where(rate >= threshold, rate, 0.0)

        def one(key, both):
            return run(key, both['example'], both['weights'], cutout)

        return row_by_row(one)(key, {'example': example, 'weights': weights})

    def update(bins, choice, error):
        """The bins after a batch; its rows weigh alike, whatever their order."""
        at = (choice.op.reshape(-1), choice.bin.reshape(-1))
        near = jnp.repeat(1 - error.astype(jnp.float32), choice.op.shape[-1])
        zeros = shards.spread(jnp.zeros_like(bins), like=near)
        count = shards.total(zeros.at[at].add(1.0))
        mean = shards.total(zeros.at[at].add(near)) / jnp.maximum(count, 1.0)
        kept = decay**count
        return kept * bins + (1 - kept) * mean

    return CTAugment(init, probe, view, update)
