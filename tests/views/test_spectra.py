"""Log-mels against their definition in numpy; masks by what they hide."""

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.views import spectra

RATE, N_FFT, HOP, MELS = 8000, 256, 100, 20
KEYS = jax.random.split(jax.random.key(0, impl='rbg'), 12)


def test_log_mels_are_those_of_the_definition():
    time = np.arange(1000) / RATE
    wave = np.sin(2 * np.pi * 1000 * time) + 0.1 * np.sin(2 * np.pi * 3000 * time)
    view = spectra.log_mel(rate=RATE, n_fft=N_FFT, hop=HOP, mels=MELS)
    example = {'wave': wave.astype(np.float32), 'label': 3}
    found = jax.jit(view)(KEYS[0], example)
    assert set(found) == {'wave', 'label'}
    assert found['wave'].shape == (1 + 1000 // HOP, MELS, 1)

    padded = np.pad(wave, N_FFT // 2, mode='reflect')
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    mel = lambda f: 2595 * np.log10(1 + f / 700)  # noqa: E731
    edges = np.interp(
        np.linspace(0, mel(RATE / 2), MELS + 2),
        mel(np.linspace(0, RATE / 2, 100_001)),
        np.linspace(0, RATE / 2, 100_001),
    )
    bins = np.arange(N_FFT // 2 + 1) * RATE / N_FFT
    for frame in (0, 4, 10):
        cut = padded[frame * HOP : frame * HOP + N_FFT] * hann
        power = abs(np.fft.rfft(cut)) ** 2 / (hann.sum() / 2) ** 2
        for band in (2, 9, 19):
            triangle = np.interp(bins, edges[band : band + 3], [0, 1, 0])
            expected = max(10 * np.log10(max(power @ triangle, 1e-30)), -80)
            assert abs(found['wave'][frame, band, 0] - expected) < 0.02


def test_loudness_is_relative_to_full_scale_and_has_a_floor():
    time = np.arange(4096) / RATE
    view = jax.jit(spectra.log_mel(rate=RATE, n_fft=N_FFT, hop=HOP, mels=MELS))
    loud = view(KEYS[0], {'wave': np.sin(2 * np.pi * 1000 * time).astype(np.float32)})
    assert 0 < loud['wave'][20].max() < 2  # a Hann window spreads it over three bins
    silent = view(KEYS[0], {'wave': np.zeros(4096, np.float32)})
    np.testing.assert_allclose(silent['wave'], -80, rtol=1e-6)


def hidden(view, shape=(30, 20, 1), field='image'):
    """Twelve draws, [12, time, mel] bool."""
    mel = np.ones(shape, np.float32)
    run = jax.jit(jax.vmap(lambda key: view(key, {field: mel})))
    return np.asarray(run(KEYS)[field])[..., 0] == -80.0


def test_masks_hide_whole_frames_or_bands():
    frames = hidden(spectra.time_mask(5, fill=-80.0))
    np.testing.assert_array_equal(frames.any(2), frames.all(2))
    width = frames.all(2).sum(1)
    assert width.max() <= 5 and len(set(width)) > 2
    bands = hidden(spectra.frequency_mask(4, count=2, fill=-80.0))
    np.testing.assert_array_equal(bands.any(1), bands.all(1))
    assert 4 < bands.all(1).sum(1).max() <= 8


def test_cutout_hides_a_rectangle():
    holes = hidden(spectra.cutout((0.1, 0.5), (0.25, 0.5)), field='wave')
    for hole in holes:
        frames, bands = hole.any(1), hole.any(0)
        np.testing.assert_array_equal(hole, np.outer(frames, bands))
        assert 3 <= frames.sum() <= 15 and 5 <= bands.sum() <= 10
    assert len({hole.tobytes() for hole in holes}) > 6


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: spectra.log_mel(rate=8000, n_fft=64, mels=64), 'band 0 holds none'),
        (lambda: spectra.log_mel(rate=0), 'rate, n_fft, hop, mels are 0'),
        (lambda: spectra.log_mel(rate=8000, high=5000.0), 'low, high are 0.0, 5000'),
        (lambda: spectra.time_mask(-1), 'width, count are -1'),
        (
            lambda: hidden(spectra.time_mask(31)),
            'width is 31, but the log-mels have 30',
        ),
        (lambda: hidden(spectra.time_mask(3), (99,), 'wave'), 'log_mel first'),
        (lambda: spectra.cutout((0.5, 0.1)), r'time is \(0.5, 0.1\)'),
        (
            lambda: spectra.log_mel(rate=8000, n_fft=256, mels=20)(
                KEYS[0], {'wave': np.zeros(100, np.float32)}
            ),
            'at least n_fft 256',
        ),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
