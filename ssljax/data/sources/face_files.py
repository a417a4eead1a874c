"""Faces with landmarks, read from the files that their authors published.

The readers return the Source (``sources.crops.Crops``) and the rows of each part. They
have never been run on the original files, which the tests do not have: the tests write
files in the documented formats. Landmarks of .pts files count pixels from 1, and so do
lists that were made of them; here 1 is taken off.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources import folders
from ssljax.data.sources.crops import (
    Crops,
    Cut,
    Row,
    around,
    crops,
    inside,
    lines,
    numbers,
)
from ssljax.data.sources.pictures import Pictures

Parts = dict[str, np.ndarray]
"""Rows [n] int32 by part: 'train', 'validation', 'test', 'unlabelled'."""

_300W = ('afw', 'helen', 'ibug', 'lfpw')
_WFLW = ('pose', 'expression', 'illumination', 'make_up', 'occlusion', 'blur')


def pts(path: Path, at_least: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reads a .pts file: landmarks [K, 2] float64, from 0, and visible [K] bool.

    Either the form of 300-W (``version``, ``n_points``, then x and y in braces), all
    visible; or, as SBR writes AFLW, lines of number from 1, x, y and True, where the
    landmarks without a line are not visible; K is then the last number, or
    ``at_least`` where that is more.

    Raises:
      InputError: if it is neither.
    """
    found = lines(path)
    if not found[0][1][0].startswith('version'):
        return _numbered(path, found, at_least)
    words = [' '.join(row) for _, row in found]
    if len(found) < 5 or words[2] != '{' or words[-1] != '}':
        raise InputError(
            f'{path}, line {found[min(2, len(found) - 1)][0]}: no landmarks in braces '
            'after version and n_points; get the file anew.'
        )
    number, count = found[1][0], found[1][1][-1].removeprefix('n_points:')
    if not count.isdecimal() or int(count) != len(found) - 4:
        raise InputError(
            f'{path}, line {number}: {words[1]!r}, and {len(found) - 4} landmarks '
            'follow; get the file anew.'
        )
    points = [numbers(f'{path}, line {n}', row, 2) for n, row in found[3:-1]]
    return np.stack(points) - 1, np.ones(len(points), bool)


def _numbered(path: Path, found, at_least: int) -> tuple[np.ndarray, np.ndarray]:
    rows: dict[int, np.ndarray] = {}
    for number, words in found:
        where = f'{path}, line {number}'
        index = words[0]
        if (
            len(words) != 4
            or not index.isdecimal()
            or words[3] not in ('True', 'False')
        ):
            raise InputError(
                f'{where}: {" ".join(words)!r} is not number, x, y and True or False.'
            )
        if not 1 <= int(index) <= 1000 or int(index) in rows:
            raise InputError(f'{where}: landmark {index} is there twice or absurd.')
        point = numbers(where, words[1:3], 2)
        rows[int(index)] = np.array([*(point - 1), words[3] == 'True'])
    whole = np.zeros((max(at_least, *rows), 3))
    for index, row in rows.items():
        whole[index - 1] = row
    return whole[:, :2], whole[:, 2] > 0


def faces_300w(
    path: str | os.PathLike[str], cut: Cut, *, num_landmarks: int = 68
) -> tuple[Crops, Parts]:
    """Reads 300-W: pictures of faces with a .pts file of the same name beside each.

    Args:
      path: of the folder. Where it holds afw, helen, ibug and lfpw, the parts are those
        of the field: 'train' (3148) is afw and the trainsets, 'test' (689) the
        testsets, and ibug, whose rows are ``challenging``. Else all is 'train', also of
        the private test set (01_Indoor, 02_Outdoor), which is read by itself.
      cut: how faces are cut; boxes are those of the landmarks.
      num_landmarks: K of each file.

    Returns:
      The Source, with ``challenging`` [] bool, and the parts.

    Raises:
      InputError: if a file is missing or not as described, or pictures lie beside
        those four folders, where nothing says that they are not for testing.

    Source: Sagonas et al. 2013, https://ibug.doc.ic.ac.uk/resources/300-W
    """
    root = Path(path)
    names = folders.scan(root, Pictures.endings)
    strange = [name for name in names if not set(_300W) & set(name.split('/')[:-1])]
    if 0 < len(strange) < len(names):
        raise InputError(
            f'{root / strange[0]} lies beside {", ".join(_300W)}, not in them; move it '
            'away, and read by itself what is not of the usual parts.'
        )
    rows, test = [], []
    for name in names:
        landmarks, visible = counted((root / name).with_suffix('.pts'), num_landmarks)
        places = name.split('/')
        challenging = 'ibug' in places
        test.append(challenging or 'testset' in places)
        columns = {'challenging': np.bool_(challenging)}
        rows.append(Row(name, around(landmarks, visible), landmarks, visible, columns))
    all_pictured(root, folders.scan(root, ('.pts',)), names)
    return crops(root, rows, cut), parted(np.array(test))


