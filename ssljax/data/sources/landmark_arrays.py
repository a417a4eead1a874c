"""Landmarks of one's own: an .npz with images or clips, and what is marked on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources.arrays import Arrays

_PARTS = {
    'train': '',
    'validation': 'validation_',
    'test': 'test_',
    'unlabelled': 'unlabelled_',
}
_NUMBERS = ('person', 'clip', 'frame')
_COLUMNS = (*_NUMBERS, 'size')
_FIELDS = ('image', 'landmarks', 'visible', 'annotated', *_COLUMNS)


def landmark_arrays(
    path: str, arrays: Mapping[str, np.ndarray]
) -> tuple[Arrays, dict[str, np.ndarray]]:
    """Makes one Source of the arrays of an .npz.

    Args:
      path: what the messages call the file.
      arrays: ``image`` [N, H, W, channels] uint8, or floats ready to be fed, of clips
        [N, T, H, W, channels]; ``landmarks`` [N, (T,) K, 2] finite floats, (x, y) in
        pixels; where wanted ``visible`` [N, (T,) K] and ``annotated`` [N, (T)], bool,
        else all are; and ``person``, ``clip``, ``frame`` [N] integers and ``size``
        [N, (T)], pixels above 0, by which errors can be measured. The same with
        ``validation_`` and ``test_`` before them; ``unlabelled_image`` has no
        landmarks. A column of one part is one of all.

    Returns:
      The Source, with all of these fields, not annotated where there are no landmarks;
      and the rows of each part that the file has.

    Raises:
      InputError: if names, shapes or types do not fit.
    """
    known = {prefix + name for prefix in _PARTS.values() for name in _FIELDS}
    for key in arrays:
        # A misspelt 'unlabeled_image' would otherwise be left out without a word.
        checks.known(f'a key of {path}', key, known)
    parts, rows, start = [], {}, 0
    for part, prefix in _PARTS.items():
        own = {n: arrays[prefix + n] for n in _FIELDS if prefix + n in arrays}
        if not own:
            continue
        parts.append(_part(path, prefix, own, arrays['landmarks']))
        count = len(parts[-1]['image'])
        rows[part] = np.arange(start, start + count, dtype=np.int32)
        start += count
    columns = [name for name in _COLUMNS if any(name in part for part in parts)]
    for (part, prefix), own in zip(((p, _PARTS[p]) for p in rows), parts, strict=True):
        lacking = [prefix + name for name in columns if name not in own]
        if lacking:
            raise InputError(
                f'{path} lacks {", ".join(lacking)}, which other parts than {part} '
                'have; save it beside them.'
            )
    checks.same_kind({p: own['image'] for p, own in zip(rows, parts, strict=True)})
    fields = {
        name: np.concatenate([own[name] for own in parts])
        for name in ('image', 'landmarks', 'visible', 'annotated', *columns)
    }
    return Arrays(fields), rows


def _part(path, prefix, own, like) -> dict[str, np.ndarray]:
    """One part's fields, all there and of the right type."""
    needed = ['image'] if prefix == _PARTS['unlabelled'] else ['image', 'landmarks']
    lacking = [prefix + name for name in needed if name not in own]
    if lacking or len(needed) == 1 and own.keys() - {'image', *_COLUMNS}:
        raise InputError(
            f'{path} has {", ".join(prefix + name for name in own)}; give '
            f'{" and ".join(prefix + name for name in needed)}, and no landmarks to '
            'unlabelled images.'
        )
    image = own['image']
    if image.ndim not in (4, 5) or not image.size:
        raise InputError(
            f'{prefix}image has shape {image.shape}; give [N, H, W, channels], or [N, '
            'T, H, W, channels] of clips.'
        )
    if image.dtype != np.uint8:
        checks.images(f'{prefix}image', image)
        image = image.astype(np.float32)
    lead = image.shape[:-3]
    landmarks = own.get('landmarks', np.zeros((*lead, *like.shape[-2:])))
    shape = (*lead, *like.shape[-2:])
    if landmarks.shape != shape or shape[-1] != 2 or landmarks.dtype.kind != 'f':
        raise InputError(
            f'{prefix}landmarks has shape {landmarks.shape} ({landmarks.dtype}) beside '
            f'{prefix}image {image.shape}; give floats [N, K, 2], of clips [N, T, K, '
            '2], (x, y) in pixels, as many in every part.'
        )
    checks.finite(f'{prefix}landmarks', landmarks)
    marked = 'landmarks' in own
    made = {'image': image, 'landmarks': landmarks.astype(np.float32)}
    for name, sites in (('visible', shape[:-1]), ('annotated', lead)):
        flags = own.get(name, np.full(sites, marked))
        if flags.shape != sites or flags.dtype != np.bool_:
            raise InputError(
                f'{prefix}{name} is {flags.dtype} {flags.shape}; give bool {sites}.'
            )
        made[name] = flags
    if 'size' in own:
        made['size'] = _size(f'{prefix}size', own['size'], lead)
    for name in _NUMBERS:
        if name in own:
            column = own[name]
            if column.shape != lead[:1] or column.dtype.kind not in 'iu':
                raise InputError(
                    f'{prefix}{name} is {column.dtype} {column.shape}; give integers '
                    f'{lead[:1]}.'
                )
            made[name] = column.astype(np.int32)
    return made


def _size(name: str, size: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Lengths above 0, float32."""
    if size.shape != shape or size.dtype.kind not in 'fiu':
        raise InputError(f'{name} is {size.dtype} {size.shape}; give floats {shape}.')
    checks.finite(name, size)
    size = size.astype(np.float32)
    if size.min() <= 0:
        row = int(np.argmin(size.reshape(len(size), -1).min(axis=1)))
        raise InputError(f'{name}[{row}] is {size[row]}; give pixels, above 0.')
    return size
