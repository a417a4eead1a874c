"""Target rules: what a teacher's opinion becomes before it teaches."""

from ssljax.targets import bank, crd
from ssljax.targets.adaptive import gaussian, relative, self_adaptive
from ssljax.targets.align import align, align_by_queue
from ssljax.targets.annealing import tsa, tsa_schedule
from ssljax.targets.balance import balance
from ssljax.targets.curriculum import curriculum
from ssljax.targets.dash import dash
from ssljax.targets.landmarks import rectify, surest
from ssljax.targets.rules import (
    chain,
    confident_share,
    from_logits,
    from_prediction,
    harden,
    sharpen,
    threshold,
)

__all__ = [
    'align',
    'align_by_queue',
    'balance',
    'bank',
    'chain',
    'confident_share',
    'crd',
    'curriculum',
    'dash',
    'from_logits',
    'from_prediction',
    'gaussian',
    'harden',
    'rectify',
    'relative',
    'self_adaptive',
    'sharpen',
    'surest',
    'threshold',
    'tsa',
    'tsa_schedule',
]
