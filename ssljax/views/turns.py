"""Self-labelled views: the example is turned in one of four ways, and says in which.

The way is ``example['turn']`` [] int32 in [0, 4), for a head that has to find it out.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, View
from ssljax.views import warp
from ssljax.views.geometry import mirrored, turned

WAYS = ('quarters', 'flips')


def turn(way: str = 'quarters') -> View:
    """Turns an image in one of four ways, exactly and all alike probable.

    Args:
      way: 'quarters', by 0, 1, 2 or 3 of them, counterclockwise, of square images; or
        'flips': not, along the first axis, along the second, both. The latter are for
        spectrograms, whose axes do not change places; they may lie in ``wave``, where
        ``spectra.log_mel`` leaves them.

    Raises:
      InputError: for another way; when called, for quarters of what is not square.

    Source: Gidaris et al. 2018, arXiv 1803.07728, and Berthelot et al. 2019
    (ReMixMatch), arXiv 1911.09785; the flips: Cances et al. 2022, arXiv 2102.08183.
    """
    if way not in WAYS:
        raise InputError(f'way is {way!r}; give one of {", ".join(map(repr, WAYS))}.')

    def view(key, example):
        if 'image' not in example and jnp.ndim(example.get('wave', 0)) == 3:
            seen = view(key, {'image': example['wave']})
            return {**example, 'wave': seen['image'], 'turn': seen['turn']}
        example = warp.flat(example)
        which = jax.random.randint(key, (), 0, 4)
        if way == 'flips':
            seen = mirrored(mirrored(example, which % 2 == 1, 0), which >= 2, 1)
            return {**seen, 'turn': which}
        height, width = jnp.shape(example['image'])[:2]
        if height != width:
            raise InputError(
                f"image is {height}x{width}; quarters need squares: give 'flips'."
            )
        return {**turned(example, which, (0, 1)), 'turn': which}

    return view
