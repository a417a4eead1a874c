"""Videos of faces with landmarks, as folders of frames, cut into clips.

Never run on the original files, which the tests do not have: the tests write folders in
the documented form.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources import folders
from ssljax.data.sources.crops import Crops, Cut, around
from ssljax.data.sources.face_files import Parts, all_pictured, counted, parted
from ssljax.data.sources.pictures import Pictures

CATEGORIES = {
    1: '114 124 125 126 150 158 401 402 505 506 507 508 509 510 511 514 515 518 519 '
    '520 521 522 524 525 537 538 540 541 546 547 548',
    2: '203 208 211 212 213 214 218 224 403 404 405 406 407 408 409 412 550 551 553',
    3: '410 411 516 517 526 528 529 530 531 533 557 558 559 562',
}
"""Folders of the test videos of 300-VW: well lit, other light, and anything."""
_CATEGORY = {
    name: number for number, text in CATEGORIES.items() for name in text.split()
}


def faces_300vw(
    path: str | os.PathLike[str],
    cut: Cut,
    *,
    frames: int = 10,
    num_landmarks: int = 68,
    pictures: str = 'extraction',
    annotated_every: int = 1,
) -> tuple[Crops, Parts]:
    """Reads 300-VW: a folder a video, cut into consecutive clips.

    The end of a video is filled up by its last frames in reverse, until the last clip
    is full; in test videos what fills it is not annotated, so that no frame counts
    twice. A clip has one crop, around the landmarks of all its frames, so that only
    what moves in the video moves in it.

    Args:
      path: of the folder of videos. A video's folder holds ``annot/000001.pts`` and so
        on, and the frames in ``pictures``, of the same names, extracted beforehand. A
        frame without a .pts file is not annotated; a clip without any is left out. A
        .pts file without a frame is refused: frames that were extracted at another rate
        would carry the labels of others.
      cut: how faces are cut.
      frames: T of a clip.
      num_landmarks: K.
      pictures: name of the folder of a video's frames.
      annotated_every: keeps the annotations of each so many-th frame of a video, from
        the first; the others only place the crop.

    Returns:
      The Source of clips, with ``video`` [] int32 (which), ``category`` [] int32 (1 to
      3 of test videos, else 0); and the parts 'train' and 'test'.

    Raises:
      InputError: if a folder or file is missing or not as described.

    Source: Shen et al. 2015, https://ibug.doc.ic.ac.uk/resources/300-VW; clips as
    TSAL's list builder makes them, which adds T frames where none lack.
    """
    root = Path(path)
    if frames < 1 or annotated_every < 1:
        raise InputError(
            f'frames is {frames} and annotated_every {annotated_every}; give at least '
            '1.'
        )
    videos = sorted(entry for entry in folders.visible(root) if entry.is_dir())
    clips: dict[str, list] = {
        name: [] for name in ('names', 'landmarks', 'seen', 'said', 'box', 'video')
    }
    for number, video in enumerate(videos):
        names = folders.scan(video / pictures, Pictures.endings)
        marked = [file.name for file in (video / 'annot').glob('[!.]*.pts')]
        all_pictured(video / 'annot', marked, [Path(name).name for name in names])
        landmarks = np.zeros((len(names), num_landmarks, 2))
        known = np.zeros(len(names), bool)
        for row, name in enumerate(names):
            file = video / 'annot' / Path(name).with_suffix('.pts').name
            if file.exists():
                landmarks[row], _ = counted(file, num_landmarks)
                known[row] = True
        said = known & (np.arange(len(names)) % annotated_every == 0)
        cut_up = _clips(len(names), frames)
        fills = np.arange(cut_up.size).reshape(cut_up.shape) >= len(names)
        for rows, again in zip(cut_up, fills, strict=True):
            if not known[rows].any():
                continue
            told = said[rows] & ~(again & (video.name in _CATEGORY))
            whole = landmarks[rows]
            clips['names'].append([f'{video.name}/{pictures}/{names[r]}' for r in rows])
            clips['landmarks'].append(whole)
            clips['seen'].append(np.repeat(told[:, None], num_landmarks, 1))
            clips['said'].append(told)
            everywhere = np.repeat(known[rows, None], num_landmarks, 1)
            clips['box'].append(around(whole, everywhere))
            clips['video'].append(number)
    if not clips['names']:
        raise InputError(f'{root} holds no videos with annot/*.pts; give their folder.')
    video_of = np.array(clips['video'], np.int32)
    category = np.array(
        [_CATEGORY.get(videos[number].name, 0) for number in video_of], np.int32
    )
    source = Crops(
        root,
        clips['names'],
        np.stack(clips['box']),
        np.stack(clips['landmarks']),
        np.stack(clips['seen']),
        cut,
        columns={'video': video_of, 'category': category},
        annotated=np.stack(clips['said']),
    )
    return source, parted(category > 0)


def _clips(count: int, frames: int) -> np.ndarray:
    """[clips, T] frames of a video of ``count``, whose end is filled by reversing."""
    missing = -count % frames
    whole = np.pad(np.arange(count), (0, missing), 'reflect' if count > 1 else 'edge')
    return whole.reshape(-1, frames)
