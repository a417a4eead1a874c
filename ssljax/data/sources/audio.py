"""Sound files to waves, by one rule for training and for prediction.

Channels are averaged; another rate is resampled (polyphase, antialiased); a longer
sound gives its first seconds, a shorter one is followed by silence. Integers are scaled
by their full range to [-1, 1); floats are taken as they are.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from pathlib import Path

import numpy as np

from ssljax.contracts import InputError

MAX_BYTES = 2**30
MAX_SAMPLES = 2**26
RATES = (100, 1_000_000)
"""What a file or a job may ask for: beyond, a header is broken rather than unusual."""


@dataclasses.dataclass(frozen=True)
class Waves:
    """Reads a sound: ``waves(path) -> [T] float32``, T = round(rate * seconds).

    Args:
      rate: samples a second.
      seconds: length of every wave.

    Raises:
      InputError: if SciPy is not installed, or a number can't be used.
    """

    rate: int
    seconds: float

    field = 'wave'
    endings = ('.wav', '.flac', '.ogg')

    def __post_init__(self):
        low, high = RATES
        if not low <= self.rate <= high or self.rate != int(self.rate):
            raise InputError(
                f'rate is {self.rate}; give whole samples a second, {low} to {high}.'
            )
        if not 1 <= round(self.rate * self.seconds) <= MAX_SAMPLES:
            raise InputError(
                f'seconds is {self.seconds}; at rate {self.rate} give more than 0 and '
                f'at most {MAX_SAMPLES // self.rate}.'
            )
        try:
            import scipy  # noqa: F401
        except ImportError as error:
            raise InputError(
                "reading sounds needs SciPy: pip install 'ssljax[data]'"
            ) from error

    def __call__(self, path: Path) -> np.ndarray:
        """Decodes one file; raises ValueError with what is wrong with it."""
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f'the file has more than {MAX_BYTES} bytes; cut it up')
        # A margin that the filter of the resampling reaches over.
        most = self.seconds + 0.1
        wav = path.suffix.lower() == '.wav'
        found, wave = _wav(path) if wav else _soundfile(path, most)
        if not RATES[0] <= found <= RATES[1] or not wave.size:
            raise ValueError(f'it has {len(wave)} samples at {found} a second')
        if not np.isfinite(wave).all():
            raise ValueError('it holds NaN or inf')
        length = round(self.rate * self.seconds)
        wave = wave[: math.ceil(most * found)].mean(axis=1)
        if found != self.rate:
            from scipy.signal import resample_poly

            common = math.gcd(self.rate, found)
            wave = resample_poly(wave, self.rate // common, found // common)
        wave = wave[:length].astype(np.float32)
        return np.pad(wave, (0, length - len(wave)))


def _wav(path: Path) -> tuple[int, np.ndarray]:
    """Rate and samples [T, channels] float32: PCM of 8 to 32 bits, or floats."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            # Tags that it does not know, which are no sound.
            warnings.simplefilter('ignore', wavfile.WavFileWarning)
            rate, wave = wavfile.read(path)
    # On a broken file: struct.error, EOFError, ZeroDivisionError and others.
    except Exception as error:
        raise ValueError(f'no WAV file: {error or type(error).__name__}') from error
    if wave.dtype == np.uint8:
        wave = (wave.astype(np.float32) - 128) / 128
    elif wave.dtype.kind == 'i':
        wave = wave.astype(np.float32) / -float(np.iinfo(wave.dtype).min)
    wave = wave if wave.ndim == 2 else wave[:, None]
    return rate, wave.astype(np.float32, copy=False)


def _soundfile(path: Path, seconds: float) -> tuple[int, np.ndarray]:
    """Rate and the first samples [T, channels] float32 of a FLAC or Ogg file."""
    try:
        import soundfile
    except ImportError as error:
        raise InputError(
            f"{path} needs soundfile: pip install 'ssljax[audio]', or convert it to WAV"
        ) from error
    try:
        with soundfile.SoundFile(path) as file:
            # No more than is wanted: a broken header can claim any length.
            most = min(file.frames, math.ceil(seconds * file.samplerate))
            return file.samplerate, file.read(most, dtype='float32', always_2d=True)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f'no sound that soundfile reads: {error}') from error
