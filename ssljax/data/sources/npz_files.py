"""Arrays of one's own: an .npz with inputs, labels and parts."""

from __future__ import annotations

import os
import zipfile

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources.arrays import Arrays
from ssljax.data.sources.source import NO_LABEL

_PARTS = {'train': '', 'validation': 'validation_', 'test': 'test_'}


def npz(path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, np.ndarray]]:
    """Reads an .npz file of one's own into one Source with stable row numbers.

    The file holds ``image`` and ``label``, and where wanted ``unlabelled_image``,
    ``validation_image`` with ``validation_label``, ``test_image`` with ``test_label``.
    Images are [N, H, W] or [N, H, W, channels], uint8 in 0..255 or floats ready to be
    fed; labels are integers [N]. Pickled arrays are refused.

    Args:
      path: of the file.

    Returns:
      The Source, ``image`` [N, H, W, channels] float32 (uint8 is divided by 255) and
      ``label`` [N] int32, -1 where there is none; and the rows of each part that the
      file has: 'train', 'validation', 'test', 'unlabelled'.

    Raises:
      InputError: if the file can't be read or ``checks`` finds something wrong.
    """
    arrays = _read(path)
    kinds = {key: value for key, value in arrays.items() if key.endswith('image')}
    checks.same_kind(kinds)
    checks.labels('label', arrays['label'])
    checks.class_numbers('label', arrays['label'])
    num_classes = int(arrays['label'].max(initial=0)) + 1

    chunks, rows, start = [], {}, 0
    for part, prefix in (*_PARTS.items(), ('unlabelled', 'unlabelled_')):
        key = prefix + 'image'
        if key not in arrays:
            continue
        image = _image(key, arrays[key])
        label = arrays.get(prefix + 'label', np.full(len(image), NO_LABEL))
        if part in _PARTS:
            checks.labels(prefix + 'label', label, num_classes)
        if len(label) != len(image):
            raise InputError(
                f'{key} has {len(image)} rows and {prefix}label {len(label)}; give one '
                'label an image.'
            )
        rows[part] = np.arange(start, start + len(image), dtype=np.int32)
        chunks.append((image, label.astype(np.int32)))
        start += len(image)
    image, label = map(np.concatenate, zip(*chunks, strict=True))
    return Arrays({'image': image, 'label': label}), rows


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of the file, with the keys that belong together and no others."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f'{os.fspath(path)} is no readable .npz of plain arrays: {error}'
        ) from error
    labelled = {
        prefix + key for prefix in _PARTS.values() for key in ('image', 'label')
    }
    for key in arrays:
        # A misspelt 'unlabeled_image' would otherwise be left out without a word.
        checks.known(
            f'a key of {os.fspath(path)}', key, labelled | {'unlabelled_image'}
        )
    for prefix in _PARTS.values():
        pair = {prefix + 'image', prefix + 'label'}
        missing = pair - arrays.keys()
        if missing and (prefix == '' or len(missing) == 1):
            raise InputError(
                f'{os.fspath(path)} lacks {", ".join(sorted(missing))}; save it beside '
                'the others.'
            )
    return arrays


def _image(name: str, values: np.ndarray) -> np.ndarray:
    """[N, H, W, channels] float32."""
    if values.ndim not in (3, 4) or not values.size:
        raise InputError(
            f'{name} has shape {values.shape}; give [N, H, W] or [N, H, W, channels], '
            'none of them 0, or leave it out.'
        )
    if values.ndim == 3:
        values = values[..., None]
    if values.dtype == np.uint8:
        return values.astype(np.float32) / 255
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(
            f'{name} is {values.dtype}; give uint8 in 0 to 255, or floats ready to be '
            'fed.'
        )
    checks.images(name, values)
    return values.astype(np.float32)
