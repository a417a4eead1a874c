"""Experiments at the scale of the hearts of ACDC: segmentation."""
