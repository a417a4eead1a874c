"""Folders of images or volumes and their masks: one row a file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ssljax.contracts import IGNORED, InputError
from ssljax.data import checks
from ssljax.data.sources import folders
from ssljax.data.sources.pictures import FORMATS, MAX_PIXELS, Pictures, measure
from ssljax.data.sources.source import BadItem
from ssljax.data.sources.volume_files import (
    ENDINGS,
    HDF5,
    NIFTI,
    nifti_mask,
    volume,
)

Parts = dict[str, np.ndarray]
PICTURES = ('.png',)
"""Of masks, whose grey is the class: nothing that loses may keep them."""
_PARTS = ('train', 'validation', 'test', 'unlabelled')


class MaskFiles:
    """A Source of files with their masks.

    Rows are ``image`` [*S, channels] uint8 or float32, ``mask`` [*S] int32, 255 where
    nobody annotated, ``annotated`` [], of volumes whose files say it ``spacing`` [axes]
    float32, and ``case`` [] int32 where cases are given.

    Args:
      folder: that the names are inside of.
      images: [N] paths inside it.
      masks: [N] paths inside it, the image's own for files that hold both, None for
        rows without.
      classes: their names, by number.
      size: (H, W) or (Z, H, W) that smaller volumes are filled up to, evenly on both
        sides, where the mask is ignored; None leaves them as they are.
      cases: [N] names of what the rows belong to, such as patients; None gives none.
    """

    def __init__(
        self,
        folder: Path,
        images: Sequence[str],
        masks: Sequence[str | None],
        *,
        classes: Sequence[str],
        size: tuple[int, ...] | None = None,
        cases: Sequence[str] | None = None,
    ):
        self.folder, self.images, self.masks = folder, images, masks
        self.classes, self.size = tuple(classes), size
        self._columns = {'annotated': np.array([mask is not None for mask in masks])}
        if cases is not None:
            numbers = np.unique(np.array(cases), return_inverse=True)[1]
            self._columns['case'] = numbers.astype(np.int32)

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """``annotated`` [N] bool, and ``case`` [N] int32 where cases are given."""
        return self._columns

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        try:
            found = self._read(row)
            found = found if self.size is None else filled(found, self.size)
        except InputError:
            raise  # not the file is wrong, but how it is asked for
        except (OSError, ValueError) as error:
            raise BadItem(int(row), self.name(row), str(error)) from error
        return found | {name: x[row] for name, x in self._columns.items()}

    def _read(self, row: int) -> dict[str, np.ndarray]:
        name, mask_name = self.images[row], self.masks[row]
        found = read_image(self.folder / name)
        if mask_name is None:
            mask = np.full(found['image'].shape[:-1], IGNORED, np.int32)
        elif mask_name != name:
            mask = read_mask(self.folder / mask_name)
        elif 'mask' in found:
            mask = found['mask']
        else:
            raise ValueError('it holds no mask any more')
        if mask.shape != found['image'].shape[:-1]:
            raise ValueError(
                f'its image is {found["image"].shape[:-1]} and its mask {mask.shape}'
            )
        bad = (mask != IGNORED) & ((mask < 0) | (mask >= len(self.classes)))
        if bad.any():
            raise ValueError(
                f'its mask has the class {mask[bad][0]}, and there are '
                f'{len(self.classes)} of them'
            )
        return {**found, 'mask': mask}

    def name(self, row: int) -> str:
        """Returns the image's path inside the folder."""
        return self.images[row]

    def fingerprint(self) -> str:
        """Returns the sha256 of classes, names and bytes of the files: it reads all."""
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        for pair in zip(self.images, self.masks, strict=True):
            digest.update(json.dumps(pair).encode())
            for name in dict.fromkeys(name for name in pair if name is not None):
                try:
                    content = (self.folder / name).read_bytes()
                except OSError:
                    content = b''  # whether it can be read is asked row by row
                digest.update(content)
        return digest.hexdigest()


