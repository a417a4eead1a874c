"""Target rules: what a teacher's opinion becomes before it teaches."""

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
    'chain',
    'confident_share',
    'from_logits',
    'from_prediction',
    'harden',
    'sharpen',
    'threshold',
]
