"""What a trained network is asked about: a folder of files, or an .npz."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssljax.contracts import InputError, Task
from ssljax.data import Arrays, checks, sources, tokens
from ssljax.data.sources import npz_files, packed


def opened(
    path: str | os.PathLike[str], task: Task, reading: Mapping[str, Any]
) -> sources.Source:
    """Returns the examples of a folder or file, to be decoded when they are asked for.

    Args:
      path: of a folder of pictures or sounds, searched with its subfolders in the order
        of their names, or of an .npz with the task's inputs.
      task: ``task.example`` says what shapes the network was trained on. Pictures are
        converted and resized to it as ``sources.Pictures`` does; arrays must have it.
      reading: of the job's configuration; rate and seconds of sounds.

    Raises:
      InputError: if there is nothing, or it does not fit.
    """
    path = Path(path)
    if not path.is_dir():
        return Arrays(arrays(path, task))
    if task.inputs == ('image',) and len(task.example['image'].shape) == 3:
        *size, channels = task.example['image'].shape
        return sources.flat_folder(path, sources.Pictures(tuple(size), channels))
    if task.inputs == ('wave',):
        if not {'rate', 'seconds'} <= set(reading):
            raise InputError(
                f'{path} is a folder, and the job was trained on waves of an .npz, '
                'whose rate is not known; give an .npz with wave.'
            )
        read = sources.Waves(reading['rate'], reading['seconds'])
        return sources.flat_folder(path, read)
    raise InputError(
        f'{path} is a folder, and the network takes {task.inputs[0]}; give an .npz '
        f'with {task.inputs[0]}.'
    )


def examples(
    path: str | os.PathLike[str], task: Task, num_classes: int = 0
) -> sources.Source:
    """Returns the labelled examples of an .npz, to be scored.

    Args:
      path: of the file, with the fields of ``task.example``.
      task: whose metrics are taken.
      num_classes: C; 0 where labels are no classes: those must have the very shapes
        that the network was trained on.

    Raises:
      InputError: as ``arrays``; or if a label is missing, not finite, or does not fit.
    """
    found = arrays(path, task, num_classes if 'label' in task.example else 0)
    rest = packed.arrays(path, task.example)
    count = len(found[task.inputs[0]])
    for name, like in task.example.items():
        if name in found:
            continue
        if name not in rest:
            raise InputError(f'{path} lacks {name}; save it beside.')
        if rest[name].shape != (count, *like.shape):
            raise InputError(
                f'{name} of {path} has shape {rest[name].shape}; give '
                f'{(count, *like.shape)}.'
            )
        if np.issubdtype(rest[name].dtype, np.floating):
            checks.finite(f'{name} of {path}', rest[name])
        if name == 'mask':
            checks.masks(f'{name} of {path}', rest[name], num_classes or None)
        found[name] = rest[name].astype(like.dtype)
    return Arrays(found)


def arrays(
    path: str | os.PathLike[str], task: Task, num_classes: int = 0
) -> dict[str, np.ndarray]:
    """Reads the task's input, and with ``num_classes`` also ``label``, of an .npz.

    Args:
      path: of the file.
      task: whose ``example`` has the shapes that the network was trained on; of an
        image, a single channel may be left out.
      num_classes: C; labels must be integers in [0, C).

    Returns:
      The input [N, ...], float32, int32 or of images uint8; the ``length`` of tokens
      [N] int32; ``label`` [N] int32.

    Raises:
      InputError: if the file, its keys, shapes or values can't be used.
    """
    field = task.inputs[0]
    wanted = [field, 'label'] if num_classes else [field]
    try:
        found = packed.arrays(path, wanted)
    except ValueError as error:
        raise InputError(
            f'{path} is neither a folder of files nor a readable .npz: {error}'
        ) from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f'{path} lacks {" and ".join(missing)}; save it beside.')
    value, shape = found[field], task.example[field].shape
    if field == 'image' and value.ndim == 3 and shape[2] == 1:
        value = value[..., None]
    if value.shape[1:] != shape or not len(value):
        raise InputError(
            f'{field} of {path} has shape {value.shape}; the network was trained on '
            f'[N, {", ".join(map(str, shape))}] with N above 0.'
        )
    result = {field: _typed(f'{field} of {path}', field, value)}
    if field == 'tokens':
        result['length'] = tokens.lengths(result['tokens'])
    if num_classes:
        label = found['label']
        checks.labels(f'label of {path}', label, num_classes)
        if len(label) != len(value):
            raise InputError(
                f'{path} has {len(value)} of {field} and {len(label)} labels; give one '
                'label each.'
            )
        result['label'] = label.astype(np.int32)
    return result


def _typed(name: str, field: str, value: np.ndarray) -> np.ndarray:
    if field == 'image' and value.dtype == np.uint8:
        return value
    if field == 'tokens':
        if not np.issubdtype(value.dtype, np.integer):
            raise InputError(f'{name} is {value.dtype}; give integers.')
        return value.astype(np.int32)
    if field != 'image':
        return npz_files.other(name, field, value)
    if not np.issubdtype(value.dtype, np.floating):
        raise InputError(f'{name} is {value.dtype}; give uint8 or floats.')
    checks.images(name, value)
    return value.astype(np.float32)
