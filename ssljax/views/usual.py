"""Views to begin with, for who has not chosen any."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ssljax.contracts import Example, InputError, View
from ssljax.views.geometry import affine, crop_pad, flip_horizontal, shift
from ssljax.views.intensity import cutout, noise
from ssljax.views.prepare import compose
from ssljax.views.randaugment import randaugment

_SMALL = 16
"""Pixels a side below which RandAugment's rotations leave little to be seen."""


def usual(example: Example, *, flip: bool = True) -> Mapping[str, View]:
    """Returns 'weak' and 'strong' views that serve most photographs.

    Weak: a crop after padding by an eighth, and flips. Strong: these, then RandAugment
    with a hole, as in FixMatch. Below 16 pixels a side: a shift by one pixel without
    flips, and an affine change with noise and a hole.

    Args:
      example: one, with ``image`` [H, W, channels].
      flip: whether left and right may change places; not for text, digits or organs.

    Raises:
      InputError: if the example has no image of that shape; choose views yourself then.
    """
    shape = np.shape(example.get('image', 0))
    if len(shape) != 3:
        raise InputError(
            f'The example has {sorted(example)}, image of shape {shape}; there are '
            'usual views for images [H, W, channels] only: give views.'
        )
    side = min(shape[:2])
    if side < _SMALL:
        moved = affine(degrees=20.0, scale=(0.8, 1.2), shear=0.2, translate=0.125)
        return {
            'weak': shift(1),
            'strong': compose(moved, noise(0.1), cutout(0.5)),
        }
    weak = [crop_pad(side // 8), *([flip_horizontal()] if flip else [])]
    return {'weak': compose(*weak), 'strong': compose(*weak, randaugment())}
