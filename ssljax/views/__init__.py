"""Views: ``view(key, example) -> example``, weak for teachers, strong for students."""

from ssljax.views.geometry import affine, shift
from ssljax.views.intensity import cutout, jitter, noise
from ssljax.views.prepare import compose, identity, prepare

__all__ = [
    'affine',
    'compose',
    'cutout',
    'identity',
    'jitter',
    'noise',
    'prepare',
    'shift',
]
