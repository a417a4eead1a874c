"""RandAugment: a few of Pillow's operations, drawn for every image by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, View
from ssljax.views import operations, policies
from ssljax.views.operations import Colour
from ssljax.views.rows import row_by_row


class Pool(NamedTuple):
    """What a policy draws from."""

    ranges: Mapping[str, tuple[float, float]]
    """By operation: the magnitudes between which it is drawn, in Pillow's units."""
    grades: int = 0  # whole magnitudes 1 .. grades - 1 of so many parts; 0: any
    chance: float = 1.0  # that an operation that was drawn is done
    signed: tuple[str, ...] = ()  # whose magnitude may turn negative
    fill: Colour = (0, 0, 0)  # what moves in
    hole: Colour = (125, 123, 114)  # what the holes show
    side: tuple[float, float] = (0.0, 0.5)  # of the last hole, in shares of the width


_GEOMETRY = tuple(operations.MOVES)
_ENHANCERS = ('Brightness', 'Color', 'Contrast', 'Sharpness')
_FIXMATCH = {
    'AutoContrast': (0, 1),
    'Equalize': (0, 1),
    'Identity': (0, 1),
    'Posterize': (4, 8),
    'Rotate': (-30, 30),
    'Solarize': (0, 256),
    **dict.fromkeys(_ENHANCERS, (0.05, 0.95)),
    **dict.fromkeys(('ShearX', 'ShearY', 'TranslateX', 'TranslateY'), (-0.3, 0.3)),
}
_UDA = {
    'AutoContrast': (0, 1),
    'Cutout': (0, 20 / 32),
    'Equalize': (0, 1),
    'Invert': (0, 1),
    'Posterize': (4.99, 0.99),  # 4 less the whole part of what is lost
    'Rotate': (0, 30),
    'Solarize': (256, 0),
    **dict.fromkeys(_ENHANCERS, (0.1, 1.9)),
    **dict.fromkeys(('ShearX', 'ShearY'), (0, 0.3)),
    **dict.fromkeys(('TranslateX', 'TranslateY'), (0, 10 / 32)),
}
_MEAN: Colour = (125, 122, 113)  # of CIFAR-10: 0 once it is normalised

POOLS: Mapping[str, Pool] = {
    'fixmatch': Pool(_FIXMATCH),
    'uda': Pool(
        _UDA,
        grades=10,
        chance=0.5,
        signed=_GEOMETRY,
        fill=_MEAN,
        hole=_MEAN,
        side=(0.5, 0.5),
    ),
}


def randaugment(
    n: int = 2,
    m: float | str = 'random',
    pool: str | Pool = 'fixmatch',
    *,
    cutout: bool = True,
) -> View:
    """Applies n operations, drawn with replacement, and cuts a square hole.

    Works on 256 grey levels, exactly as Pillow does; a float image is rounded to them
    first. Geometry takes the nearest pixel, as Pillow does by default, and moves every
    spatial field. Grey images keep one channel: 'Color' does nothing to them.

    Args:
      n: operations an image, > 0: 2 in FixMatch, 3 in USB.
      m: 'random' draws every magnitude, uniformly, as FixMatch and USB do; a number in
        [0, 30] sets all to that part of their range, as in RandAugment.
      pool: 'fixmatch', the 14 operations of FixMatch and USB; 'uda', the 15 of UDA,
        each done with probability 0.5 at one of nine magnitudes, where lengths in
        pixels are shares of the side, holes are USB's and what moves in is CIFAR-10's
        mean; or a ``views.Pool``.
      cutout: whether to cut the hole.

    Raises:
      InputError: if an argument is none of these.

    Source: Cubuk et al. 2019, arXiv 1909.13719; Sohn et al. 2020 (FixMatch), arXiv
    2001.07685, table 12; Xie et al. 2019 (UDA), arXiv 1904.12848.
    """
    if n < 1:
        raise InputError(f'n is {n}; give a number of operations above 0.')
    strength = None
    if m != 'random':
        if isinstance(m, str) or not 0 <= m <= 30:
            raise InputError(f"m is {m!r}; give 'random' or a number in [0, 30].")
        strength = m / 30
    pool = _found(pool)
    names = tuple(pool.ranges)
    branches = [branch(name, pool) for name in (*names, 'Identity')]
    low, high = jnp.array(list(pool.ranges.values()), jnp.float32).T
    signed = jnp.array([name in pool.signed for name in names])
    if strength is not None:  # of either way, not a place between the two
        both = low == -high
        low, signed = jnp.where(both, 0, low), signed | both

    def view(key, example):
        # One draw of all that is random: a hash a number is most of a small image.
        draw = jax.random.uniform(key, (6 * n + 3,))
        end, draw = draw[:3], draw[3:].reshape(n, 6)
        which = jnp.floor(draw[:, 0] * len(names)).astype(jnp.int32)
        part = draw[:, 1] if strength is None else jnp.full((n,), strength)
        if pool.grades and strength is None:
            part = (1 + jnp.floor(part * (pool.grades - 1))) / pool.grades
        magnitude = low[which] + part * (high - low)[which]
        turn = signed[which] & (draw[:, 2] < 0.5)
        magnitude = jnp.where(turn, -magnitude, magnitude)
        which = jnp.where(draw[:, 3] < pool.chance, which, len(names))
        steps = [(which[i], magnitude[i], draw[i, 4:]) for i in range(n)]

        def finish(pixels):
            size = pixels.shape[1:]
            side = pool.side[0] + end[0] * (pool.side[1] - pool.side[0])
            box = operations.hole(side * size[1], end[1:], size)
            return operations.filled(pixels, box, pool.hole) if cutout else pixels

        return policies.applied(example, branches, steps, finish)

    return row_by_row(view)


def branch(name: str, pool: Pool) -> policies.Branch:
    """Returns an operation by its name, in a pool's colours."""
    if name in operations.MOVES:
        return policies.moving(operations.MOVES[name], pool.fill)
    if name == 'Cutout':

        def cut(pixels, share, place):
            size = pixels.shape[1:]
            box = operations.hole(share * size[1], place, size)
            return operations.filled(pixels, box, pool.hole)

        return policies.toning(cut)
    return policies.toning(operations.TONES[name])


def _found(pool: str | Pool) -> Pool:
    if isinstance(pool, str):
        if pool not in POOLS:
            raise InputError(
                f'pool is {pool!r}; give one of {sorted(POOLS)}, or a Pool.'
            )
        return POOLS[pool]
    known = {*operations.TONES, *operations.MOVES, 'Cutout'}
    unknown = sorted(set(pool.ranges) - known)
    if unknown or not pool.ranges:
        raise InputError(
            f'pool.ranges has {unknown or "nothing"}; give some of {sorted(known)}.'
        )
    return pool
