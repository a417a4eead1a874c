"""Views: ``view(key, example) -> example``, weak for teachers, strong for students."""

from ssljax.views.geometry import affine, shift
from ssljax.views.images import as_float, normalize, to_float
from ssljax.views.intensity import cutout, jitter, noise
from ssljax.views.prepare import compose, identity, plain, prepare

__all__ = [
    'affine',
    'as_float',
    'compose',
    'cutout',
    'identity',
    'jitter',
    'noise',
    'normalize',
    'plain',
    'prepare',
    'shift',
    'to_float',
]
