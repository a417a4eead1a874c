"""Public data sets, read by numpy from the files that their authors published.

The readers return the Source, ``image`` [N, H, W, channels] uint8 and ``label`` [N]
int32, and the rows of each part. None has been run on the original files, which the
tests do not have: the tests write files in the documented formats.
"""

from __future__ import annotations

import functools
import os
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources import packed
from ssljax.data.sources.arrays import Arrays
from ssljax.data.sources.joined import join
from ssljax.data.sources.source import NO_LABEL

Parts = dict[str, np.ndarray]
"""Rows [n] int32 by part: 'train', 'validation', 'test', 'unlabelled'."""

BROKEN = (OSError, EOFError, zlib.error, tarfile.TarError)


def cifar10(path: str | os.PathLike[str]) -> tuple[Arrays, Parts]:
    """Reads CIFAR-10: 50000 + 10000 images of 32x32, 10 classes.

    Args:
      path: of cifar-10-binary.tar.gz, or of the folder that it unpacks to. A record is
        the label and 3072 bytes: the red, the green and the blue plane, row by row.

    Raises:
      InputError: if a file is missing, cut short, or holds an impossible label.

    Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
    """
    get = 'cifar-10-binary.tar.gz'
    batches = [f'data_batch_{i}.bin' for i in range(1, 6)]
    files = _files(path, [*batches, 'test_batch.bin', 'batches.meta.txt'], get)
    classes = files['batches.meta.txt'].decode('latin-1').split()
    parts = {'train': b''.join(files[name] for name in batches)}
    parts['test'] = files['test_batch.bin']
    return _cifar(path, parts, classes, skipped=0)


def cifar100(path: str | os.PathLike[str]) -> tuple[Arrays, Parts]:
    """Reads CIFAR-100: 50000 + 10000 images of 32x32, by its 100 fine classes.

    Args:
      path: of cifar-100-binary.tar.gz, or of the folder that it unpacks to. A record
        is as in ``cifar10``, with the coarse label before the fine one.

    Raises:
      InputError: as ``cifar10``.

    Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
    """
    names = ['train.bin', 'test.bin', 'fine_label_names.txt']
    files = _files(path, names, 'cifar-100-binary.tar.gz')
    classes = files['fine_label_names.txt'].decode('latin-1').split()
    parts = {'train': files['train.bin'], 'test': files['test.bin']}
    return _cifar(path, parts, classes, skipped=1)


