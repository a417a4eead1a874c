"""Log-mels of a waveform, and views of log-mels [time, mel, 1].

They lie in ``wave`` once ``log_mel`` has made them of it, so that the network eats the
field that the source gives, or in ``image`` where the source has log-mels itself.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, Example, InputError, View
from ssljax.views.sound import as_float, segment


def log_mel(
    *,
    rate: int,
    n_fft: int = 2048,
    hop: int = 512,
    mels: int = 64,
    low: float = 0.0,
    high: float | None = None,
    floor: float = -80.0,
) -> View:
    """Turns ``wave`` [T] into its log-mels, [1 + T // hop, mels, 1] float32.

    Frames are centred, with the wave reflected at its ends, under a Hann window; the
    power in triangular bands on the mel scale of HTK is given in decibels, 0 being
    (before the bands) a sine of full scale. It draws nothing: use it in every view,
    last of those of the wave, and where the network answers.

    Args:
      rate: samples a second.
      n_fft: samples a frame, at most T.
      hop: samples from one frame to the next.
      mels: number of bands.
      low: lower end of the first band in Hz.
      high: upper end of the last one; None is half the rate.
      floor: decibels; quieter is raised to it.

    Raises:
      InputError: if a number can't be used, or a band is narrower than the frequencies
        of the transform, or (when called) the wave is shorter than a frame.
    """
    if min(rate, n_fft, hop, mels) < 1:
        raise InputError(
            f'rate, n_fft, hop, mels are {rate}, {n_fft}, {hop}, {mels}; give at least '
            '1 each.'
        )
    bands = mel_bands(rate, n_fft, mels, low, high)
    window = np.hanning(n_fft + 1)[:-1]
    full_scale = (window.sum() / 2) ** 2
    window = window.astype(np.float32)

    def view(key, example):
        del key
        wave = as_float(example['wave'])
        if wave.ndim != 1 or len(wave) < n_fft:
            raise InputError(
                f'wave has shape {wave.shape}; give [T] with T at least n_fft {n_fft}.'
            )
        padded = jnp.pad(wave, n_fft // 2, mode='reflect')
        count = 1 + (len(padded) - n_fft) // hop
        frames = jnp.arange(count)[:, None] * hop + jnp.arange(n_fft)[None]
        spectrum = jnp.fft.rfft(padded[frames] * window[None])
        power = (spectrum.real**2 + spectrum.imag**2) / full_scale
        energy = jnp.matmul(power, bands, precision=jax.lax.Precision.HIGHEST)
        decibels = 10 * jnp.log10(jnp.maximum(energy, 10 ** (floor / 10)))
        return {**example, 'wave': decibels[..., None]}

    return view


def mel_bands(
    rate: int, n_fft: int, mels: int, low: float = 0.0, high: float | None = None
) -> np.ndarray:
    """Returns triangular bands, [n_fft // 2 + 1, mels] float32, each of height 1.

    Their corners are equally far apart in mel, 2595 log10(1 + Hz / 700).
    """
    high = rate / 2 if high is None else high
    if not 0 <= low < high <= rate / 2:
        raise InputError(
            f'low, high are {low}, {high}; give 0 <= low < high <= {rate / 2}, half '
            'the rate.'
        )
    first, last = (2595 * np.log10(1 + hertz / 700) for hertz in (low, high))
    corners = 700 * (10 ** (np.linspace(first, last, mels + 2) / 2595) - 1)
    frequency = np.linspace(0, rate / 2, n_fft // 2 + 1)[:, None]
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rise = (frequency - left) / (centre - left)
    fall = (right - frequency) / (right - centre)
    bands = np.maximum(0, np.minimum(rise, fall)).astype(np.float32)
    if not bands.any(0).all():
        band = int(np.argmin(bands.any(0)))
        raise InputError(
            f'mels is {mels}, and band {band} holds none of the {n_fft // 2 + 1} '
            'frequencies; choose fewer bands or a larger n_fft.'
        )
    return bands


def time_mask(width: int, *, count: int = 1, fill: float = 0.0) -> View:
    """Fills ``count`` spans of frames, each of 0 to ``width``, at random places.

    Args:
      width: frames at most, >= 0.
      count: of spans, which may overlap.
      fill: the value put there; SpecAugment's 0 is the mean of normalised log-mels.

    Source: Park et al. 2019, arXiv 1904.08779.
    """
    return _spans(0, width, count, fill)


def frequency_mask(width: int, *, count: int = 1, fill: float = 0.0) -> View:
    """Fills ``count`` spans of bands, each of 0 to ``width``, at random places.

    Args:
      width: bands at most, >= 0.
      count: of spans, which may overlap.
      fill: the value put there.

    Source: Park et al. 2019, arXiv 1904.08779.
    """
    return _spans(1, width, count, fill)


def cutout(
    time: tuple[float, float] = (0.1, 0.5),
    frequency: tuple[float, float] = (0.1, 0.5),
    *,
    fill: float = -80.0,
) -> View:
    """Fills a rectangle that lies inside, at a random place.

    Args:
      time: range of its share of the frames, within [0, 1].
      frequency: range of its share of the bands.
      fill: the value put there.
    """
    for name, (low, high) in (('time', time), ('frequency', frequency)):
        if not 0 <= low <= high <= 1:
            raise InputError(f'{name} is {(low, high)}; give 0 <= low <= high <= 1.')

    def view(key, example):
        field, mel = _log_mels(example)
        keys = jax.random.split(key)
        frames = segment(keys[0], mel.shape[0], time)
        bands = segment(keys[1], mel.shape[1], frequency)
        hole = frames[:, None, None] & bands[None, :, None]
        return {**example, field: jnp.where(hole, fill, mel)}

    return view


def _spans(axis: int, width: int, count: int, fill: float) -> View:
    if width < 0 or count < 0:
        raise InputError(f'width, count are {width}, {count}; give numbers >= 0.')

    def view(key, example):
        field, mel = _log_mels(example)
        length = mel.shape[axis]
        if width > length:
            raise InputError(f'width is {width}, but the log-mels have {length} there.')
        draws = jax.random.uniform(key, (2, count, 1))
        size = jnp.floor(draws[0] * (width + 1))
        start = jnp.floor(draws[1] * (length - size + 1))
        at = jnp.arange(length)[None]
        hidden = ((at >= start) & (at < start + size)).any(0)
        hidden = jnp.expand_dims(hidden, [a for a in range(3) if a != axis])
        return {**example, field: jnp.where(hidden, fill, mel)}

    return view


def _log_mels(example: Example) -> tuple[str, Array]:
    field = 'wave' if 'wave' in example else 'image'
    if example[field].ndim != 3:
        raise InputError(
            f'{field} has shape {example[field].shape}; log-mels are [time, mel, 1]: '
            'apply spectra.log_mel first.'
        )
    return field, jnp.asarray(example[field])
