"""What a trained network is asked about: a folder of images, or an .npz."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks, sources

Items = Sequence[str | int]
"""Names of items, in order: paths inside a folder, or indices of an array."""


def batches(
    path: str | os.PathLike[str], shape: tuple[int, int, int], size: int
) -> tuple[int, Iterator[tuple[Items, np.ndarray]]]:
    """Reads images a batch at a time, so that a folder of any size fits in memory.

    Args:
      path: of a folder, searched with its subfolders in the order of their names, or of
        an .npz with ``image``.
      shape: (H, W, channels) that the network was trained on. Pictures of a folder are
        converted and resized to it as ``sources.Pictures`` does; arrays must have it.
      size: images a batch; the last one may be smaller.

    Returns:
      How many images there are, and an iterator of (names, images [n, H, W, channels]
      float32, those of 8 bits divided by 255).

    Raises:
      InputError: if there are no images; when reached, naming the file, if one can't be
        read.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path, shape, size)
    image = arrays(path, shape)['image']
    starts = range(0, len(image), size)
    return len(image), (
        (range(len(image))[at : at + size], image[at : at + size]) for at in starts
    )


def arrays(
    path: str | os.PathLike[str], shape: tuple[int, int, int], num_classes: int = 0
) -> dict[str, np.ndarray]:
    """Reads ``image``, and with ``num_classes`` also ``label``, of an .npz.

    Args:
      path: of the file.
      shape: (H, W, channels) that the images must have; a single channel may be left
        out. Integers of 8 bits are divided by 255, floats are taken as they are.
      num_classes: C; labels must be integers in [0, C).

    Returns:
      ``image`` [N, H, W, channels] float32, ``label`` [N] int32.

    Raises:
      InputError: if the file, its keys, shapes or values can't be used.
    """
    wanted = ['image', 'label'] if num_classes else ['image']
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in wanted if name in file}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f'{path} is neither a folder of images nor a readable .npz: {error}'
        ) from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f'{path} lacks {" and ".join(missing)}; save it beside.')
    image = found['image']
    if image.ndim == 3 and shape[2] == 1:
        image = image[..., None]
    if image.shape[1:] != shape or not len(image):
        raise InputError(
            f'image of {path} has shape {image.shape}; the network was trained on '
            f'[N, {", ".join(map(str, shape))}] with N above 0.'
        )
    if image.dtype == np.uint8:
        image = image.astype(np.float32) / 255
    elif not np.issubdtype(image.dtype, np.floating):
        raise InputError(f'image of {path} is {image.dtype}; give uint8 or floats.')
    checks.images(f'image of {path}', image)
    result = {'image': image.astype(np.float32)}
    if num_classes:
        label = found['label']
        checks.labels(f'label of {path}', label, num_classes)
        if len(label) != len(image):
            raise InputError(
                f'{path} has {len(image)} images and {len(label)} labels; give one '
                'label an image.'
            )
        result['label'] = label.astype(np.int32)
    return result


def _folder(path: Path, shape: tuple[int, int, int], size: int):
    source = sources.flat_folder(path, sources.Pictures(shape[:2], shape[2]))

    def read() -> Iterator[tuple[Items, np.ndarray]]:
        for at in range(0, len(source), size):
            some = range(len(source))[at : at + size]
            images = np.stack([source[row]['image'] for row in some])
            yield [source.name(row) for row in some], images.astype(np.float32) / 255

    return len(source), read()
