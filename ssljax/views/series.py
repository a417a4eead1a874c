"""Views of a series, ``series`` [T, channels] float: ECG, sensors, seismograms.

Source: Um et al. 2017, arXiv 1706.00527, for all but ``mask`` and ``crop``.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, View
from ssljax.views.sound import segment


def scale(sigma: float) -> View:
    """Multiplies each channel by its own factor, normal around 1.

    Args:
      sigma: deviation of the factor, >= 0.
    """
    _at_least_zero('sigma', sigma)
    return _changing(
        lambda key, x: x * (1 + sigma * jax.random.normal(key, (1, x.shape[1])))
    )


def jitter(sigma: float) -> View:
    """Adds normal noise.

    Args:
      sigma: its deviation, >= 0, in units of the series.
    """
    _at_least_zero('sigma', sigma)
    return _changing(lambda key, x: x + sigma * jax.random.normal(key, x.shape))


def magnitude_warp(sigma: float, *, knots: int = 4) -> View:
    """Multiplies each channel by a curve, normal around 1 at knots, linear between.

    Args:
      sigma: deviation at the knots, >= 0.
      knots: between the ends, at least 0.
    """
    _at_least_zero('sigma', sigma)
    _at_least_zero('knots', knots)

    def change(key, x):
        heights = 1 + sigma * jax.random.normal(key, (knots + 2, x.shape[1]))
        return x * _curve(heights, len(x))

    return _changing(change)


def time_warp(sigma: float, *, knots: int = 4) -> View:
    """Lets time run faster here and slower there, all channels alike; ends stay.

    Args:
      sigma: deviation of the logarithm of the speed at the knots, >= 0.
      knots: between the ends, at least 0; speed is linear between.
    """
    _at_least_zero('sigma', sigma)
    _at_least_zero('knots', knots)

    def change(key, x):
        heights = jnp.exp(sigma * jax.random.normal(key, (knots + 2, 1)))
        pace = _curve(heights, len(x))[:, 0]
        elapsed = jnp.cumsum((pace[1:] + pace[:-1]) / 2)
        elapsed = jnp.concatenate([jnp.zeros(1), elapsed])
        return _at(x, elapsed / elapsed[-1] * (len(x) - 1))

    return _changing(change)


def mask(share: tuple[float, float], *, count: int = 1, fill: float = 0.0) -> View:
    """Fills segments at random places, all channels alike.

    Args:
      share: range of a segment's share of the length, within [0, 1].
      count: of segments, which may overlap.
      fill: the value put there.
    """
    _range('share', share)

    def change(key, x):
        keys = jax.random.split(key, count)
        hidden = jax.vmap(lambda one: segment(one, len(x), share))(keys).any(0)
        return jnp.where(hidden[:, None], fill, x)

    return _changing(change)


def permute(segments: int) -> View:
    """Cuts the series at random places and puts the segments in a random order.

    Args:
      segments: at least 1; some may be empty.
    """
    if segments < 1:
        raise InputError(f'segments is {segments}; give at least 1.')

    def change(key, x):
        cut_key, order_key = jax.random.split(key)
        cuts = jnp.sort(jax.random.randint(cut_key, (segments - 1,), 0, len(x) + 1))
        ends = jnp.concatenate([cuts, jnp.full(1, len(x), cuts.dtype)])
        starts = jnp.concatenate([jnp.zeros(1, cuts.dtype), cuts])
        order = jax.random.permutation(order_key, segments)
        new_ends = jnp.cumsum((ends - starts)[order])
        at = jnp.arange(len(x))
        place = jnp.searchsorted(new_ends, at, side='right')
        before = jnp.concatenate([jnp.zeros(1, new_ends.dtype), new_ends])[place]
        return x[starts[order][place] + at - before]

    return _changing(change)


def crop(share: tuple[float, float]) -> View:
    """Keeps a window at a random place and stretches it to the whole length.

    Args:
      share: range of the window's share of the length, within (0, 1].
    """
    _range('share', share)
    if share[0] <= 0:
        raise InputError(f'share is {share}; a window of nothing can not be stretched.')

    def change(key, x):
        how, where = jax.random.split(key)
        span = (len(x) - 1) * jax.random.uniform(how, minval=share[0], maxval=share[1])
        start = jax.random.uniform(where) * (len(x) - 1 - span)
        return _at(x, start + span * jnp.linspace(0, 1, len(x)))

    return _changing(change)


def _changing(change: Callable[[Array, Array], Array]) -> View:
    def view(key, example):
        x = example['series']
        if x.ndim != 2 or not jnp.issubdtype(x.dtype, jnp.floating):
            raise InputError(
                f'series is {x.dtype} {x.shape}; give floats [T, channels].'
            )
        return {**example, 'series': change(key, jnp.asarray(x))}

    return view


def _curve(heights: Array, length: int) -> Array:
    """[knots, n] equally far apart to [length, n], linear between."""
    return _at(heights, jnp.linspace(0, len(heights) - 1, length))


def _at(x: Array, place: Array) -> Array:
    """Rows of x [T, n] at real places [m] in [0, T - 1], linear between."""
    low = jnp.clip(jnp.floor(place).astype(jnp.int32), 0, len(x) - 1)
    high = jnp.minimum(low + 1, len(x) - 1)
    weight = (place - low)[:, None]
    return (1 - weight) * x[low] + weight * x[high]


def _at_least_zero(name: str, number: float) -> None:
    if number < 0:
        raise InputError(f'{name} is {number}; give a number >= 0.')


def _range(name: str, bounds: tuple[float, float]) -> None:
    if not 0 <= bounds[0] <= bounds[1] <= 1:
        raise InputError(f'{name} is {bounds}; give 0 <= low <= high <= 1.')
