"""Sources: rows of named fields, by number; and where they come from.

Files are read by ``Pictures`` and ``Waves``::

    read = sources.Pictures(size=(64, 64), channels=3)
    train = sources.class_folders('photos/train', read)
    test = sources.class_folders('photos/test', read, classes=train.classes)
    some = sources.table('photos/labels.csv', read)
    none = sources.flat_folder('photos', read)
"""

from ssljax.data.sources import dots, moving_faces, records, stick_figures, tfds
from ssljax.data.sources.arrays import Arrays, content_hash, decoded, digits
from ssljax.data.sources.audio import Waves
from ssljax.data.sources.folders import Files, class_folders, flat_folder
from ssljax.data.sources.idx import mnist
from ssljax.data.sources.joined import join
from ssljax.data.sources.npz_files import npz
from ssljax.data.sources.originals import cifar10, cifar100, stl10, svhn
from ssljax.data.sources.pictures import Pictures
from ssljax.data.sources.source import NO_LABEL, BadItem, Source, strata
from ssljax.data.sources.tables import table

__all__ = [
    'NO_LABEL',
    'Arrays',
    'BadItem',
    'Files',
    'Pictures',
    'Source',
    'Waves',
    'cifar10',
    'cifar100',
    'class_folders',
    'content_hash',
    'decoded',
    'digits',
    'dots',
    'flat_folder',
    'join',
    'mnist',
    'moving_faces',
    'npz',
    'records',
    'stick_figures',
    'stl10',
    'strata',
    'svhn',
    'table',
    'tfds',
]
