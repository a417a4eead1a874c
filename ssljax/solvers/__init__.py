"""Solvers: known answers to small problems, of arrays, with fixed iterations."""

from ssljax.solvers import density, heatmaps, lucas_kanade
from ssljax.solvers.components import (
    components,
    largest_component,
    largest_of_classes,
)
from ssljax.solvers.k_centre import k_centre
from ssljax.solvers.sinkhorn import sinkhorn

__all__ = [
    'components',
    'density',
    'heatmaps',
    'k_centre',
    'largest_component',
    'largest_of_classes',
    'lucas_kanade',
    'sinkhorn',
]
