"""From what a person types to a Source and its parts."""

from __future__ import annotations

import ast
import functools
import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks, sources
from ssljax.data.sources import folders, pictures, tables

Parts = dict[str, np.ndarray]
"""Rows [n] int32 by part: 'train', 'validation', 'test', 'unlabelled'."""

READERS: Mapping[str, Callable[[str], tuple[sources.Source, Parts]]]
READERS = MappingProxyType(
    {
        'cifar10': sources.cifar10,
        'cifar100': sources.cifar100,
        'masks': sources.mask_folder,
        'mnist': sources.mnist,
        'records': sources.records.read,
        'stl10': sources.stl10,
        'svhn': sources.svhn,
        'tfds': sources.tfds.read,
    }
)
"""What may stand before a colon, and how to read what stands after it."""


def _listed(read: Callable[..., tuple[sources.Source, Parts]]) -> Callable:
    """A reader of a file that names pictures, and of their folder, after a comma."""

    def both(rest: str, cut: sources.Cut) -> tuple[sources.Source, Parts]:
        path, _, folder = rest.partition(',')
        if not folder:
            raise InputError(
                f'{rest} names no folder of pictures; give <file>,<folder>, such as '
                'coco:annotations/person_keypoints_val2017.json,val2017.'
            )
        return read(path, folder, cut)

    return both


CROPPED: Mapping[str, Callable[[str, sources.Cut], tuple[sources.Source, Parts]]]
CROPPED = MappingProxyType(
    {
        '300vw': sources.faces_300vw,
        '300w': sources.faces_300w,
        'aflw': _listed(functools.partial(sources.face_list, num_landmarks=19)),
        'coco': _listed(sources.coco_keypoints),
        'lsp': sources.lsp,
        'mpii': _listed(sources.mpii),
        'wflw': sources.wflw,
    }
)
"""The same of faces and people with landmarks, which are cut out of their pictures."""

GENERATORS: Mapping[str, Callable[..., sources.Source]]
GENERATORS = MappingProxyType(
    {
        'blobs': sources.blobs.blobs,
        'dots': sources.dots.dots,
        'moving_faces': sources.moving_faces.moving_faces,
        'stick_figures': sources.stick_figures.stick_figures,
        'tubes': sources.tubes.tubes,
    }
)
"""What is drawn instead of read, by arguments: 'moving_faces:clips=200,size=48x48'.
One that draws several parts numbers them in its column 'part', as ``PARTS`` do."""

PARTS = ('train', 'validation', 'test', 'unlabelled')
PREFIXES = (*READERS, *CROPPED)


def read(
    name: str | os.PathLike[str],
    *,
    size: tuple[int, ...] | None = None,
    channels: int | None = None,
    rate: int | None = None,
    seconds: float | None = None,
) -> tuple[sources.Source, Parts]:
    """Opens a data set by its name or path.

    - 'digits': scikit-learn's.
    - 'moving_faces:clips=200,frames=10', and the other generators.
    - 'cifar10:/path', and the other prefixes of ``READERS`` and ``CROPPED``; the latter
      need a size.
    - An .npz: ``sources.npz``.
    - A .csv or .jsonl of ``path`` and ``label``: ``sources.table``, over its folder.
    - A folder that ``experiments.prepare`` wrote.
    - A folder of ``train``, and where wanted ``validation`` and ``test``, each with one
      folder a class, and ``unlabelled`` with any. Or the class folders themselves.

    Args:
      name: as above.
      size: (H, W) to resize pictures to, and what ``CROPPED`` cuts out; None if all
        have the same. What 'masks:' reads is filled up to it instead, also volumes to
        (Z, H, W).
      channels: of pictures, 1 grey or 3 RGB; None is 1 if all are grey, else 3.
      rate: samples a second, of sounds.
      seconds: length of sounds.

    Returns:
      The Source, and the rows of the parts that it comes with. Rows of 'train' may be
      unlabelled.

    Raises:
      InputError: if there is nothing of that name, or it can't be used.
    """
    name = os.fspath(name)
    path = Path(name)
    prefix, _, rest = name.partition(':')
    if rest and prefix == 'masks':
        return sources.mask_folder(rest, size=size)
    if rest and prefix in READERS:
        return READERS[prefix](rest)
    if rest and prefix in CROPPED:
        if size is None:
            raise InputError(
                f'size is None; {prefix} cuts faces or people out of pictures: give '
                'the size of these crops, (H, W).'
            )
        height, width = size
        cut = sources.Cut((height, width), channels=channels or 3)
        return CROPPED[prefix](rest, cut)
    if prefix in GENERATORS:
        drawn = _generated(prefix, rest)
        part = drawn.columns.get('part', np.zeros(len(drawn), np.int32))
        rows = {name: np.flatnonzero(part == i) for i, name in enumerate(PARTS)}
        return drawn, {name: x.astype(np.int32) for name, x in rows.items() if len(x)}
    if path.suffix == '.npz':
        return sources.npz(name)
    source: sources.Source
    if path.suffix in tables.ENDINGS:
        reader = _reader(path.parent, size, channels, rate, seconds)
        source = sources.table(path, reader)
    elif (path / sources.records.INDEX).exists():
        return sources.records.read(path)
    elif path.is_dir():
        reader = _reader(path, size, channels, rate, seconds)
        return _folder(path, reader)
    elif name == 'digits':
        source = sources.digits()
    else:
        if path.suffix or path.name != name:
            raise InputError(
                f'{name} does not exist; give the path of a folder, .npz, .csv or '
                f'.jsonl, digits, or <path> after one of {":, ".join(PREFIXES)}:.'
            )
        checks.known(
            'name (or the path of a folder, .npz, .csv or .jsonl)',
            prefix,
            ['digits', *PREFIXES],
        )
        raise InputError(f'name is {name!r}; give {prefix}:<path>.')
    return source, {'train': np.arange(len(source), dtype=np.int32)}


