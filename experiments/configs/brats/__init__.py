"""Experiments at the scale of the tumours of BraTS: segmentation."""
