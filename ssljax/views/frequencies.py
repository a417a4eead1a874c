"""An image or a volume as the sum of its low and its high frequencies."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError


def split_frequencies(images: Array, cutoff: float) -> tuple[Array, Array]:
    """Splits images into what is smooth and what is fine; the sum is the image.

    The low part is a Gaussian low-pass by the FFT, so that the image wraps around at
    its borders. The high part has mean 0 and usually far smaller values.

    Args:
      images: [B, *S, channels] float32, any number of spatial axes.
      cutoff: cycles a pixel, in (0, 0.5), at which the low part has lost 1 - 1/sqrt(e)
        of a wave's height.

    Returns:
      Low and high part, each as the images.

    Raises:
      InputError: for another cutoff.
    """
    if not 0 < cutoff < 0.5:
        raise InputError(f'cutoff is {cutoff}; give cycles a pixel in (0, 0.5).')
    size, axes = images.shape[1:-1], tuple(range(1, images.ndim - 1))
    squares = np.zeros((*size[:-1], size[-1] // 2 + 1), np.float32)
    for axis, length in enumerate(size):
        last = axis == len(size) - 1
        rate = np.fft.rfftfreq(length) if last else np.fft.fftfreq(length)
        squares += (rate**2).reshape([-1 if a == axis else 1 for a in range(len(size))])
    passed = np.exp(-squares / (2 * math.pow(cutoff, 2))).astype(np.float32)
    waves = jnp.fft.rfftn(images, axes=axes) * passed[None, ..., None]
    low = jnp.fft.irfftn(waves, s=size, axes=axes).astype(images.dtype)
    return low, images - low
