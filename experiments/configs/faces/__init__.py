"""Experiments on real faces with 68 landmarks."""
