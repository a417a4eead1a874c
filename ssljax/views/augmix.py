"""AugMix: several chains of operations, mixed with each other and with the image."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import InputError, View
from ssljax.views import levels, operations, policies, warp
from ssljax.views.operations import MOVES, TONES
from ssljax.views.rows import row_by_row

_SPATIAL = ('mask', 'landmarks', 'boxes')


def _toned(name, magnitude):
    return policies.toning(lambda x, level, at: TONES[name](x, magnitude(level), at))


def _moved(name, magnitude):
    def source(level, size):
        return MOVES[name](jnp.sign(level) * magnitude(jnp.abs(level), size), size)

    return policies.moving(source)


def _whole(x):
    return jnp.floor(x + 1e-4)


# Levels are in [0.1, severity] of 10, negative for the other way.
_BRANCHES = (
    policies.toning(operations.autocontrast),
    policies.toning(operations.equalize),
    _toned('Posterize', lambda level: 4 - _whole(jnp.abs(level) * 0.4)),
    _toned('Solarize', lambda level: 256 - _whole(jnp.abs(level) * 25.6)),
    _moved('Rotate', lambda level, size: _whole(level * 3)),
    _moved('ShearX', lambda level, size: level * 0.03),
    _moved('ShearY', lambda level, size: level * 0.03),
    _moved('TranslateX', lambda level, size: _whole(level * size[1] / 30) / size[1]),
    _moved('TranslateY', lambda level, size: _whole(level * size[0] / 30) / size[0]),
    policies.toning(operations.identity),
)


def augmix(
    severity: float = 3.0, width: int = 3, depth: int = -1, alpha: float = 1.0
) -> View:
    """Mixes an image with chains of operations that no corruption test holds.

    ``(1 - m) x + m (w_1 chain_1(x) + ... + w_width chain_width(x))`` with w Dirichlet
    and m Beta. Its Jensen-Shannon term is a loss over the image and two such views.
    The operations are Pillow's to the level, but for geometry, which takes the nearest
    pixel where the official code is bilinear. Chains move apart, so that no label in
    the image could follow.

    Args:
      severity: the strongest level, in (0.1, 10]; 3 in the paper, 1 on ImageNet.
      width: chains, > 0.
      depth: operations a chain; -1 draws 1, 2 or 3 for each.
      alpha: > 0, of Dirichlet and Beta.

    Raises:
      InputError: if a number is out of its range, or (when called) the example has
        labels in the image.

    Source: Hendrycks et al. 2020, arXiv 1912.02781.
    """
    if not 0.1 < severity <= 10:
        raise InputError(f'severity is {severity}; give a level in (0.1, 10].')
    if width < 1 or (depth < 1 and depth != -1):
        raise InputError(
            f'width is {width} and depth {depth}; give numbers above 0, or depth -1.'
        )
    if not alpha > 0:
        raise InputError(f'alpha is {alpha}; give a number above 0.')
    longest = 3 if depth == -1 else depth
    idle = len(_BRANCHES) - 1

    def view(key, example):
        found = [name for name in _SPATIAL if name in example]
        if found:
            raise InputError(
                f'The example has {found}, and chains of AugMix move apart; give it '
                "'image' only."
            )
        pixels = levels.planes(warp.flat(example)['image'])
        draws, lengths, shares, rest = jax.random.split(key, 4)
        draw = jax.random.uniform(draws, (width, longest, 3))
        length = jnp.full((width,), longest)
        if depth == -1:
            length = jax.random.randint(lengths, (width,), 1, longest + 1)
        share = jax.random.dirichlet(shares, jnp.full((width,), alpha))
        m = jax.random.beta(rest, alpha, alpha)
        which = jnp.floor(draw[..., 0] * idle).astype(jnp.int32)
        step = jnp.arange(longest)[None, :]
        which = jnp.where(step < length[:, None], which, idle)
        level = 0.1 + draw[..., 1] * (severity - 0.1)
        level = jnp.where(draw[..., 2] < 0.5, -level, level)

        def chain(row):
            seen = pixels
            for i in range(longest):
                branch, at = row[0][i], jnp.zeros(2)
                seen, _ = jax.lax.switch(branch, _BRANCHES, seen, row[1][i], at)
            return seen.astype(jnp.float32)

        chains = jax.lax.map(chain, (which, level))
        mixed = jnp.sum(share[:, None, None, None] * chains, axis=0)
        image = levels.image((1 - m) * pixels.astype(jnp.float32) + m * mixed)
        return {**example, 'image': jnp.clip(image, 0, 1)}

    return row_by_row(view)
