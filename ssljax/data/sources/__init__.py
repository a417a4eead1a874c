"""Sources: rows of named fields, by number; and where they come from.

Files are read by ``Pictures`` and ``Waves``::

    read = sources.Pictures(size=(64, 64), channels=3)
    train = sources.class_folders('photos/train', read)
    test = sources.class_folders('photos/test', read, classes=train.classes)
    some = sources.table('photos/labels.csv', read)
    none = sources.flat_folder('photos', read)
"""

from ssljax.data.sources import (
    blobs,
    dots,
    moving_faces,
    records,
    stick_figures,
    tfds,
    tubes,
)
from ssljax.data.sources.arrays import Arrays, content_hash, decoded, digits
from ssljax.data.sources.audio import Waves
from ssljax.data.sources.crops import Crops, Cut
from ssljax.data.sources.face_files import face_list, faces_300w, wflw
from ssljax.data.sources.folders import Files, class_folders, flat_folder
from ssljax.data.sources.idx import mnist
from ssljax.data.sources.joined import join
from ssljax.data.sources.mask_files import mask_folder
from ssljax.data.sources.npz_files import npz
from ssljax.data.sources.originals import cifar10, cifar100, stl10, svhn
from ssljax.data.sources.pictures import Pictures
from ssljax.data.sources.pose_files import coco_keypoints, lsp, mpii
from ssljax.data.sources.source import NO_LABEL, BadItem, Source, strata
from ssljax.data.sources.tables import table
from ssljax.data.sources.video_files import faces_300vw

__all__ = [
    'NO_LABEL',
    'Arrays',
    'BadItem',
    'Crops',
    'Cut',
    'Files',
    'Pictures',
    'Source',
    'Waves',
    'blobs',
    'cifar10',
    'cifar100',
    'class_folders',
    'coco_keypoints',
    'content_hash',
    'decoded',
    'digits',
    'dots',
    'face_list',
    'faces_300vw',
    'faces_300w',
    'flat_folder',
    'join',
    'lsp',
    'mask_folder',
    'mnist',
    'moving_faces',
    'mpii',
    'npz',
    'records',
    'stick_figures',
    'stl10',
    'strata',
    'svhn',
    'table',
    'tfds',
    'tubes',
    'wflw',
]
