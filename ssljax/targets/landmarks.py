"""Rules for heatmaps: drawn anew around their peaks, and only the surer ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError, TargetRule, Targets
from ssljax.solvers import heatmaps
from ssljax.targets.rules import require_probability, times


def rectify(sigma: float) -> TargetRule:
    """Replaces every heatmap by a clean Gaussian around its highest cell.

    Args:
      sigma: of the Gaussian in cells, above 0; it is cut at 3 sigma along each axis.

    Returns:
      A rule for predictions with 'heatmaps' [..., h, w, K].

    Source: Raychaudhuri et al. 2023 (POST), arXiv 2308.13954.
    """

    def update(targets, state, evidence):
        del evidence
        maps = _field('rectify', targets, 'heatmaps')
        drawn = {**targets.value, 'heatmaps': clean(maps, sigma)}
        return targets._replace(value=drawn), state

    return TargetRule(lambda targets: (), update)


def surest(share: float, *, by: str = 'score') -> TargetRule:
    r"""Keeps the surest sites of the batch: those above the quantile of all.

    .. math:: w \leftarrow w\,[s > q], \quad q = s_{(\lfloor (1 - r) n \rfloor)}

    the n scores of the batch in ascending order. As the student's batches change, so
    does the limit. Inside ``jax.shard_map`` it is of the rows of all devices.

    Args:
      share: r in [0, 1], of the sites to keep.
      by: the field of a prediction that says how sure each of its sites is.

    Source: POST, arXiv 2308.13954, whose ``mask_ratio`` is 1 - r.
    """
    require_probability('share', share)

    def update(targets, state, evidence):
        del evidence
        score = _field('surest', targets, by)
        ordered = jnp.sort(shards.gather(score).reshape(-1))
        dropped = int((1 - share) * ordered.size)
        limit = ordered[dropped - 1] if dropped else -jnp.inf
        return targets._replace(weight=times(targets.weight, score > limit)), state

    return TargetRule(lambda targets: (), update)


def clean(maps: Array, sigma: float) -> Array:
    """Draws a Gaussian around the highest cell of each map, as ``rectify`` does.

    Args:
      maps: [..., h, w, K] float.
      sigma: in cells.

    Returns:
      [..., h, w, K] float32, 1 at the highest cell; of a map without anything above 0
      that is the first one.
    """
    *_, height, width, count = maps.shape
    flat = jnp.maximum(maps, 0).reshape(*maps.shape[:-3], height * width, count)
    at = jnp.argmax(flat, axis=-2)  # [..., K]
    row, column = at // width, at % width
    drawn = heatmaps.draw(
        jnp.stack([column, row], axis=-1),
        jnp.ones(at.shape, bool),
        (height, width),
        1,
        sigma,
        floor=0.0,
    )

    def near(length, at):
        cells = jnp.arange(length).reshape((1,) * (at.ndim - 1) + (-1, 1))
        return jnp.abs(cells - at[..., None, :]) <= 3 * sigma

    window = near(height, row)[..., :, None, :] & near(width, column)[..., None, :, :]
    return jax.lax.stop_gradient(jnp.where(window, drawn, 0.0))


def _field(rule: str, targets: Targets, name: str) -> Array:
    value = targets.value
    if not isinstance(value, dict) or name not in value:
        raise InputError(
            f'{rule} needs predictions with {name!r}, found '
            f'{jax.tree.map(jnp.shape, value)}.'
        )
    return value[name]
