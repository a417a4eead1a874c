"""Sources: rows of named fields, by number; and where they come from."""

from ssljax.data.sources.arrays import Arrays, content_hash
from ssljax.data.sources.npz_files import npz
from ssljax.data.sources.originals import digits
from ssljax.data.sources.source import NO_LABEL, BadItem, Source

__all__ = [
    'NO_LABEL',
    'Arrays',
    'BadItem',
    'Source',
    'content_hash',
    'digits',
    'npz',
]
