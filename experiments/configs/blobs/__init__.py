"""Experiments on drawn hearts: segmentation."""
