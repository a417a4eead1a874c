"""Views that change colours: the functions of ``views.colour`` with drawn magnitudes.

Images are clipped to [0, 1] and come out as floats; bytes are divided by 255 first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, View
from ssljax.views import colour, warp
from ssljax.views.images import as_float
from ssljax.views.prepare import compose
from ssljax.views.rows import literal, row_by_row

_KINDS: Mapping[str, Callable] = {
    one.__name__: one
    for one in (
        colour.brightness,
        colour.contrast,
        colour.saturation,
        colour.hue,
        colour.sharpness,
        colour.autocontrast,
        colour.equalize,
        colour.posterize,
        colour.solarize,
        colour.invert,
        colour.grayscale,
        colour.gaussian_blur,
    )
}


def tone(
    kind: str,
    low: float | None = None,
    high: float | None = None,
    *,
    probability: float = 1.0,
) -> View:
    """Applies one function of ``views.colour``.

    Args:
      kind: its name.
      low: its magnitude is uniform between this and ``high``; None for a function that
        has none.
      high: likewise.
      probability: in [0, 1], that it is applied.

    Raises:
      InputError: if there is no such function, or its magnitude is missing or unasked.
    """
    if kind not in _KINDS:
        raise InputError(f'kind is {kind!r}; give one of {sorted(_KINDS)}.')
    change = _KINDS[kind]
    wanted = len(inspect.signature(change).parameters) == 2
    span = None if low is None or high is None else (low, high)
    if wanted != bool(span) or (span and not span[0] <= span[1]):
        need = 'low <= high' if wanted else 'neither, it has no magnitude'
        raise InputError(f'low is {low} and high {high}; {kind!r} takes {need}.')

    def draw(key, image):
        if span is None:
            return change(image)
        drawn = jax.random.uniform(key, (), minval=span[0], maxval=span[1])
        return change(image, drawn)

    return _perhaps(draw, probability)


def colour_jitter(
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    *,
    probability: float = 1.0,
) -> View:
    """Changes brightness, contrast, saturation and hue, in an order drawn at random.

    Factors are uniform in [max(0, 1 - s), 1 + s], the hue's shift in [-s, s] turns, as
    in torchvision's ColorJitter.

    Args:
      brightness: strength s >= 0.
      contrast: likewise.
      saturation: likewise; grey images stay.
      hue: strength in [0, 0.5]; grey images stay.
      probability: in [0, 1], that any of it is done.

    Source: Chen et al. 2020 (SimCLR), arXiv 2002.05709: 0.8 0.8 0.8 0.2 times the
    strength, probability 0.8.
    """
    strengths = {
        'brightness': brightness,
        'contrast': contrast,
        'saturation': saturation,
        'hue': hue,
    }
    for name, s in strengths.items():
        most = 0.5 if name == 'hue' else float('inf')
        if not 0 <= s <= most:
            raise InputError(f'{name} is {s}; give a strength in [0, {most}].')
    spans = [(max(0, 1 - s), 1 + s) for s in (brightness, contrast, saturation)]
    low, high = zip(*spans, (-hue, hue), strict=True)
    # What has no strength is left out of the order.
    branches = [_KINDS[name] for name, s in strengths.items() if s > 0]
    kept = [i for i, s in enumerate(strengths.values()) if s > 0]

    def draw(key, image):
        order, sizes = jax.random.split(key)
        order = jax.random.permutation(order, len(branches))
        size = jax.random.uniform(
            sizes,
            (len(branches),),
            minval=literal([low[i] for i in kept], jnp.float32),
            maxval=literal([high[i] for i in kept], jnp.float32),
        )
        for at in order:
            image = jax.lax.switch(at, branches, image, size[at])
        return image

    return _perhaps(draw if branches else lambda key, image: image, probability)


def random_grayscale(probability: float = 0.2) -> View:
    """Makes an image grey, all channels alike, with a probability in [0, 1]."""
    return tone('grayscale', probability=probability)


def random_blur(
    probability: float = 0.5, sigma: tuple[float, float] = (0.1, 2.0)
) -> View:
    """Blurs by a Gaussian of a random width.

    Args:
      probability: in [0, 1].
      sigma: range of the standard deviation in pixels, 0 < low <= high, uniform.

    Source: SimCLR and UniMatch, which both draw from [0.1, 2].
    """
    if not 0 < sigma[0] <= sigma[1]:
        raise InputError(f'sigma is {sigma}; give 0 < low <= high.')
    return tone('gaussian_blur', *sigma, probability=probability)


def unimatch() -> View:
    """The colours of UniMatch's strong views; its CutMix needs batch mates.

    Colour jitter 0.5 0.5 0.5 0.25 with probability 0.8, grey with 0.2, blur with 0.5.
    Put geometry before it, which weak and strong views share.

    Source: Yang et al. 2023 (UniMatch), arXiv 2208.09910; as SimCLR's at half strength.
    """
    return compose(
        colour_jitter(0.5, 0.5, 0.5, 0.25, probability=0.8),
        random_grayscale(0.2),
        random_blur(0.5),
    )


def _perhaps(draw: Callable, probability: float) -> View:
    """``draw(key, image) -> image`` as a view that happens with a probability."""
    warp.chance(probability)

    def view(key, example):
        image = as_float(warp.flat(example)['image'])

        def changed(key):
            # Magnitudes are float32, and branches must agree on one type.
            return draw(key, image.astype(jnp.float32)).astype(image.dtype)

        if probability == 1:
            return {**example, 'image': changed(key)}
        own, coin = jax.random.split(key)
        done = jax.random.bernoulli(coin, probability)
        seen = jax.lax.cond(done, lambda: changed(own), lambda: image)
        return {**example, 'image': seen}

    return row_by_row(view)
