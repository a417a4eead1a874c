"""One rule for every kind of picture."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ssljax.contracts import InputError
from ssljax.data import sources
from ssljax.data.sources import pictures

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOUR = np.stack([GREY, GREY[::-1], GREY.T], -1)


def _png(path, bits, kind, rows):
    """A PNG by its specification: Pillow writes no 16-bit colour."""

    def chunk(name, content):
        crc = zlib.crc32(name + content)
        return struct.pack('>I', len(content)) + name + content + struct.pack('>I', crc)

    height, width = len(rows), len(rows[0]) // (bits // 8 * {0: 1, 2: 3}[kind])
    header = struct.pack('>IIBBBBB', width, height, bits, kind, 0, 0, 0)
    data = zlib.compress(b''.join(b'\0' + bytes(row) for row in rows))
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + chunk(b'IDAT', data)
        + chunk(b'IEND', b'')
    )
    return path


def test_grey_and_colour_as_they_are(tmp_path):
    Image.fromarray(GREY).save(tmp_path / 'grey.png')
    Image.fromarray(COLOUR).save(tmp_path / 'colour.bmp')
    grey = sources.Pictures((8, 8), 1)(tmp_path / 'grey.png')
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey, GREY[..., None])
    np.testing.assert_array_equal(
        sources.Pictures(None, 3)(tmp_path / 'colour.bmp'), COLOUR
    )
    np.testing.assert_array_equal(
        sources.Pictures(None, 3)(tmp_path / 'grey.png'), np.stack([GREY] * 3, -1)
    )


def test_transparent_pixels_lie_on_black(tmp_path):
    alpha = np.full((8, 8), 255, np.uint8)
    alpha[0] = 0
    rgba = np.concatenate([COLOUR + 1, alpha[..., None]], -1)
    Image.fromarray(rgba).save(tmp_path / 'rgba.png')
    read = sources.Pictures(None, 3)(tmp_path / 'rgba.png')
    assert not read[0].any()
    np.testing.assert_array_equal(read[1:], (COLOUR + 1)[1:])
    whole = sources.Pictures(None, 4)(tmp_path / 'rgba.png')
    np.testing.assert_array_equal(whole, rgba)
    # The same in a palette, whose colour 0 is see-through.
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), 'L').convert('P')
    palette.putpalette([200, 200, 200, 10, 20, 30])
    palette.save(tmp_path / 'p.png', transparency=0)
    read = sources.Pictures(None, 3)(tmp_path / 'p.png')
    np.testing.assert_array_equal(read[0], [[0, 0, 0], [10, 20, 30]])


def test_palette_black_and_white_and_cmyk(tmp_path):
    Image.fromarray(GREY).convert('P').save(tmp_path / 'p.gif')
    np.testing.assert_array_equal(
        sources.Pictures(None, 1)(tmp_path / 'p.gif')[..., 0], GREY
    )
    bits = Image.fromarray(np.uint8([[0, 255]])).convert('1')
    bits.save(tmp_path / 'b.png')
    np.testing.assert_array_equal(
        sources.Pictures(None, 1)(tmp_path / 'b.png')[0, :, 0], [0, 255]
    )
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[..., 0] = 255  # cyan
    Image.fromarray(ink, 'CMYK').save(tmp_path / 'ink.tif')
    assert (sources.Pictures(None, 3)(tmp_path / 'ink.tif') == [0, 255, 255]).all()


def test_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(GREY[:4]).save(tmp_path / 'side.png', exif=exif)
    read = sources.Pictures(None, 1)(tmp_path / 'side.png')
    np.testing.assert_array_equal(read[..., 0], np.rot90(GREY[:4], -1))
    assert pictures.measure([tmp_path / 'side.png']) == sources.Pictures((8, 4), 1)


def test_resized_whole(tmp_path):
    Image.fromarray(np.kron(GREY, np.ones((4, 4), np.uint8))).save(tmp_path / 'a.png')
    read = sources.Pictures((8, 8), 1)(tmp_path / 'a.png')[..., 0]
    assert np.abs(read.astype(int) - GREY).max() <= 10
    assert sources.Pictures((4, 6), 3)(tmp_path / 'a.png').shape == (4, 6, 3)


def test_more_than_8_bits_are_refused(tmp_path):
    Image.fromarray(GREY.astype(np.uint16) * 100).save(tmp_path / 'deep.png')
    deep = _png(tmp_path / 'colour.png', 16, 2, [range(12), range(12, 24)])
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / 'float.tif')
    for name in ('deep.png', deep.name, 'float.tif'):
        with pytest.raises(ValueError, match='more than 8 bits a channel'):
            sources.Pictures(None, 3)(tmp_path / name)
    # The same writer with 8 bits is fine: it is the bits that are refused.
    flat = _png(tmp_path / 'flat.png', 8, 2, [range(12), range(12, 24)])
    assert sources.Pictures(None, 3)(flat).ravel().tolist() == [*range(24)]


@pytest.mark.parametrize('side', [9_000, 12_000, 40_000])
def test_absurd_sizes_are_refused_before_they_are_decoded(tmp_path, side):
    path = _png(tmp_path / 'bomb.png', 8, 0, [b'\0'])
    content = path.read_bytes()
    header = struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)
    crc = struct.pack('>I', zlib.crc32(b'IHDR' + header))
    path.write_bytes(content[:16] + header + crc + content[33:])
    with pytest.raises(ValueError, match=r'pixels'):
        sources.Pictures((8, 8), 1)(path)


def test_what_is_no_picture(tmp_path):
    (tmp_path / 'text.png').write_text('no picture')
    (tmp_path / 'empty.png').write_bytes(b'')
    postscript = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n'
    (tmp_path / 'program.png').write_bytes(postscript)
    for name in ('text.png', 'empty.png', 'program.png'):
        with pytest.raises(ValueError, match='no picture of the formats PNG'):
            sources.Pictures((8, 8), 1)(tmp_path / name)
    Image.fromarray(COLOUR).save(tmp_path / 'cut.png')
    os.truncate(tmp_path / 'cut.png', 60)
    with pytest.raises(ValueError):
        sources.Pictures((8, 8), 1)(tmp_path / 'cut.png')
    with pytest.raises(ValueError, match='No such file'):
        sources.Pictures((8, 8), 1)(tmp_path / 'missing.png')


def test_measured_from_headers(tmp_path):
    Image.fromarray(GREY).save(tmp_path / 'a.png')
    Image.fromarray(COLOUR).save(tmp_path / 'b.png')
    Image.fromarray(GREY[:4]).save(tmp_path / 'c.png')
    (tmp_path / 'd.png').write_text('no picture')
    a, b, c, d = (tmp_path / f'{x}.png' for x in 'abcd')
    assert pictures.measure([d, a]) == sources.Pictures((8, 8), 1)
    assert pictures.measure([a, b]) == sources.Pictures((8, 8), 3)
    with pytest.raises(InputError, match=r'a.png has 8x8 .*c.png 4x8; give size='):
        pictures.measure([a, c])
    with pytest.raises(InputError, match='none of the pictures can be read'):
        pictures.measure([d])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (((8, 8), 2), 'channels is 2'),
        (((0, 8), 1), r'size is \(0, 8\)'),
        (((10**5, 10**5), 1), r'size is \(100000'),
        (((8, 8, 8), 1), r'size is \(8, 8, 8\)'),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        sources.Pictures(*arguments)
