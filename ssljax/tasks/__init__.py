"""Tasks: what differs between classification, landmarks, segmentation, detection."""

from ssljax.tasks.classification import (
    adjusted,
    classification,
    classification_of,
    consistent,
)

__all__ = ['adjusted', 'classification', 'classification_of', 'consistent']
