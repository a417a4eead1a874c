"""Experiments on generated faces in clips: landmarks, offline."""
