"""Arrays of one's own: an .npz with inputs, labels and parts."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks, tokens
from ssljax.data.sources import packed
from ssljax.data.sources.arrays import Arrays
from ssljax.data.sources.landmark_arrays import landmark_arrays
from ssljax.data.sources.mask_arrays import mask_arrays
from ssljax.data.sources.source import NO_LABEL

_PARTS = {'train': '', 'validation': 'validation_', 'test': 'test_'}


def npz(path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, np.ndarray]]:
    """Reads an .npz file of one's own into one Source with stable row numbers.

    The file holds an input, named ``image``, ``wave``, ``series``, ``tokens`` or as one
    likes, and ``label``; and where wanted ``unlabelled_<input>``,
    ``validation_<input>`` with ``validation_label``, ``test_<input>`` with
    ``test_label``. The input's name is found from the file: it is the one array beside
    ``label`` that stands for no part.

    A file with ``landmarks`` instead of ``label`` is read by ``landmark_arrays``, which
    says what else it holds; one with ``mask``, by ``mask_arrays``.

    Images are [N, H, W] or [N, H, W, channels], uint8 in 0..255 or floats ready to be
    fed; other inputs are [N, ...], finite floats or integers; labels are integers [N].
    Pickled arrays are refused.

    Args:
      path: of the file.

    Returns:
      The Source, the input (``image`` [N, H, W, channels] uint8 or float32; others
      [N, ...] float32 or int32) and ``label`` [N] int32, -1 where there is none; for
      ``tokens`` [N, T], filled up with 0, also their ``length`` [N]; and the rows of
      each part that the file has: 'train', 'validation', 'test', 'unlabelled'.

    Raises:
      InputError: if the file can't be read or ``checks`` finds something wrong.
    """
    arrays = _read(path)
    if 'landmarks' in arrays and 'label' not in arrays:
        return landmark_arrays(os.fspath(path), arrays)
    if 'mask' in arrays and 'label' not in arrays:
        return mask_arrays(os.fspath(path), arrays)
    field = _checked_names(path, arrays)
    kinds = {key: value for key, value in arrays.items() if key.endswith(field)}
    checks.same_kind(kinds)
    checks.labels('label', arrays['label'])
    checks.class_numbers('label', arrays['label'])
    num_classes = int(arrays['label'].max(initial=0)) + 1

    chunks, rows, start = [], {}, 0
    for part, prefix in (*_PARTS.items(), ('unlabelled', 'unlabelled_')):
        key = prefix + field
        if key not in arrays:
            continue
        found = arrays[key]
        value = _image(key, found) if field == 'image' else other(key, field, found)
        label = arrays.get(prefix + 'label', np.full(len(value), NO_LABEL))
        if part in _PARTS:
            checks.labels(prefix + 'label', label, num_classes)
        if len(label) != len(value):
            raise InputError(
                f'{key} has {len(value)} rows and {prefix}label {len(label)}; give one '
                'label a row.'
            )
        rows[part] = np.arange(start, start + len(value), dtype=np.int32)
        chunks.append((value, label.astype(np.int32)))
        start += len(value)
    values, labels = map(np.concatenate, zip(*chunks, strict=True))
    fields = {field: values, 'label': labels}
    if field == 'tokens':
        fields['length'] = tokens.lengths(values)
    return Arrays(fields), rows


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    try:
        return packed.arrays(path)
    except ValueError as error:
        raise InputError(
            f'{os.fspath(path)} is no readable .npz of plain arrays: {error}'
        ) from error


def _checked_names(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]
) -> str:
    """The input's name; the arrays belong together, and there are no others."""
    field = _field(os.fspath(path), arrays)
    labelled = {prefix + key for prefix in _PARTS.values() for key in (field, 'label')}
    for key in arrays:
        # A misspelt 'unlabeled_image' would otherwise be left out without a word.
        checks.known(
            f'a key of {os.fspath(path)}', key, labelled | {f'unlabelled_{field}'}
        )
    for prefix in _PARTS.values():
        pair = {prefix + field, prefix + 'label'}
        missing = pair - arrays.keys()
        if missing and (prefix == '' or len(missing) == 1):
            raise InputError(
                f'{os.fspath(path)} lacks {", ".join(sorted(missing))}; save it beside '
                'the others.'
            )
    return field


def _field(path: str, arrays: Mapping[str, np.ndarray]) -> str:
    """The name of the input."""
    parts = ('validation_', 'test_', 'unlabelled_')
    found = [key for key in arrays if key != 'label' and not key.startswith(parts)]
    if 'image' in found or not found:
        return 'image'
    # 'unlabeled_wave' is no input, but a misspelt part of 'wave'.
    own = [key for key in found if not any(key.endswith(f'_{x}') for x in found)]
    if len(own) > 1:
        raise InputError(
            f'{path} has the inputs {", ".join(own)}; save one of them beside label.'
        )
    return own[0]


def _image(name: str, values: np.ndarray) -> np.ndarray:
    """[N, H, W, channels] uint8 or float32."""
    if values.ndim not in (3, 4) or not values.size:
        raise InputError(
            f'{name} has shape {values.shape}; give [N, H, W] or [N, H, W, channels], '
            'none of them 0, or leave it out.'
        )
    if values.ndim == 3:
        values = values[..., None]
    if values.dtype == np.uint8:  # a quarter of the memory; views make floats of them
        return values
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(
            f'{name} is {values.dtype}; give uint8 in 0 to 255, or floats ready to be '
            'fed.'
        )
    checks.images(name, values)
    return values.astype(np.float32)


def other(name: str, field: str, values: np.ndarray) -> np.ndarray:
    """Returns an input [N, ...] as float32 or int32; a wave of 16 bits in [-1, 1).

    Raises:
      InputError: if it is empty, has one axis only, or is neither floats nor integers.
    """
    if values.ndim < 2 or not values.size:
        raise InputError(
            f'{name} has shape {values.shape}; give [N, ...], none of them 0, or leave '
            'it out.'
        )
    if np.issubdtype(values.dtype, np.floating):
        checks.finite(name, values)
        return values.astype(np.float32)
    if not np.issubdtype(values.dtype, np.integer):
        raise InputError(f'{name} is {values.dtype}; give floats or integers.')
    if field == 'wave':
        if values.dtype != np.int16:
            raise InputError(f'{name} is {values.dtype}; give int16, or floats.')
        return values.astype(np.float32) / 32768
    info = np.iinfo(np.int32)
    if values.min() < info.min or values.max() > info.max:
        raise InputError(f'{name} holds integers beyond 32 bits; give smaller ones.')
    return values.astype(np.int32)
