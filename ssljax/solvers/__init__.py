"""Solvers: known answers to small problems, of arrays, with fixed iterations."""

from ssljax.solvers import density, heatmaps, lucas_kanade
from ssljax.solvers.k_centre import k_centre
from ssljax.solvers.sinkhorn import sinkhorn

__all__ = ['density', 'heatmaps', 'k_centre', 'lucas_kanade', 'sinkhorn']
