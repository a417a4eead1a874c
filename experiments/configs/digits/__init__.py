"""Experiments on scikit-learn's embedded digits, 8x8, 40 labels."""
