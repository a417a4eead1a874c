"""Experiments at the scale of 300-W and 300-VW: 256x256, 68 landmarks, clips of 10."""