def short(name: str | os.PathLike[str]) -> str:
    """Returns a data set's name without the path of its folder."""
    prefix, _, rest = os.fspath(name).partition(':')
    if prefix in PREFIXES and prefix not in ('records', 'tfds') and rest:
        return prefix
    if prefix in GENERATORS:
        return prefix
    return Path(rest if prefix in READERS and rest else name).name


def _generated(name: str, given: str) -> sources.Source:
    """A source that is drawn, by arguments such as 'clips=200,size=48x48'."""
    builder = GENERATORS[name]
    parameters = inspect.signature(builder).parameters
    arguments = {}
    for text in filter(None, given.split(',')):
        key, _, value = text.partition('=')
        checks.known(f'an argument of {name}', key, parameters)
        try:
            numbers = [ast.literal_eval(number) for number in value.split('x')]
        except (ValueError, SyntaxError):
            raise InputError(
                f'{key} of {name} is {value!r}; give a number, True, False or HxW.'
            ) from None
        arguments[key] = numbers[0] if len(numbers) == 1 else tuple(numbers)
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in arguments:
            raise InputError(f'{name} lacks {key}; give {key}=<number> too.')
    try:
        return builder(**arguments)
    except TypeError as error:
        raise InputError(
            f'{name}:{given} has a number or a HxW where it takes none: {error}.'
        ) from error


def _folder(path: Path, read: folders.Read) -> tuple[sources.Source, Parts]:
    """A folder of parts, or of classes."""
    subfolders = {entry.name for entry in folders.visible(path) if entry.is_dir()}
    if not subfolders:
        raise InputError(
            f'{path} has no class folders; put the files into one folder a class, or '
            'give a .csv of path and label beside them.'
        )
    if 'train' not in subfolders:
        misplaced = sorted(subfolders & {*PARTS, 'val', 'unlabeled'})
        if misplaced:
            raise InputError(
                f'{path} has {misplaced[0]}/ but no train/; put the class folders into '
                'train/.'
            )
        source = sources.class_folders(path, read)
        return source, {'train': np.arange(len(source), dtype=np.int32)}
    for name in sorted(subfolders):
        # A misspelt 'unlabeled' would otherwise be left out without a word.
        checks.known(f'a folder of {path}', name, PARTS)
    names: list[str] = []
    labels: list[int] = []
    classes, rows = None, {}
    for part in PARTS:
        if part not in subfolders:
            continue
        inside = folders.scan(path / part, read.endings)
        found = [sources.NO_LABEL] * len(inside)
        if part != 'unlabelled':
            found, classes = folders.by_folder(path / part, inside, classes)
        rows[part] = np.arange(len(names), len(names) + len(inside), dtype=np.int32)
        names += [f'{part}/{name}' for name in inside]
        labels += found
    return folders.Files(path, names, read, labels=labels, classes=classes), rows


def _reader(path: Path, size, channels, rate, seconds) -> folders.Read:
    """How to read the files of a folder: as pictures or as sounds."""
    found = folders.scan(path, (*sources.Pictures.endings, *sources.Waves.endings))
    sounds = [name for name in found if name.lower().endswith(sources.Waves.endings)]
    if sounds and len(sounds) < len(found):
        picture = next(name for name in found if name not in sounds)
        raise InputError(
            f'{path} holds pictures and sounds, {picture} and {sounds[0]}; put them '
            'into two folders.'
        )
    if sounds:
        if rate is None or seconds is None:
            raise InputError(
                f'{path} holds sounds; give rate, in samples a second, and seconds.'
            )
        return sources.Waves(rate, seconds)
    if size is None or channels is None:
        measured = pictures.measure((path / name for name in found), size)
        size, channels = measured.size, channels or measured.channels
    return sources.Pictures(size, channels)
