"""Experiments on slices of the left atrium: segmentation."""
