"""Experiments at the scale of ImageNet: distillation."""