def mask_folder(
    path: str | os.PathLike[str], *, size: tuple[int, ...] | None = None
) -> tuple[MaskFiles, Parts]:
    """Reads a folder of images and masks.

    It has ``images/`` and ``masks/`` with files of the same names, .png, .nii or
    .nii.gz; or files .h5 or .npz that hold both (``sources.volume_files``). An image
    without a mask is unlabelled. Or it has folders of these, ``train`` and where wanted
    ``validation``, ``test`` and ``unlabelled``. Where all files lie in subfolders,
    these are the cases, such as patients: their slices stay together. ``classes.txt``
    names the classes, one a line, the background first; without it they are the numbers
    that masks hold.

    Args:
      path: of the folder.
      size: (Z, H, W) that smaller volumes are filled up to; None if all are of one
        size.

    Returns:
      The Source, and the rows of each part.

    Raises:
      InputError: if there is nothing that can be read, or a mask without an image.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f'{root} is no folder; give the path of one.')
    parts = [part for part in _PARTS if (root / part).is_dir()] or ['']
    images: list[str] = []
    masks: list[str | None] = []
    cases: list[str] = []
    rows: Parts = {}
    for part in parts:
        first = len(images)
        for inner, image, mask in _triples(root, part):
            images.append(image)
            masks.append(None if part == 'unlabelled' else mask)
            cases.append(inner.rpartition('/')[0])
        rows[part or 'train'] = np.arange(first, len(images), dtype=np.int32)
    source = MaskFiles(
        root,
        images,
        masks,
        classes=_classes(root, masks),
        size=size,
        cases=cases if all(cases) else None,
    )
    return source, rows


def read_image(path: Path) -> dict[str, np.ndarray]:
    """Returns ``image`` of a picture, or what a file of a volume holds."""
    if path.name.lower().endswith(PICTURES):
        return {'image': Pictures(None, measure([path]).channels)(path)}
    return volume(path)


def read_mask(path: Path) -> np.ndarray:
    """Returns a mask [*S] int32; of a picture its grey, or its palette's index."""
    name = path.name.lower()
    if name.endswith(NIFTI):
        return nifti_mask(path)
    if not name.endswith(PICTURES):
        return volume(path)['mask']
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f'it has more than {MAX_PIXELS} pixels')
            if image.mode not in ('1', 'L', 'P'):
                raise ValueError(f'it is {image.mode}; give grey or a palette, 8 bits')
            return np.array(image).astype(np.int32)
    except Exception as error:  # of broken files, Pillow raises nearly anything
        raise ValueError(str(error) or type(error).__name__) from error


def filled(
    found: Mapping[str, np.ndarray], size: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Fills an image up to a size: with its lowest value, and 255 in the mask."""
    image, mask = found['image'], found['mask']
    if len(size) != mask.ndim or any(
        n > s for n, s in zip(mask.shape, size, strict=True)
    ):
        raise ValueError(f'it is {mask.shape}, and size {tuple(size)} at most')
    sides = [
        ((s - n) // 2, s - n - (s - n) // 2)
        for n, s in zip(mask.shape, size, strict=True)
    ]
    return {
        **found,
        'image': np.pad(image, [*sides, (0, 0)], constant_values=image.min()),
        'mask': np.pad(mask, sides, constant_values=IGNORED),
    }


def _triples(root: Path, part: str) -> Iterator[tuple[str, str, str | None]]:
    """Yields names of a part: inside its folder, and of image and mask inside root."""
    base = root / part
    prefix = f'{part}/' if part else ''
    if not (base / 'images').is_dir():
        for name in folders.scan(base, (*HDF5, '.npz')):
            both = _holds_mask(base / name)
            yield name, prefix + name, prefix + name if both else None
        return
    images = folders.scan(base / 'images', (*PICTURES, *ENDINGS))
    masks = set()
    if (base / 'masks').is_dir():
        masks = set(folders.scan(base / 'masks', (*PICTURES, *NIFTI)))
    if alone := sorted(masks - set(images)):
        raise InputError(
            f'{base / "masks" / alone[0]} has no image of its name in {base / "images"}'
            '; put it there, or remove the mask.'
        )
    for name in images:
        mask = f'{prefix}masks/{name}' if name in masks else None
        yield name, f'{prefix}images/{name}', mask


def _holds_mask(path: Path) -> bool:
    try:
        return 'mask' in volume(path)
    except ValueError:
        return True  # asked again, and refused, when the row is


def _classes(root: Path, masks: Sequence[str | None]) -> tuple[str, ...]:
    """Names from classes.txt, or the numbers that the masks hold."""
    file = root / 'classes.txt'
    if file.exists():
        return tuple(file.read_text().split())

    def readable() -> Iterator[np.ndarray]:
        for name in masks:
            # What can't be read is asked again, and refused, when the row is.
            with contextlib.suppress(OSError, ValueError):
                if name is not None:
                    yield read_mask(root / name)

    return checks.named_by_masks(f'masks in {root}', readable())
