"""Losses: free functions, per example, reduced by one ``masked_mean``."""

from ssljax.contracts import IGNORED
from ssljax.losses.adjustment import adjust_logits
from ssljax.losses.classification import (
    cross_entropy,
    entropy,
    jensen_shannon,
    kl_divergence,
    mean_squared_error,
    symmetric_cross_entropy,
)
from ssljax.losses.complementary import confident_pair
from ssljax.losses.contrastive import barlow_twins, nt_xent
from ssljax.losses.counting import (
    count_agreement,
    count_error,
    ranking,
    rectified_consistency,
    transport_loss,
    variation,
)
from ssljax.losses.distillation import (
    decoupled_distillation,
    distillation,
    symmetric_kl,
    teacher_mixture,
)
from ssljax.losses.fairness import fairness
from ssljax.losses.features import (
    attention_transfer,
    cosine_alignment,
    hidden_states,
    hint,
    matched_layers,
)
from ssljax.losses.graph import graph_contrastive
from ssljax.losses.landmarks import (
    centre_focal,
    coordinate_squares,
    heatmap_squares,
    offset_distance,
    shape_invariance,
)
from ssljax.losses.noise_contrastive import noise_contrastive
from ssljax.losses.norm_direction import class_means, norm_direction
from ssljax.losses.overlaps import overlap_agreement
from ssljax.losses.reduce import masked_mean
from ssljax.losses.region_contrast import region_contrast
from ssljax.losses.relational import relational_angle, relational_distance
from ssljax.losses.segmentation import (
    dice_loss,
    focal_tversky,
    site_mean,
    site_weights,
)
from ssljax.losses.subclasses import class_logits, subclass_targets

__all__ = [
    'IGNORED',
    'adjust_logits',
    'attention_transfer',
    'barlow_twins',
    'centre_focal',
    'class_logits',
    'class_means',
    'confident_pair',
    'coordinate_squares',
    'cosine_alignment',
    'count_agreement',
    'count_error',
    'cross_entropy',
    'decoupled_distillation',
    'dice_loss',
    'distillation',
    'entropy',
    'fairness',
    'focal_tversky',
    'graph_contrastive',
    'heatmap_squares',
    'hidden_states',
    'hint',
    'jensen_shannon',
    'kl_divergence',
    'masked_mean',
    'matched_layers',
    'mean_squared_error',
    'noise_contrastive',
    'norm_direction',
    'nt_xent',
    'offset_distance',
    'overlap_agreement',
    'ranking',
    'rectified_consistency',
    'region_contrast',
    'relational_angle',
    'relational_distance',
    'shape_invariance',
    'site_mean',
    'site_weights',
    'subclass_targets',
    'symmetric_cross_entropy',
    'symmetric_kl',
    'teacher_mixture',
    'transport_loss',
    'variation',
]
