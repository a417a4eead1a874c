"""Solvers: known answers to small problems, of arrays, with fixed iterations."""

from ssljax.solvers import heatmaps
from ssljax.solvers.k_centre import k_centre

__all__ = ['heatmaps', 'k_centre']
