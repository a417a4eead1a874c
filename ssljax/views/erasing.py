"""Views that erase a rectangle; ``intensity.cutout`` and RandAugment's are squares."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, View
from ssljax.views import warp
from ssljax.views.images import as_float

_TRIES = 10


def random_erasing(
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    *,
    probability: float = 0.5,
    fill: float | str = 0.0,
) -> View:
    """Erases a rectangle that lies wholly in the image.

    Ten tries of an area, uniform, and a ratio, uniform in its logarithm, as in
    torchvision's RandomErasing; if none fits, nothing is erased.

    Args:
      scale: range of the share of the image's area, 0 < low <= high < 1.
      ratio: range of height / width, 0 < low <= high.
      probability: in [0, 1].
      fill: the value put there, in image units; 'noise' for standard normal values,
        as in the paper's best variant, meant for normalised images.

    Source: Zhong et al. 2017, arXiv 1708.04896.
    """
    if not 0 < scale[0] <= scale[1] < 1:
        raise InputError(f'scale is {scale}; give 0 < low <= high < 1.')
    if not 0 < ratio[0] <= ratio[1]:
        raise InputError(f'ratio is {ratio}; give 0 < low <= high.')
    warp.chance(probability)
    if isinstance(fill, str) and fill != 'noise':
        raise InputError(f"fill is {fill!r}; give a number or 'noise'.")

    def view(key, example):
        image = as_float(warp.flat(example)['image'])
        height, width, _ = image.shape
        shape, place, coin, values = jax.random.split(key, 4)
        draw = jax.random.uniform(shape, (2, _TRIES))
        area = (scale[0] + (scale[1] - scale[0]) * draw[0]) * height * width
        low, high = jnp.log(jnp.array(ratio, jnp.float32))
        aspect = jnp.exp(low + (high - low) * draw[1])
        tall, wide = (
            jnp.round(jnp.sqrt(area * aspect)),
            jnp.round(jnp.sqrt(area / aspect)),
        )
        fits = (tall < height) & (wide < width)
        first = jnp.argmax(fits)
        tall, wide = tall[first], wide[first]
        at = jax.random.uniform(place, (2,))
        top = jnp.floor(at[0] * (height - tall + 1))
        left = jnp.floor(at[1] * (width - wide + 1))
        y, x = jnp.arange(height)[:, None], jnp.arange(width)[None, :]
        hole = (y >= top) & (y < top + tall) & (x >= left) & (x < left + wide)
        hole &= fits[first] & jax.random.bernoulli(coin, probability)
        if isinstance(fill, str):
            value = jax.random.normal(values, image.shape, image.dtype)
        else:
            value = jnp.full_like(image, fill)
        return {**example, 'image': jnp.where(hole[..., None], value, image)}

    return view
