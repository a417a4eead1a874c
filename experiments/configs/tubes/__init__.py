"""Experiments on drawn vessels: segmentation."""
