"""Tasks: what differs between classification, landmarks, segmentation, detection."""

from ssljax.tasks.classification import (
    adjusted,
    classification,
    classification_of,
    consistent,
)
from ssljax.tasks.density import density
from ssljax.tasks.landmark_metrics import (
    cumulative_errors,
    frame_errors,
    length_of,
    nme,
    oks_ap,
    pck,
    peaks,
)
from ssljax.tasks.landmarks import landmarks
from ssljax.tasks.segmentation import segmentation
from ssljax.tasks.segmentation_metrics import (
    distances,
    overlap,
    overlaps,
    surface_distances,
    surfaces,
)

__all__ = [
    'adjusted',
    'classification',
    'classification_of',
    'consistent',
    'cumulative_errors',
    'density',
    'distances',
    'frame_errors',
    'landmarks',
    'length_of',
    'nme',
    'oks_ap',
    'overlap',
    'overlaps',
    'pck',
    'peaks',
    'segmentation',
    'surface_distances',
    'surfaces',
]
