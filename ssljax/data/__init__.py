"""Data: a Source with stable row numbers, a split kept in a file, a pure feed.

::

    dataset = data.load('digits', labels_per_class=4)
    feed = data.in_memory(
        dataset.source, dataset.rows, method.needs, batch_size=40, seed=0
    )
    batch = feed(step)  # the same batch for the same step, for ever
"""

from ssljax.data import checks, sources, splits, tokens
from ssljax.data.batches import collate
from ssljax.data.budgets import long_tailed, open_set
from ssljax.data.datasets import BAD_SHARE, Dataset, load, readable
from ssljax.data.feeds import Feed, in_memory
from ssljax.data.folds import folds
from ssljax.data.host import on_host
from ssljax.data.leaks import leaks
from ssljax.data.named import read
from ssljax.data.overlays import overlay
from ssljax.data.resident import choose, resident
from ssljax.data.shares import dirichlet_shares, even_shares
from ssljax.data.sources import Arrays, join
from ssljax.data.stream import stream

__all__ = [
    'BAD_SHARE',
    'Arrays',
    'Dataset',
    'Feed',
    'checks',
    'choose',
    'collate',
    'dirichlet_shares',
    'even_shares',
    'folds',
    'in_memory',
    'join',
    'leaks',
    'load',
    'long_tailed',
    'on_host',
    'open_set',
    'overlay',
    'read',
    'readable',
    'resident',
    'sources',
    'splits',
    'stream',
    'tokens',
]
