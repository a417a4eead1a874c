"""Teachers: where target parameters come from, on any pytree."""

from ssljax.teachers.decays import count_warmup, delayed_warmup, tenth_warmup
from ssljax.teachers.ema import ema, frozen, mix

__all__ = [
    'count_warmup',
    'delayed_warmup',
    'ema',
    'frozen',
    'mix',
    'tenth_warmup',
]
