"""Solvers: known answers to small problems, of arrays, with fixed iterations."""

from ssljax.solvers import density, heatmaps
from ssljax.solvers.k_centre import k_centre
from ssljax.solvers.sinkhorn import sinkhorn

__all__ = ['density', 'heatmaps', 'k_centre', 'sinkhorn']
