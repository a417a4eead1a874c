"""Pictures cut around what is annotated on them, landmarks with them.

Coordinates are as in ``ssljax.views.warp``: 0 at the centre of the first pixel, so that
an image covers x from -0.5 to W - 0.5. Readers turn what their files hold into these.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources.arrays import content_hash
from ssljax.data.sources.pictures import FORMATS, MAX_PIXELS, Pictures
from ssljax.data.sources.source import BadItem

_ORIENTATION = 0x0112  # of EXIF


@dataclasses.dataclass(frozen=True)
class Cut:
    """How much of a picture is taken, and to which size it is brought.

    Args:
      size: (H, W) of every row.
      margin: share of the box's sides that is added on each side; what lies outside
        the picture is black. Then the shorter way is widened to the form of ``size``,
        so that nothing is stretched.
      channels: 1 grey, 3 RGB.

    Raises:
      InputError: if Pillow is not installed, or a number can't be used.
    """

    size: tuple[int, int]
    margin: float = 0.2
    channels: int = 3

    def __post_init__(self):
        Pictures(self.size, self.channels)
        if not 0 <= self.margin <= 10:
            raise InputError(f'margin is {self.margin}; give 0 to 10.')

    def region(self, box: np.ndarray) -> tuple[float, float, float]:
        """Returns left, top, and pixels of the picture a pixel of the crop.

        Args:
          box: [4], x and y of the low and of the high corner.
        """
        low, high = box[:2], box[2:]
        height, width = self.size
        sides = (high - low) * (1 + 2 * self.margin)
        scale = max(float(sides[0]) / width, float(sides[1]) / height, 1e-6)
        left, top = (low + high) / 2 - scale * np.array([width, height]) / 2
        return float(left), float(top), scale

    def crop(self, picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Cuts [H', W', channels] uint8 to [H, W, channels], antialiased.

        Raises:
          ValueError: if the region is empty or absurdly large.
        """
        from PIL import Image

        left, top, scale = self.region(box)
        height, width = self.size
        # Pillow counts from the corner of the first pixel, not from its centre.
        edges = np.array([left, top, left + scale * width, top + scale * height]) + 0.5
        if not np.isfinite(edges).all() or scale**2 * height * width > MAX_PIXELS:
            raise ValueError(f'its box {box.tolist()} is more than can be cut out')
        whole = *map(math.floor, edges[:2]), *map(math.ceil, edges[2:])
        image = Image.fromarray(picture[..., 0] if self.channels == 1 else picture)
        a, b, c, d = (float(x) for x in edges - (whole[:2] * 2))
        part = image.crop(whole).resize(
            (width, height), Image.Resampling.BILINEAR, box=(a, b, c, d)
        )
        return np.array(part).reshape(height, width, self.channels)

    def move(self, landmarks: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Carries landmarks [..., 2] along, to pixels of the crop, float32."""
        left, top, scale = self.region(box)
        # (left, top) is the crop's corner, half a pixel from its first pixel's centre.
        return ((landmarks - (left, top)) / scale - 0.5).astype(np.float32)


class Crops:
    """A Source of crops, or of clips of them, with their landmarks.

    Rows are ``image`` [H, W, channels] uint8, ``landmarks`` [K, 2] float32 (x, y) in
    pixels of the crop, 0 where there is none, ``visible`` [K] bool, ``annotated`` [],
    and the columns. In clips all but these have a first axis T, and one box a clip. A
    picture that EXIF says to turn can't be read: it is not known whether it was turned
    when it was annotated.

    Args:
      folder: that the names are inside of.
      names: [N] paths inside it, or [N][T] of clips.
      boxes: [N, 4] x, y of the low and x, y of the high corner.
      landmarks: [N, (T,) K, 2], pixels of the pictures.
      visible: [N, (T,) K] bool.
      cut: how they are cut.
      columns: [N, ...] more fields.
      annotated: [N, (T)] bool; None is all.
    """

    classes = None

    def __init__(
        self,
        folder: Path,
        names: Sequence[str] | Sequence[Sequence[str]],
        boxes: np.ndarray,
        landmarks: np.ndarray,
        visible: np.ndarray,
        cut: Cut,
        *,
        columns: Mapping[str, np.ndarray] | None = None,
        annotated: np.ndarray | None = None,
    ):
        self.folder, self.names, self.cut = folder, names, cut
        self._boxes = np.asarray(boxes, np.float64)
        self._landmarks = np.asarray(landmarks, np.float64)
        self._visible = np.asarray(visible, bool)
        if annotated is None:
            annotated = np.ones(self._visible.shape[:-1], bool)
        self._columns = {**(columns or {}), 'annotated': annotated}
        # Looked at once a file: to find it in a PNG may take as long as to decode it.
        self._upright: set[str] = set()

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """What is known without decoding, beside landmarks."""
        return self._columns

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        names, box = self.names[row], self._boxes[row]
        try:
            if isinstance(names, str):
                image = self._one(names, box)
            else:
                image = np.stack([self._one(name, box) for name in names])
        except InputError:
            raise  # not the file is wrong, but how it is asked for
        except (OSError, ValueError) as error:
            raise BadItem(int(row), self.name(row), str(error)) from error
        visible = self._visible[row]
        landmarks = self.cut.move(self._landmarks[row], box)
        return {
            'image': image,
            'landmarks': np.where(visible[..., None], landmarks, np.float32(0)),
            'visible': visible,
            **{name: value[row] for name, value in self._columns.items()},
        }

    def _one(self, name: str, box: np.ndarray) -> np.ndarray:
        picture = Pictures(None, self.cut.channels)(self.folder / name)
        if name not in self._upright:
            _check_upright(self.folder / name)
            self._upright.add(name)
        return self.cut.crop(picture, box)

    def name(self, row: int) -> str:
        """Returns the path inside the folder; of a clip, that of its first frame."""
        names = self.names[row]
        return names if isinstance(names, str) else names[0]

    def fingerprint(self) -> str:
        """Returns the sha256 of annotations, names, sizes and bytes of the files."""
        fields = {'boxes': self._boxes, 'landmarks': self._landmarks}
        fields |= {'visible': self._visible} | self._columns
        digest = hashlib.sha256(content_hash(fields).encode())
        for row in self.names:
            for name in (row,) if isinstance(row, str) else row:
                try:
                    content = (self.folder / name).read_bytes()
                except OSError:
                    content = b''  # whether it can be read is asked row by row
                digest.update(json.dumps([name, len(content)]).encode())
                digest.update(content)
        return digest.hexdigest()


class Row(NamedTuple):
    """One annotation."""

    name: str  # of the picture, inside the folder
    box: np.ndarray  # [4]
    landmarks: np.ndarray  # [K, 2]
    visible: np.ndarray  # [K] bool
    columns: Mapping[str, np.generic | np.ndarray] = MappingProxyType({})


def crops(
    folder: Path, rows: Sequence[Row], cut: Cut, annotated: np.ndarray | None = None
) -> Crops:
    """Returns the Source of rows, which all have the same landmarks and columns."""
    return Crops(
        folder,
        [row.name for row in rows],
        np.stack([row.box for row in rows]),
        np.stack([row.landmarks for row in rows]),
        np.stack([row.visible for row in rows]),
        cut,
        columns={
            name: np.stack([row.columns[name] for row in rows])
            for name in rows[0].columns
        },
        annotated=annotated,
    )


def around(landmarks: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Returns the box [4] of the visible ones of landmarks [..., 2]; zeros if none."""
    seen = landmarks[visible]
    if not len(seen):
        return np.zeros(4)
    return np.concatenate([seen.min(0), seen.max(0)])


def inside(where: str, folder: Path, name: str) -> str:
    """Returns a path in a list as one inside the folder.

    Raises:
      InputError: if it leads out of the folder.
    """
    path = PurePosixPath(name.replace('\\', '/'))
    if path.is_absolute():
        for root in (folder.absolute(), folder.resolve()):  # '.', and what a link is
            if Path(path).is_relative_to(root):
                path = PurePosixPath(Path(path).relative_to(root).as_posix())
                break
    if path.is_absolute() or '..' in path.parts:
        raise InputError(
            f'{where}: {name!r} lies outside of {folder}; give the folder that holds '
            'all pictures of the list.'
        )
    return path.as_posix()


def numbers(where: str, words: Sequence[str], count: int) -> np.ndarray:
    """Returns [count] float64 of words.

    Raises:
      InputError: if there are not as many, or one is no finite number.
    """
    try:
        found = np.array([float(word) for word in words])
    except ValueError:
        found = np.array([np.nan])
    if len(found) != count or not np.isfinite(found).all():
        raise InputError(
            f'{where}: {" ".join(words)[:60]!r} are not {count} numbers; get the file '
            'anew.'
        )
    return found


def lines(path: Path) -> list[tuple[int, list[str]]]:
    """Returns (line number from 1, its words) of a text file's lines that have any.

    Raises:
      InputError: if it can't be read, or has none.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path} can not be read: {error}.') from error
    split = [(number, line.split()) for number, line in enumerate(text.split('\n'), 1)]
    found = [(number, words) for number, words in split if words]
    if not found:
        raise InputError(f'{path} is empty; get it anew.')
    return found


def _check_upright(path: Path) -> None:
    """Refuses a picture that ``Pictures`` turned: its annotation was not."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as image:
        orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation in range(2, 9):  # others are none, and nothing is turned by them
        raise ValueError(
            f'its EXIF says to turn it (orientation {orientation}), and not its '
            'annotation; turn the picture, or strip the tag, so that they fit'
        )
