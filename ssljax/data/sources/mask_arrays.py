"""Masks of one's own: an .npz with images or volumes, and a class for every pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ssljax.contracts import IGNORED, InputError
from ssljax.data import checks
from ssljax.data.sources.arrays import Arrays

_PARTS = {
    'train': '',
    'validation': 'validation_',
    'test': 'test_',
    'unlabelled': 'unlabelled_',
}
_FIELDS = ('image', 'mask', 'spacing', 'annotated', 'case')


def mask_arrays(
    path: str, arrays: Mapping[str, np.ndarray]
) -> tuple[Arrays, dict[str, np.ndarray]]:
    """Makes one Source of the arrays of an .npz.

    Args:
      path: what the messages call the file.
      arrays: ``image`` [N, H, W, channels] or [N, Z, H, W, channels], uint8 or floats
        ready to be fed; ``mask`` [N, *S] integers, S the image's axes without channels:
        a class of each pixel, 0 for the background, 255 for ignored ones; where wanted
        ``spacing`` [N, axes of S], millimetres between pixels along S, ``annotated``
        [N] bool, else all are, and ``case`` [N] integers: rows of one case, such as the
        slices of a patient, stay together. The same with ``validation_`` and ``test_``
        before them; ``unlabelled_image`` has no mask. A field of one part is one of
        all. ``classes`` [C] names them, the background among them.

    Returns:
      The Source, with all of these fields, ``mask`` int32 and 255 where nobody
      annotated; its ``classes`` are the names, or numbers up to the largest of the
      training masks. And the rows of each part that the file has.

    Raises:
      InputError: if names, shapes, types or classes do not fit.
    """
    known = {prefix + name for prefix in _PARTS.values() for name in _FIELDS}
    for key in arrays:
        # A misspelt 'unlabeled_image' would otherwise be left out without a word.
        checks.known(f'a key of {path}', key, known | {'classes'})
    classes = tuple(map(str, arrays['classes'])) if 'classes' in arrays else None
    parts, rows, start = {}, {}, 0
    for part, prefix in _PARTS.items():
        own = {n: arrays[prefix + n] for n in _FIELDS if prefix + n in arrays}
        if not own:
            continue
        parts[part] = _part(path, prefix, own)
        rows[part] = np.arange(start, start + len(own['image']), dtype=np.int32)
        start += len(own['image'])
    if 'train' not in parts:
        raise InputError(f'{path} lacks image and mask; save them beside the others.')
    checks.same_kind({part: own['image'] for part, own in parts.items()})
    for part, own in parts.items():
        wanted = {name for other in parts.values() for name in other}
        if lacking := sorted(_PARTS[part] + name for name in wanted - own.keys()):
            raise InputError(
                f'{path} lacks {", ".join(lacking)}, which other parts than {part} '
                'have; save it beside them.'
            )
        if classes is None:  # the training part comes first
            known_masks = own['mask'][own['annotated']]
            classes = checks.named_by_masks(f'masks of {path}', known_masks)
        checks.masks(f'{_PARTS[part]}mask', own['mask'], len(classes))
    fields = {
        name: np.concatenate([own[name] for own in parts.values()])
        for name in parts['train']
    }
    return Arrays(fields, classes=classes), rows


def _part(path, prefix, own) -> dict[str, np.ndarray]:
    """One part's fields, of the right types."""
    unlabelled = prefix == _PARTS['unlabelled']
    needed = {'image'} if unlabelled else {'image', 'mask'}
    if needed - own.keys() or (unlabelled and own.keys() & {'mask', 'annotated'}):
        raise InputError(
            f'{path} has {", ".join(prefix + name for name in own)}; give '
            f'{" and ".join(prefix + name for name in sorted(needed))}, and no mask to '
            'unlabelled images.'
        )
    image = own['image']
    if image.ndim not in (4, 5) or not image.size:
        raise InputError(
            f'{prefix}image has shape {image.shape}; give [N, H, W, channels], or [N, '
            'Z, H, W, channels] of volumes.'
        )
    if image.dtype != np.uint8:
        checks.images(f'{prefix}image', image)
        image = image.astype(np.float32)
    sites, rows = image.shape[:-1], image.shape[:1]
    annotated = own.get('annotated', np.full(rows, not unlabelled))
    if annotated.shape != rows or annotated.dtype != np.bool_:
        raise InputError(
            f'{prefix}annotated is {annotated.dtype} {annotated.shape}; give bool '
            f'{rows}.'
        )
    mask = own.get('mask', np.full(sites, IGNORED, np.int32))
    if mask.shape != sites:
        raise InputError(
            f'{prefix}mask has shape {mask.shape} beside {prefix}image {image.shape}; '
            f'give a class for each of its pixels, {sites}.'
        )
    checks.masks(f'{prefix}mask', mask, None)
    seen = annotated.reshape(-1, *(1,) * (mask.ndim - 1))
    made = {
        'image': image,
        'mask': np.where(seen, mask, IGNORED).astype(np.int32),
        'annotated': annotated,
    }
    if 'spacing' in own:
        spacing = own['spacing']
        wanted = (*rows, len(sites) - 1)
        if spacing.shape != wanted or not (spacing > 0).all():
            raise InputError(
                f'{prefix}spacing has shape {spacing.shape}; give {wanted}, '
                'millimetres above 0.'
            )
        made['spacing'] = spacing.astype(np.float32)
    if 'case' in own:
        case = own['case']
        if case.shape != rows or case.dtype.kind not in 'iu':
            raise InputError(
                f'{prefix}case is {case.dtype} {case.shape}; give integers {rows}.'
            )
        made['case'] = case.astype(np.int32)
    return made
