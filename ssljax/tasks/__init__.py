"""Tasks: what differs between classification, landmarks, segmentation, detection."""

from ssljax.tasks.classification import classification

__all__ = ['classification']
