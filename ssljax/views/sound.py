"""Views of a waveform, ``wave`` [T] float in [-1, 1] or int16; float32 comes out.

The weak view of Cances et al. 2022 (arXiv 2102.08183), on log-mels of 5 s::

    weak = views.compose(
        views.maybe(0.5, sound.occlude((0.0, 0.25))),
        views.maybe(0.5, sound.speed((0.5, 1.5))),
        spectra.log_mel(rate=44_100, n_fft=2048, hop=512, mels=64),
        views.maybe(0.5, spectra.cutout((0.1, 0.5), (0.1, 0.5), fill=-80.0)),
    )

Strong is all of them always, with (0, 0.75), (0.25, 1.75) and (0.5, 1), (0.5, 1).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, View


def as_float(wave: Array) -> Array:
    """Returns a waveform as floats: int16 divided by 32768, floats as they are."""
    if wave.dtype == jnp.int16:
        return wave.astype(jnp.float32) / 32768
    if jnp.issubdtype(wave.dtype, jnp.floating):
        return jnp.asarray(wave)
    raise InputError(f'The wave is {wave.dtype}; give int16, or floats in [-1, 1].')


def gain(decibels: tuple[float, float]) -> View:
    """Makes it louder by a number of decibels, uniform in a range; nothing is clipped.

    Args:
      decibels: low <= high.
    """
    _ordered('decibels', decibels)

    def view(key, example):
        wave = as_float(example['wave'])
        drawn = jax.random.uniform(key, minval=decibels[0], maxval=decibels[1])
        return {**example, 'wave': wave * 10 ** (drawn / 20)}

    return view


def noise(snr: tuple[float, float]) -> View:
    """Adds white noise at a signal-to-noise ratio, uniform in a range of decibels.

    Args:
      snr: low <= high, of the mean power of this wave; silence stays silent.
    """
    _ordered('snr', snr)

    def view(key, example):
        wave = as_float(example['wave'])
        how, what = jax.random.split(key)
        drawn = jax.random.uniform(how, minval=snr[0], maxval=snr[1])
        deviation = jnp.sqrt(jnp.mean(wave**2)) * 10 ** (-drawn / 20)
        return {
            **example,
            'wave': wave + deviation * jax.random.normal(what, wave.shape),
        }

    return view


def speed(factors: tuple[float, float]) -> View:
    """Plays it faster by a factor, uniform in a range; pitch changes too.

    What becomes longer is cut and what becomes shorter is padded with silence, both at
    a random place. Linear interpolation: content above the new half rate aliases.

    Args:
      factors: 0 < low <= high; 1 is as it was, 2 half as long.
    """
    _ordered('factors', factors, above=0)

    def view(key, example):
        wave = as_float(example['wave'])
        how, where = jax.random.split(key)
        factor = jax.random.uniform(how, minval=factors[0], maxval=factors[1])
        free = len(wave) - len(wave) / factor  # negative if it is cut
        start = jax.random.uniform(where) * free
        at = (jnp.arange(len(wave)) - start) * factor
        return {**example, 'wave': _sampled(wave, at)}

    return view


def occlude(share: tuple[float, float]) -> View:
    """Silences a segment, its share of the length uniform, at a random place.

    Args:
      share: range within [0, 1].
    """
    _ordered('share', share, within=(0, 1))

    def view(key, example):
        wave = as_float(example['wave'])
        return {**example, 'wave': jnp.where(segment(key, len(wave), share), 0.0, wave)}

    return view


def shift(share: float) -> View:
    """Moves it in time, within +-share of its length; silence moves in.

    Args:
      share: in [0, 1].
    """
    _ordered('share', (0, share), within=(0, 1))

    def view(key, example):
        wave = as_float(example['wave'])
        by = jnp.round(jax.random.uniform(key, minval=-share, maxval=share) * len(wave))
        at = jnp.arange(len(wave)) - by.astype(jnp.int32)
        inside = (at >= 0) & (at < len(wave))
        moved = jnp.where(inside, wave[jnp.clip(at, 0, len(wave) - 1)], 0.0)
        return {**example, 'wave': moved}

    return view


def polarity() -> View:
    """Turns the sign in half of the cases; nobody hears it."""

    def view(key, example):
        sign = jnp.where(jax.random.bernoulli(key), -1.0, 1.0)
        return {**example, 'wave': as_float(example['wave']) * sign}

    return view


def segment(key: Array, length: int, share: tuple[float, float]) -> Array:
    """Returns a segment that lies inside, [length] bool; its share is uniform."""
    how, where = jax.random.split(key)
    drawn = jax.random.uniform(how, minval=share[0], maxval=share[1]) * length
    size = jnp.round(drawn)
    start = jnp.floor(jax.random.uniform(where) * (length - size + 1))
    at = jnp.arange(length)
    return (at >= start) & (at < start + size)


def _sampled(wave: Array, at: Array) -> Array:
    """The wave at real positions, linearly between samples; silence outside."""
    below = jnp.floor(at)
    low = jnp.clip(below.astype(jnp.int32), 0, len(wave) - 1)
    high = jnp.minimum(low + 1, len(wave) - 1)
    weight = at - below
    inside = (at >= 0) & (at <= len(wave) - 1)
    return jnp.where(inside, (1 - weight) * wave[low] + weight * wave[high], 0.0)


def _ordered(name, bounds, above=None, within=None):
    low, high = bounds
    if not low <= high or (above is not None and not low > above):
        first = '' if above is None else f'{above} < '
        raise InputError(f'{name} is {bounds}; give {first}low <= high.')
    if within is not None and not (within[0] <= low and high <= within[1]):
        raise InputError(f'{name} is {bounds}; stay within {within}.')
