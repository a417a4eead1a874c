"""Views of a waveform: each by what it must do to a sine."""

import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError
from ssljax.views import sound

T = 400
TIME = np.arange(T)
SINE = np.sin(2 * np.pi * TIME / 20).astype(np.float32)
KEYS = jax.random.split(jax.random.key(0, impl='rbg'), 8)


def seen(view, wave=SINE):
    """Eight draws, [8, T]."""
    return np.asarray(
        jax.jit(jax.vmap(lambda k: view(k, {'wave': wave})))(KEYS)['wave']
    )


def test_gain_is_in_decibels():
    np.testing.assert_allclose(seen(sound.gain((20, 20))), 10 * np.tile(SINE, (8, 1)))
    factors = seen(sound.gain((-6, 6)))[:, 5] / SINE[5]
    assert len(set(factors)) == 8 and (abs(20 * np.log10(factors)) <= 6).all()


@pytest.mark.parametrize('snr', [0.0, 15.0])
def test_noise_has_the_ratio(snr):
    added = seen(sound.noise((snr, snr))) - SINE
    found = 10 * np.log10(np.mean(SINE**2) / np.mean(added**2))
    assert abs(found - snr) < 0.4
    silent = np.zeros(T, np.float32)
    np.testing.assert_array_equal(seen(sound.noise((snr, snr)), silent), 0)


def test_speed_changes_pitch_and_keeps_the_length():
    np.testing.assert_array_equal(seen(sound.speed((1, 1))), np.tile(SINE, (8, 1)))
    for factor in (0.5, 2.0):
        heard = seen(sound.speed((factor, factor)))
        assert heard.shape == (8, T)
        peak = np.argmax(abs(np.fft.rfft(heard)), axis=1)
        np.testing.assert_array_equal(peak, T / 20 * factor)
        sounding = (heard != 0).mean(1)
        assert (abs(sounding - min(1, 1 / factor)) < 0.06).all()
    assert len({row.tobytes() for row in heard}) > 4  # at random places


def test_occlude_silences_one_segment():
    heard = seen(sound.occlude((0.25, 0.75)), SINE + 2)
    for row in heard:
        silent = np.flatnonzero(row == 0)
        assert 0.25 * T <= len(silent) <= 0.75 * T
        assert silent[-1] - silent[0] == len(silent) - 1
        np.testing.assert_array_equal(row[row != 0], (SINE + 2)[row != 0])
    assert len({tuple(row == 0) for row in heard}) > 4


def test_shift_and_polarity():
    ramp = TIME.astype(np.float32) + 1
    for row in seen(sound.shift(0.1), ramp):
        by = np.argmax(row) - (T - 1) if row[-1] else np.argmax(row == 0) - T
        by = by if by < 0 else np.argmax(row > 0)
        expected = np.interp(TIME - by, TIME, ramp, left=0, right=0)
        np.testing.assert_array_equal(row, expected)
        assert abs(by) <= 0.1 * T
    signs = seen(sound.polarity())[:, 5] / SINE[5]
    assert set(signs) == {-1.0, 1.0}


def test_int16_becomes_float():
    wave = np.array([0, 16384, -32768, 0], np.int16)
    heard = seen(sound.gain((0, 0)), wave)
    assert heard.dtype == np.float32
    np.testing.assert_array_equal(heard[0], [0, 0.5, -1, 0])


def test_maybe_applies_a_view_now_and_then():
    view = views.maybe(0.5, sound.gain((20, 20)))
    factors = np.round(seen(view)[:, 5] / SINE[5])
    assert set(factors) == {1, 10}
    with pytest.raises(InputError, match='probability is 2'):
        views.maybe(2, view)
    # An image of bytes stays one kind of image, and has a frame, on both sides.
    shift = views.maybe(0.0, views.compose(views.shift(1), views.to_float()))
    image = np.full((4, 4, 1), 51, np.uint8)
    example = jax.jit(shift)(KEYS[0], {'image': image})
    np.testing.assert_allclose(example['image'], 0.2, rtol=1e-6)
    np.testing.assert_array_equal(example['warp'], np.eye(3))


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: sound.gain((1, 0)), r'decibels is \(1, 0\)'),
        (lambda: sound.speed((0, 1)), r'factors is \(0, 1\); give 0 < low'),
        (lambda: sound.occlude((0, 1.5)), r'stay within \(0, 1\)'),
        (lambda: sound.shift(-1), 'share is'),
        (lambda: seen(sound.polarity(), np.zeros(4, np.uint8)), 'The wave is uint8'),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
