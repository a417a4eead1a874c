"""What an image is to a view: [H, W, channels], float in [0, 1] or uint8."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError, View


def as_float(image: Array) -> Array:
    """Returns an image as floats: uint8 divided by 255, floats as they are.

    Args:
      image: [..., channels] uint8 in [0, 255], or of any float type.

    Raises:
      InputError: if the image is of another type.
    """
    if image.dtype == jnp.uint8:
        return image.astype(jnp.float32) / 255
    if jnp.issubdtype(image.dtype, jnp.floating):
        return jnp.asarray(image)
    raise InputError(f'The image is {image.dtype}; give uint8, or floats in [0, 1].')


def to_float() -> View:
    """Turns a uint8 image into float32 in [0, 1]; floats stay as they are."""

    def view(key, example):
        del key
        return {**example, 'image': as_float(example['image'])}

    return view


def standardize() -> View:
    """Brings each example by itself to mean 0 and deviation 1, over all its values.

    For scans, whose units differ from case to case; put it last, as ``normalize``.
    """

    def view(key, example):
        del key
        image = as_float(example['image'])
        centred = image - image.mean()
        return {**example, 'image': centred / jnp.maximum(image.std(), 1e-6)}

    return view


def normalize(mean: float | Sequence[float], std: float | Sequence[float]) -> View:
    """Subtracts a mean and divides by a deviation, channel by channel.

    Put it last: views that change colours expect values in [0, 1].

    Args:
      mean: one number, or one a channel, in units of the float image.
      std: likewise, > 0.

    Raises:
      InputError: if a deviation is not above 0, or (when called) the image has another
        number of channels.
    """
    centre, spread = (np.atleast_1d(np.asarray(x, np.float32)) for x in (mean, std))
    if centre.ndim > 1 or spread.ndim > 1 or not (spread > 0).all():
        raise InputError(
            f'mean is {centre.tolist()}, std {spread.tolist()}; give one number each, '
            'or one a channel, std above 0.'
        )

    def view(key, example):
        del key
        image = as_float(example['image'])
        for name, x in (('mean', centre), ('std', spread)):
            if len(x) not in (1, image.shape[-1]):
                raise InputError(
                    f'{name} has {len(x)} numbers and the image {image.shape[-1]} '
                    'channels; give one a channel.'
                )
        shape = (1,) * (image.ndim - 1) + (-1,)
        centred = image - centre.reshape(shape).astype(image.dtype)
        scaled = centred / spread.reshape(shape).astype(image.dtype)
        return {**example, 'image': scaled}

    return view
