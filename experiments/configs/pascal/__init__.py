"""Experiments at the scale of Pascal VOC: segmentation."""
