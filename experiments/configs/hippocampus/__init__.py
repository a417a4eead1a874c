"""Experiments on volumes of the hippocampus: segmentation."""