def face_list(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    cut: Cut,
    *,
    num_landmarks: int,
) -> tuple[Crops, Parts]:
    """Reads a list as SBR and TSAL make of AFLW, 300-W and 300-VW.

    A line is ``picture annotation x1 y1 x2 y2``, of AFLW with the face's size at its
    end. The annotation is a .pts file, or ``None`` where the face has none.

    Args:
      path: of the list.
      folder: that its relative paths start from; absolute ones must lie inside it.
      cut: how faces are cut, around the boxes of the list.
      num_landmarks: K, 19 of AFLW and 68 of the others; files of numbered lines may
        lack the last.

    Returns:
      The Source, with ``size`` [] float32 in pixels of the crop (the seventh column, or
      the root of the box's area), by which AFLW's errors are measured; and all rows:
      annotated ones as 'train', others as 'unlabelled'.

    Raises:
      InputError: if a line or a file is not as described.

    Source: cache_data of facebookresearch/supervision-by-registration; AFLW is of
    Koestinger et al. 2011.
    """
    rows, annotated = [], []
    root = Path(folder)
    for number, words in lines(Path(path)):
        where = f'{path}, line {number}'
        if len(words) not in (6, 7):
            raise InputError(
                f'{where} has {len(words)} words; it should have a picture, an '
                'annotation, four numbers of the box and where wanted a size. Paths '
                'have no spaces.'
            )
        box = _box(where, words[2:6]) - 1
        size = np.sqrt(np.prod(box[2:] - box[:2]))
        if len(words) == 7:
            size = numbers(where, words[6:], 1)[0]
            if size <= 0:
                raise InputError(f'{where}: the size is {words[6]}; give above 0.')
        landmarks, visible = np.zeros((num_landmarks, 2)), np.zeros(num_landmarks, bool)
        annotated.append(words[1] != 'None')
        if annotated[-1]:
            file = root / inside(where, root, words[1])
            landmarks, visible = counted(file, num_landmarks, fewer=True)
        columns = {'size': np.float32(size / cut.region(box)[2])}
        name = inside(where, root, words[0])
        rows.append(Row(name, box, landmarks, visible, columns))
    said = np.array(annotated)
    source = crops(root, rows, cut, annotated=said)
    parts = {'train': said, 'unlabelled': ~said}
    return source, {k: rows_of(x) for k, x in parts.items() if x.any()}


def wflw(path: str | os.PathLike[str], cut: Cut) -> tuple[Crops, Parts]:
    """Reads WFLW: 7500 + 2500 faces with 98 landmarks and six attributes.

    Args:
      path: of the folder that holds WFLW_images and, at any depth of WFLW_annotations,
        list_98pt_rect_attr_train.txt and list_98pt_rect_attr_test.txt. A line has 196
        coordinates, from 0, the box's 4, 6 attributes of 0 or 1, and the picture.
      cut: how faces are cut, around the boxes of the lists.

    Returns:
      The Source, with ``pose``, ``expression``, ``illumination``, ``make_up``,
      ``occlusion`` and ``blur`` [] bool; and the parts 'train' and 'test'.

    Raises:
      InputError: if a file is missing or a line not as described.

    Source: Wu et al. 2018, https://wywu.github.io/projects/LAB/WFLW.html
    """
    root = Path(path)
    rows, test = [], []
    for part in ('train', 'test'):
        name = f'list_98pt_rect_attr_{part}.txt'
        files = sorted(root.rglob(name))
        if len(files) != 1:
            raise InputError(
                f'{root} holds {len(files)} files {name}; it should hold 1.'
            )
        for number, words in lines(files[0]):
            where = f'{files[0]}, line {number}'
            if len(words) != 207:
                raise InputError(f'{where} has {len(words)} words; it should have 207.')
            landmarks = numbers(where, words[:196], 196).reshape(98, 2)
            said = words[200:206]
            if set(said) - {'0', '1'}:
                raise InputError(f'{where}: attributes {" ".join(said)}; give 0 or 1.')
            flags = zip(_WFLW, said, strict=True)
            columns = {name: np.bool_(word == '1') for name, word in flags}
            picture = inside(where, root, f'WFLW_images/{words[206]}')
            box = _box(where, words[196:200])
            rows.append(Row(picture, box, landmarks, np.ones(98, bool), columns))
            test.append(part == 'test')
    return crops(root, rows, cut), parted(np.array(test))


def counted(
    path: Path, count: int, fewer: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what ``pts`` reads, of K landmarks.

    Args:
      path: of the file.
      count: K.
      fewer: whether numbered lines may lack the last. Without numbers others would be
        taken for the first.

    Raises:
      InputError: as ``pts``, or if there are more or fewer.
    """
    landmarks, visible = pts(path, at_least=count if fewer else 0)
    if len(landmarks) != count:
        raise InputError(
            f'{path} has {len(landmarks)} landmarks; it should have {count}.'
        )
    return landmarks, visible


def _box(where: str, words: Sequence[str]) -> np.ndarray:
    box = numbers(where, words, 4)
    if not (box[2:] > box[:2]).all():
        raise InputError(
            f'{where}: the box {" ".join(words)} is empty; give x1 y1 x2 y2.'
        )
    return box


def all_pictured(
    folder: Path, annotations: Iterable[str], pictures: Iterable[str]
) -> None:
    """Refuses annotations without a picture, which are the trace of missing pictures.

    Args:
      folder: of the annotations.
      annotations: their names.
      pictures: names, the same but for the endings.
    """
    there = {os.path.splitext(name)[0] for name in pictures}
    lone = [name for name in annotations if os.path.splitext(name)[0] not in there]
    if lone:
        raise InputError(
            f'{folder / min(lone)} has no picture of its name, one of {len(lone)} such '
            'files; add the pictures, of a video each of its frames, or remove them.'
        )


def rows_of(chosen: np.ndarray) -> np.ndarray:
    """Returns the numbers [n] int32 of the rows chosen [N]."""
    return np.flatnonzero(chosen).astype(np.int32)


def parted(test: np.ndarray) -> Parts:
    """Returns the parts 'train' and 'test', without an empty one, by test [N]."""
    parts = {'train': ~test, 'test': test}
    return {name: rows_of(chosen) for name, chosen in parts.items() if chosen.any()}
