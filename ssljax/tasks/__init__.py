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
)
from ssljax.tasks.landmarks import landmarks

__all__ = [
    'adjusted',
    'classification',
    'classification_of',
    'consistent',
    'cumulative_errors',
    'density',
    'frame_errors',
    'landmarks',
    'length_of',
    'nme',
    'oks_ap',
    'pck',
]
