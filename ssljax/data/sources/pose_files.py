"""People with joints, read from the files that their authors published.

The readers return the Source (``sources.crops.Crops``) and the rows of each part. They
have never been run on the original files, which the tests do not have: the tests write
files in the documented formats. MPII and LSP count pixels from 1, COCO from 0.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.crops import Crops, Cut, Row, around, crops, inside
from ssljax.data.sources.face_files import Parts, parted

LSP_JOINTS = (
    *('right ankle', 'right knee', 'right hip', 'left hip', 'left knee', 'left ankle'),
    *('right wrist', 'right elbow', 'right shoulder', 'left shoulder', 'left elbow'),
    *('left wrist', 'neck', 'head top'),
)
"""Names of LSP's 14 joints; right is the person's."""


def coco_keypoints(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    cut: Cut,
    *,
    num_landmarks: int = 17,
) -> tuple[Crops, Parts]:
    """Reads people of COCO: person_keypoints_*.json and the folder of its pictures.

    Args:
      path: of the .json, with ``images`` (id, file_name) and ``annotations`` (image_id,
        bbox [x, y, width, height], keypoints [x, y, v] K times, iscrowd, area; without
        it, that of the bbox). Crowds and people without a keypoint are passed over.
      folder: that the names of the pictures start from.
      cut: how people are cut, around their boxes.
      num_landmarks: K.

    Returns:
      The Source; ``visible`` are keypoints with v > 0, annotated though maybe hidden;
      with ``size`` [] float32, the root of the area in pixels of the crop, by which
      OKS is measured; and ``picture`` [] int32, which of the images. All rows are
      'train'.

    Raises:
      InputError: if the file can't be read or an annotation is not as described.

    Source: Lin et al. 2014, https://cocodataset.org/#format-data
    """
    path, root = Path(path), Path(folder)
    content = _json(path)
    if not isinstance(content, Mapping) or not {'images', 'annotations'} <= set(
        content
    ):
        raise InputError(f'{path} has no images and annotations; give a file of COCO.')
    names: dict[int, tuple[int, str]] = {}
    for number, image in enumerate(_of(f'{path}', content, 'images', list)):
        where = f'{path}, images[{number}]'
        name, key = _of(where, image, 'file_name', str), _of(where, image, 'id', int)
        if key in names:
            raise InputError(
                f'{where}: id is {key}, as of images[{names[key][0]}]; get the file '
                'anew.'
            )
        names[key] = number, inside(where, root, name)
    rows = []
    for number, person in enumerate(_of(f'{path}', content, 'annotations', list)):
        where = f'{path}, annotations[{number}]'
        points = _array(where, person, 'keypoints', (num_landmarks * 3,))
        points = points.reshape(num_landmarks, 3)
        if not np.isin(points[:, 2], (0, 1, 2)).all():
            raise InputError(
                f'{where}: keypoints have v {points[:, 2].tolist()}; it should be 0, 1 '
                'or 2.'
            )
        visible = points[:, 2] > 0
        if person.get('iscrowd') or not visible.any():
            continue
        image = _of(where, person, 'image_id', int)
        if image not in names:
            raise InputError(
                f'{where}: no image has the id {image}; get the file anew.'
            )
        x, y, width, height = _array(where, person, 'bbox', (4,))
        if min(width, height) <= 0:
            raise InputError(f'{where}: bbox is {person["bbox"]}, which is empty.')
        # From the corner of a pixel to the centres that coordinates are of.
        box = np.array([x, y, x + width, y + height]) - 0.5
        given = 'area' in person
        area = _positive(where, person, 'area') if given else width * height
        size = np.sqrt(area) / cut.region(box)[2]
        picture, name = names[image]
        columns = {'size': np.float32(size), 'picture': np.int32(picture)}
        rows.append(Row(name, box, points[:, :2], visible, columns))
    return _all(path, root, rows, cut)


def lsp(path: str | os.PathLike[str], cut: Cut) -> tuple[Crops, Parts]:
    """Reads LSP or LSP Extended: people of sports with 14 joints.

    Args:
      path: of the folder with joints.mat and images/. ``joints`` is [3, 14, 2000] in
        LSP, whose third row says what is hidden, with pictures im0001.jpg and so on;
        [14, 3, 10000] in the extended set, whose third column says what is visible,
        with im00001.jpg and so on. People without two visible joints apart from each
        other are passed over.
      cut: how people are cut, around their visible joints.

    Returns:
      The Source, with ``hidden`` [14] bool, as the file says: in LSP hidden joints are
      annotated all the same, and so ``visible``; in the extended set they are not. And
      the parts: the first half of LSP is 'train' and the rest 'test'; the extended set
      is all 'train'.

    Raises:
      InputError: if SciPy is not installed or a file is not as described.

    Source: Johnson & Everingham 2010 and 2011. The meaning of the third row is taken
    from public converters, which agree; the README calls both visibility.
    """
    root = Path(path)
    path = root / 'joints.mat'
    joints = _mat(path)
    extended = joints.shape[:2] == (14, 3)
    known = extended or joints.shape[:2] == (3, 14)
    if not known or joints.ndim != 3 or joints.dtype.kind not in 'fiu':
        raise InputError(
            f'{path} holds joints {joints.shape} ({joints.dtype}); it should be '
            'numbers [3, 14, N] or [14, 3, N].'
        )
    joints = joints.transpose((2, 0, 1) if extended else (2, 1, 0)).astype(np.float64)
    names = 'images/im{:05d}.jpg' if extended else 'images/im{:04d}.jpg'
    rows, test = [], []
    for number, person in enumerate(joints):
        hidden = (person[:, 2] > 0) != extended
        visible = ~hidden if extended else np.ones(14, bool)
        if not np.isfinite(person[visible]).all():
            raise InputError(
                f'{path}: joints of person {number + 1} are no numbers; get it anew.'
            )
        points = person[:, :2] - 1
        box = around(points, visible)
        if not (box[2:] > box[:2]).any():
            continue  # a point would be cut out as a picture of nothing
        name = names.format(number + 1)
        rows.append(Row(name, box, points, visible, {'hidden': hidden}))
        test.append(not extended and number >= len(joints) // 2)
    source, _ = _all(path, root, rows, cut)
    return source, parted(np.array(test))


def mpii(
    path: str | os.PathLike[str], folder: str | os.PathLike[str], cut: Cut
) -> tuple[Crops, Parts]:
    """Reads people of MPII from the .json that pose networks share (HRNet and others).

    Args:
      path: of train.json or valid.json: a list of ``image``, ``joints`` [16, 2],
        ``joints_vis`` [16], ``center`` [2] and ``scale``, the person's height / 200.
      folder: of the pictures.
      cut: how people are cut, around squares of 200 * scale.

    Returns:
      The Source, with joints in the order of ``sources.stick_figures.NAMES``. All rows
      are 'train'.

    Raises:
      InputError: if the file can't be read or an annotation is not as described.

    Source: Andriluka et al. 2014, http://human-pose.mpi-inf.mpg.de
    """
    path, root = Path(path), Path(folder)
    content = _json(path)
    if not isinstance(content, Sequence):
        raise InputError(f'{path} holds no list of people; give a .json of MPII.')
    rows = []
    for number, person in enumerate(content):
        where = f'{path}, [{number}]'
        name = inside(where, root, _of(where, person, 'image', str))
        points = _array(where, person, 'joints', (16, 2)) - 1
        visible = _array(where, person, 'joints_vis', (16,)) > 0
        centre = _array(where, person, 'center', (2,)) - 1
        scale = _positive(where, person, 'scale')
        box = np.concatenate([centre - 100 * scale, centre + 100 * scale])
        if visible.any():
            rows.append(Row(name, box, points, visible))
    return _all(path, root, rows, cut)


def _all(path: Path, root: Path, rows: list[Row], cut: Cut) -> tuple[Crops, Parts]:
    if not rows:
        raise InputError(f'{path} holds no person with a joint; give another file.')
    return crops(root, rows, cut), {'train': np.arange(len(rows), dtype=np.int32)}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f'{path} is no readable .json: {error}') from error


def _of(where: str, row: Any, key: str, kind: type) -> Any:
    value = row.get(key) if isinstance(row, Mapping) else None
    if not isinstance(value, kind):
        raise InputError(
            f'{where}: {key} is {value!r:.60}; it should be {kind.__name__}.'
        )
    return value


def _array(where: str, row: Any, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Finite numbers of a shape, float64."""
    value = row.get(key) if isinstance(row, Mapping) else None
    try:
        found = np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.full((0,), np.nan)
    if found.shape != shape or not np.isfinite(found).all():
        raise InputError(
            f'{where}: {key} is {str(value)[:60]}; it should be '
            f'{f"numbers {shape}" if shape else "a number"}.'
        )
    return found


def _positive(where: str, row: Any, key: str) -> float:
    found = float(_array(where, row, key, ()))
    if found <= 0:
        raise InputError(f'{where}: {key} is {found:g}; it should be above 0.')
    return found


def _mat(path: Path) -> np.ndarray:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise InputError("LSP needs SciPy: pip install 'ssljax[data]'") from error
    try:
        return np.asarray(loadmat(path, variable_names=['joints'])['joints'])
    except Exception as error:  # SciPy raises nearly anything on broken files
        raise InputError(f'{path} is no readable file of LSP: {error!r}.') from error
