"""Losses: free functions, per example, reduced by one ``masked_mean``."""

from ssljax.losses.adjustment import adjust_logits
from ssljax.losses.classification import (
    cross_entropy,
    entropy,
    jensen_shannon,
    kl_divergence,
    mean_squared_error,
    symmetric_cross_entropy,
)
from ssljax.losses.contrastive import barlow_twins, nt_xent
from ssljax.losses.counting import (
    count_agreement,
    count_error,
    ranking,
    rectified_consistency,
    transport_loss,
    variation,
)
from ssljax.losses.distillation import distillation
from ssljax.losses.fairness import fairness
from ssljax.losses.graph import graph_contrastive
from ssljax.losses.landmarks import (
    centre_focal,
    coordinate_squares,
    heatmap_squares,
    offset_distance,
    shape_invariance,
)
from ssljax.losses.reduce import masked_mean
from ssljax.losses.segmentation import (
    IGNORED,
    dice_loss,
    focal_tversky,
    site_mean,
    site_weights,
)

__all__ = [
    'IGNORED',
    'adjust_logits',
    'barlow_twins',
    'centre_focal',
    'coordinate_squares',
    'count_agreement',
    'count_error',
    'cross_entropy',
    'dice_loss',
    'distillation',
    'entropy',
    'fairness',
    'focal_tversky',
    'graph_contrastive',
    'heatmap_squares',
    'jensen_shannon',
    'kl_divergence',
    'masked_mean',
    'mean_squared_error',
    'nt_xent',
    'offset_distance',
    'ranking',
    'rectified_consistency',
    'shape_invariance',
    'site_mean',
    'site_weights',
    'symmetric_cross_entropy',
    'transport_loss',
    'variation',
]
