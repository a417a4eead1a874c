"""Picture files to arrays, by one rule for training and for prediction.

- Turned upright by EXIF. Transparent pixels lie on black. Palettes, CMYK (without its
  colour profile) and black-and-white are converted. Of an animation, the first frame.
- Resized whole to ``size``, bilinear and antialiased: the aspect ratio may change.
- Refused: more than 8 bits a channel (which of the levels matter is known only to who
  took the picture), more than ``MAX_PIXELS``, and any format not in ``FORMATS``,
  whatever the file's ending says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ssljax.contracts import InputError

FORMATS = ('PNG', 'JPEG', 'BMP', 'GIF', 'TIFF', 'WEBP', 'PPM', 'JPEG2000')
"""Formats of Pillow; those that run other programs, such as EPS, are left out."""
MAX_PIXELS = 2**26
"""More are not decoded: a file of some kilobytes can claim to hold gigabytes."""

_MODES = {1: 'L', 3: 'RGB', 4: 'RGBA'}
_ORIENTATION = 0x0112  # of EXIF; 5 to 8 lie on their side


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Reads a picture: ``pictures(path) -> [H, W, channels] uint8``.

    Args:
      size: (H, W) to resize to; None leaves every picture its own.
      channels: 1 grey, 3 RGB, 4 RGBA.

    Raises:
      InputError: if Pillow is not installed, or a number can't be used.
    """

    size: tuple[int, int] | None
    channels: int = 3

    field = 'image'
    endings = (
        *('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.tif', '.tiff', '.webp'),
        *('.ppm', '.pgm', '.pbm', '.jp2'),
    )

    def __post_init__(self):
        _pillow()
        if self.channels not in _MODES:
            raise InputError(
                f'channels is {self.channels}, which no picture has; give 1, 3 or 4.'
            )
        sides = self.size or (1, 1)
        if len(sides) != 2 or min(sides) < 1 or sides[0] * sides[1] > MAX_PIXELS:
            raise InputError(
                f'size is {self.size}; give (height, width), both at least 1 and '
                f'together at most {MAX_PIXELS} pixels.'
            )

    def __call__(self, path: Path) -> np.ndarray:
        """Decodes one file; raises ValueError with what is wrong with it."""
        from PIL import Image, ImageOps

        try:
            with Image.open(path, formats=FORMATS) as image:
                _check(image)
                picture = self._converted(ImageOps.exif_transpose(image))
        # On broken files Pillow's plugins raise nearly anything: OSError, SyntaxError,
        # struct.error, IndexError, its own errors and warnings about bombs.
        except Exception as error:
            raise ValueError(_reason(error)) from error
        if self.size and picture.size != self.size[::-1]:
            picture = picture.resize(self.size[::-1], Image.Resampling.BILINEAR)
        return np.array(picture).reshape(*picture.size[::-1], self.channels)

    def _converted(self, image):
        from PIL import Image

        if self.channels != 4 and image.has_transparency_data:
            image = image.convert('RGBA')
            black = Image.new('RGBA', image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, image).convert('RGB')
        return image.convert(_MODES[self.channels])


def measure(files: Iterable[Path], size: tuple[int, int] | None = None) -> Pictures:
    """Returns how to read pictures as they are, from their headers alone.

    Args:
      files: of pictures; those that can't be read are passed over.
      size: (H, W) to resize all to; None demands that all have the same.

    Returns:
      Pictures of that size; grey if all are, else RGB.

    Raises:
      InputError: if sizes differ, or no file can be read.
    """
    Image = _pillow()
    first, wrong, common, channels = None, None, (0, 0), 1
    for file in files:
        try:
            with Image.open(file, formats=FORMATS) as image:
                _check(image)
                found = image.size[::-1]
                if image.getexif().get(_ORIENTATION, 1) > 4:
                    found = found[::-1]
                if image.mode not in ('1', 'L', 'LA'):
                    channels = 3
        except Exception as error:  # as in Pictures
            wrong = wrong or f'{file}: {_reason(error)}'
            continue
        if first is None:
            first, common = file, found
        elif found != common and size is None:
            raise InputError(
                f'{first} has {common[0]}x{common[1]} pixels and {file} '
                f'{found[0]}x{found[1]}; give size=(height, width) to resize all to.'
            )
    if first is None:
        raise InputError(f'none of the pictures can be read: {wrong}.')
    return Pictures(size or common, channels)


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError(
            'reading pictures needs Pillow, which comes with pip install '
            "'ssljax[data]'."
        ) from error
    return Image


def _check(image) -> None:
    """Refuses, before a pixel is decoded, what would not come out right."""
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(
            f'{image.height}x{image.width} pixels are more than the {MAX_PIXELS} that '
            'are decoded'
        )
    # Of 16-bit colour Pillow says mode RGB and drops the lower bits without a word.
    raw = ' '.join(str(tile[3]) for tile in image.tile)
    if image.mode[0] in 'IF' or ';16' in raw:
        raise ValueError(
            f'more than 8 bits a channel (mode {image.mode}); scale it to 8 bits, or '
            'give floats in an .npz'
        )


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f'no picture of the formats {", ".join(FORMATS)}'
    return str(error) or type(error).__name__
