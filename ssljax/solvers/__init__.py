"""Solvers: known answers to small problems, of arrays, with fixed iterations."""

from ssljax.solvers import (
    acquisition,
    density,
    heatmaps,
    lucas_kanade,
    self_distillation,
    subspaces,
)
from ssljax.solvers.components import (
    components,
    largest_component,
    largest_of_classes,
)
from ssljax.solvers.k_centre import k_centre
from ssljax.solvers.robust_sampling import (
    robust_distribution,
    sample_without_replacement,
)
from ssljax.solvers.sinkhorn import sinkhorn

__all__ = [
    'acquisition',
    'components',
    'density',
    'heatmaps',
    'k_centre',
    'largest_component',
    'largest_of_classes',
    'lucas_kanade',
    'robust_distribution',
    'sample_without_replacement',
    'self_distillation',
    'sinkhorn',
    'subspaces',
]
