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
from ssljax.losses.contrastive import nt_xent
from ssljax.losses.distillation import distillation
from ssljax.losses.fairness import fairness
from ssljax.losses.graph import graph_contrastive
from ssljax.losses.reduce import masked_mean

__all__ = [
    'adjust_logits',
    'cross_entropy',
    'distillation',
    'entropy',
    'fairness',
    'graph_contrastive',
    'jensen_shannon',
    'kl_divergence',
    'masked_mean',
    'mean_squared_error',
    'nt_xent',
    'symmetric_cross_entropy',
]
