"""MNIST and what has its format, read from the files that their authors published.

It has not been run on the original files, which the tests do not have: the tests write
files in the documented format.
"""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources import packed
from ssljax.data.sources.arrays import Arrays
from ssljax.data.sources.originals import BROKEN, Parts, between, together


def mnist(path: str | os.PathLike[str]) -> tuple[Arrays, Parts]:
    """Reads MNIST and what has its format: Fashion-MNIST, KMNIST, a split of EMNIST.

    Args:
      path: of a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and the
        same of t10k (or test), each as it is or .gz. They hold the bytes 0, 0, 8, the
        number of axes, each axis as 4 bytes, the highest first, and the values. Images
        of EMNIST lie mirrored on their side, as its authors have them.

    Raises:
      InputError: if a file is missing, there twice, cut short, or the labels of it skip
        a class.

    Source: LeCun et al. 1998, "The MNIST database of handwritten digits"
    """
    pattern = r'(?:.*-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(?:\.gz)?'
    folder = Path(path)
    named: dict[tuple[str, str], Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if match := re.fullmatch(pattern, file.name):
            key = 'train' if match[1] == 'train' else 'test', match[2]
            if key in named:
                raise InputError(
                    f'{folder} holds {named[key].name} and {file.name}; keep one of '
                    'them there.'
                )
            named[key] = file
    found = {}
    for part, original in (('train', 'train'), ('test', 't10k')):
        for kind, axes in (('images', 3), ('labels', 1)):
            if (part, kind) not in named:
                raise InputError(
                    f'{folder} has no {original}-{kind}-idx{axes}-ubyte or .gz of it; '
                    'put it there.'
                )
        image, label = (
            _idx(named[part, kind], axes)
            for kind, axes in (('images', 3), ('labels', 1))
        )
        if len(image) != len(label):
            raise InputError(
                f'{named[part, "images"]} has {len(image)} images and '
                f'{named[part, "labels"].name} {len(label)} labels; get them anew.'
            )
        found[part] = image[..., None], label
    checks.class_numbers(named['train', 'labels'].name, found['train'][1])
    count = int(found['train'][1].max()) + 1
    between(named['test', 'labels'], found['test'][1], 0, count - 1)
    return together(found, [str(number) for number in range(count)])


def _idx(path: Path, axes: int) -> np.ndarray:
    """The uint8 array of an idx file of so many axes."""
    try:
        with (gzip.open if path.suffix == '.gz' else open)(path, 'rb') as file:
            head = file.read(4 + 4 * axes)
            shape = tuple(np.frombuffer(head[4:], '>u4').tolist())
            if head[:4] != bytes([0, 0, 8, axes]) or len(shape) != axes:
                raise InputError(
                    f'{path} is no idx file of {axes} axes of bytes; get it anew.'
                )
            size = int(np.prod(shape, dtype=object))
            # One more than there should be: of a bomb, no more is unpacked.
            content = file.read(min(size, packed.MAX_BYTES) + 1)
    except InputError:
        raise
    except (*BROKEN, ValueError) as error:
        raise InputError(f'{path} can not be read: {error}; get it anew.') from error
    if len(content) != size or not size:
        more = 'more' if len(content) > size else len(content)
        raise InputError(f'{path} says {shape} and holds {more} bytes; get it anew.')
    return np.frombuffer(content, np.uint8).reshape(shape)
