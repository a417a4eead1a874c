"""Sounds of any rate, depth and length to waves of one."""

import os
import struct
import wave

import numpy as np
import pytest
import soundfile

from ssljax.contracts import InputError
from ssljax.data import sources

RATE = 8000


def _tone(rate=RATE, seconds=0.5, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def _pcm(path, samples, *, rate=RATE, width=2):
    """Writes [T] or [T, channels] in [-1, 1) as PCM, by the standard library."""
    samples = samples if samples.ndim == 2 else samples[:, None]
    scaled = np.round(samples * 2 ** (8 * width - 1)).astype('<i8')
    if width == 1:
        scaled = scaled + 128
    bytes_ = scaled.astype('<i8')[..., None].view(np.uint8)[..., :width].tobytes()
    with wave.open(str(path), 'wb') as file:
        file.setparams((samples.shape[1], width, rate, 0, 'NONE', ''))
        file.writeframes(bytes_)
    return path


@pytest.mark.parametrize(('width', 'error'), [(1, 2**-7), (2, 2**-15), (3, 2**-23)])
def test_integers_are_scaled_by_their_range(tmp_path, width, error):
    path = _pcm(tmp_path / 'a.wav', _tone(), width=width)
    found = sources.Waves(RATE, 0.5)(path)
    assert found.shape == (4000,) and found.dtype == np.float32
    np.testing.assert_allclose(found, _tone(), atol=error)


def test_floats_are_taken_as_they_are(tmp_path):
    samples = (3 * _tone()).astype('<f4')
    content = struct.pack('<HHIIHH', 3, 1, RATE, 4 * RATE, 4, 32)
    body = b'WAVE' + b'fmt ' + struct.pack('<I', 16) + content
    body += b'note' + struct.pack('<I', 4) + b'tags'  # a chunk that nobody knows
    body += b'data' + struct.pack('<I', samples.nbytes) + samples.tobytes()
    path = tmp_path / 'a.wav'
    path.write_bytes(b'RIFF' + struct.pack('<I', len(body)) + body)
    np.testing.assert_array_equal(sources.Waves(RATE, 0.5)(path), samples)


def test_channels_are_averaged_and_length_is_made(tmp_path):
    stereo = np.stack([_tone(), np.zeros(4000)], 1)
    path = _pcm(tmp_path / 'a.wav', stereo)
    found = sources.Waves(RATE, 1.0)(path)
    assert found.shape == (8000,) and not found[4000:].any()
    np.testing.assert_allclose(found[:4000], _tone() / 2, atol=2**-14)
    short = sources.Waves(RATE, 0.1)(path)
    np.testing.assert_array_equal(short, found[:800])


def test_another_rate_is_resampled(tmp_path):
    path = _pcm(tmp_path / 'a.wav', _tone(44100), rate=44100)
    found = sources.Waves(RATE, 0.5)(path)
    middle = slice(200, -200)  # away from the edges, which the filter cuts off
    np.testing.assert_allclose(found[middle], _tone()[middle], atol=2e-3)
    # What the lower rate can't hold is filtered out rather than folded down.
    high = _pcm(tmp_path / 'b.wav', _tone(44100, hertz=7000.0), rate=44100)
    assert np.abs(sources.Waves(RATE, 0.5)(high)[middle]).max() < 0.02
    # Cutting before the resampling changes nothing.
    cut = sources.Waves(RATE, 0.2)(path)
    np.testing.assert_allclose(cut, found[: len(cut)], atol=1e-6)


@pytest.mark.parametrize('kind', ['flac', 'ogg'])
def test_other_formats(tmp_path, kind):
    path = tmp_path / f'a.{kind}'
    soundfile.write(path, _tone(), RATE)
    found = sources.Waves(RATE, 0.5)(path)
    np.testing.assert_allclose(found, _tone(), atol={'flac': 2**-14, 'ogg': 0.05}[kind])


def test_a_flac_that_claims_to_last_for_weeks(tmp_path):
    path = tmp_path / 'a.flac'
    soundfile.write(path, _tone(), RATE)
    content = bytearray(path.read_bytes())
    # 36 bits of STREAMINFO: the number of samples.
    content[21] |= 0x0F
    content[22:26] = b'\xff' * 4
    path.write_bytes(content)
    try:
        found = sources.Waves(RATE, 0.5)(path)
        np.testing.assert_allclose(found, _tone(), atol=2**-14)
    except ValueError:
        pass  # refused is as good; asking for 256 GB of memory is not


def test_flac_without_soundfile_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'soundfile', None)
    (tmp_path / 'a.flac').write_bytes(b'')
    source = sources.flat_folder(tmp_path, sources.Waves(RATE, 1.0))
    with pytest.raises(InputError, match=r"pip install 'ssljax\[audio\]'") as found:
        source[0]
    assert not isinstance(found.value, sources.BadItem)  # the file may be fine


def test_a_folder_of_sounds(tmp_path):
    for name in ('rain', 'wind'):
        (tmp_path / name).mkdir()
        _pcm(tmp_path / name / 'a.WAV', _tone())
    (tmp_path / 'wind' / 'b.wav').write_text('no sound')
    source = sources.class_folders(tmp_path, sources.Waves(RATE, 0.5))
    assert source.classes == ('rain', 'wind') and source[1]['label'] == 1
    assert source[1]['wave'].shape == (4000,)
    with pytest.raises(sources.BadItem, match='wind/b.wav can not be read: no WAV'):
        source[2]


def test_files_that_can_not_be_used(tmp_path):
    read = sources.Waves(RATE, 0.5)
    with pytest.raises(ValueError, match='it has 0 samples'):
        read(_pcm(tmp_path / 'empty.wav', np.zeros(0)))
    with pytest.raises(ValueError, match='at 10 a second'):
        read(_pcm(tmp_path / 'slow.wav', _tone(), rate=10))
    path = _pcm(tmp_path / 'cut.wav', _tone())
    os.truncate(path, 30)
    with pytest.raises(ValueError, match='no WAV file'):
        read(path)
    (tmp_path / 'a.flac').write_bytes(b'fLaC')
    with pytest.raises(ValueError, match='no sound that soundfile reads'):
        read(tmp_path / 'a.flac')
    os.truncate(path, 2**30 + 1)  # sparse
    with pytest.raises(ValueError, match='more than 1073741824 bytes'):
        read(path)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((0, 1.0), 'rate is 0'),
        ((8000.5, 1.0), 'rate is 8000.5'),
        ((8000, 0.0), 'seconds is 0'),
        ((8000, 1e6), 'seconds is 1000000'),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        sources.Waves(*arguments)
