"""Tasks: what differs between classification, landmarks, segmentation, detection."""

from ssljax.tasks.classification import (
    classification,
    classification_of,
    consistent,
)

__all__ = ['classification', 'classification_of', 'consistent']