def svhn(path: str | os.PathLike[str]) -> tuple[Arrays, Parts]:
    """Reads SVHN, cropped digits: 73257 + 26032 images of 32x32, 10 classes.

    Args:
      path: of a folder with train_32x32.mat and test_32x32.mat, and where wanted
        extra_32x32.mat, whose 531131 images become unlabelled rows. They hold X
        [32, 32, 3, N] and y [N, 1] from 1 to 10, where 10 is the digit 0.

    Raises:
      InputError: if SciPy is not installed, or a file is missing or not as described.

    Source: Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise InputError("SVHN needs SciPy: pip install 'ssljax[data]'") from error
    found = {}
    for part, stem in (('train', 'train'), ('test', 'test'), ('unlabelled', 'extra')):
        file = Path(path) / f'{stem}_32x32.mat'
        if part == 'unlabelled' and not file.exists():
            continue
        try:
            content = loadmat(file, variable_names=['X', 'y'])
            image, label = content['X'], content['y'].reshape(-1)
        except Exception as error:  # SciPy raises nearly anything on broken files
            raise InputError(
                f'{file} is no readable file of SVHN: {error}; get it from '
                'http://ufldl.stanford.edu/housenumbers (format 2, cropped digits).'
            ) from error
        if image.shape != (32, 32, 3, len(label)) or image.dtype != np.uint8:
            raise InputError(
                f'{file} holds X {image.shape} {image.dtype} and {len(label)} labels; '
                'it should be [32, 32, 3, N] uint8.'
            )
        label = between(file, label, 1, 10) % 10
        if part == 'unlabelled':
            label = np.full_like(label, NO_LABEL)
        found[part] = np.ascontiguousarray(image.transpose(3, 0, 1, 2)), label
    return together(found, [str(digit) for digit in range(10)])


def stl10(path: str | os.PathLike[str]) -> tuple[Arrays, Parts]:
    """Reads STL-10: 5000 + 8000 images of 96x96, 10 classes, 100000 unlabelled.

    Args:
      path: of stl10_binary.tar.gz, or of the folder that it unpacks to. An image is 3
        planes of 96x96 bytes, column by column; labels are bytes from 1 to 10. The
        unlabelled images take 2.8 GB of memory.

    Raises:
      InputError: if a file is missing, cut short, or holds an impossible label.

    Source: Coates et al. 2011, https://cs.stanford.edu/~acoates/stl10
    """
    names = ['train_X', 'train_y', 'test_X', 'test_y', 'unlabeled_X']
    files = _files(
        path, [*(f'{n}.bin' for n in names), 'class_names.txt'], 'stl10_binary.tar.gz'
    )
    classes = files['class_names.txt'].decode('latin-1').split()
    found = {}
    for part, stem in (('train',) * 2, ('test',) * 2, ('unlabelled', 'unlabeled')):
        planes = _records(path, f'{stem}_X.bin', files[f'{stem}_X.bin'], 3 * 96 * 96)
        image = planes.reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
        label = np.full(len(image), NO_LABEL)
        if part != 'unlabelled':
            label = np.frombuffer(files[f'{stem}_y.bin'], np.uint8)
            label = between(Path(path) / f'{stem}_y.bin', label, 1, len(classes)) - 1
        found[part] = np.ascontiguousarray(image), label
    return together(found, classes)


def between(where: object, labels: np.ndarray, low: int, high: int) -> np.ndarray:
    """Returns labels as int32; refuses one that is not from low to high."""
    bad = (labels < low) | (labels > high)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f'label {row} of {where} is {labels[row]}; it should be from {low} to '
            f'{high}: get the file anew.'
        )
    return labels.astype(np.int32)


def together(
    found: Mapping[str, tuple[np.ndarray, np.ndarray]], classes: Sequence[str]
) -> tuple[Arrays, Parts]:
    """Returns one Source of parts {name: (image, label)}, and their rows."""
    for part, (image, label) in found.items():
        if len(label) != len(image):
            raise InputError(
                f'the {part} part has {len(image)} images and {len(label)} labels; get '
                'its files anew.'
            )
    source, parts = join(
        {
            part: Arrays({'image': image, 'label': label}, classes=classes)
            for part, (image, label) in found.items()
        }
    )
    assert isinstance(source, Arrays)
    return source, parts


def _cifar(
    path: str | os.PathLike[str],
    parts: Mapping[str, bytes],
    classes: Sequence[str],
    *,
    skipped: int,
) -> tuple[Arrays, Parts]:
    """Records of ``skipped`` bytes, a label, and 3 planes of 32x32."""
    found = {}
    for part, content in parts.items():
        records = _records(path, f'the {part} part', content, skipped + 1 + 3072)
        label = between(f'{path}, {part}', records[:, skipped], 0, len(classes) - 1)
        image = records[:, skipped + 1 :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        found[part] = np.ascontiguousarray(image), label
    return together(found, classes)


def _files(
    path: str | os.PathLike[str], names: Sequence[str], get: str
) -> dict[str, bytes]:
    """Contents by name, of the files of a folder or of a .tar.gz, anywhere in it."""
    path = Path(path)
    try:
        if path.is_dir():
            there = {file.name: file for file in path.rglob('*')}
            return _wanted(path, there, names, get, lambda file: file.read_bytes())
        with tarfile.open(path) as archive:
            members = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}
            # Read in place: nothing of an archive is ever written.
            return _wanted(
                path, members, names, get, functools.partial(_member, archive)
            )
    except BROKEN as error:
        raise InputError(
            f'{path} is no readable {get}: {error}; get it anew.'
        ) from error


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > packed.MAX_BYTES:
        raise tarfile.TarError(
            f'{member.name} has {member.size} bytes, more than the {packed.MAX_BYTES} '
            'that are read'
        )
    file = archive.extractfile(member)
    return file.read() if file else b''


def _wanted(path: Path, there: Mapping, names: Sequence[str], get: str, read: Callable):
    missing = [name for name in names if name not in there]
    if missing and {'data_batch_1', 'test_batch', 'train', 'meta'} & there.keys():
        raise InputError(
            f'{path} is the pickled version, which could run any code and is not '
            f'read; get the binary one, {get}.'
        )
    if missing:
        raise InputError(f'{path} lacks {", ".join(missing)}; get {get} anew.')
    return {name: read(there[name]) for name in names}


def _records(path, name: str, content: bytes, size: int) -> np.ndarray:
    """[N, size] uint8."""
    if not content or len(content) % size:
        raise InputError(
            f'{name} of {os.fspath(path)} has {len(content)} bytes, which is no '
            f'multiple of {size}; get it anew.'
        )
    return np.frombuffer(content, np.uint8).reshape(-1, size)
