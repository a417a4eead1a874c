"""MixUp, CutMix, copy-paste: each row of a batch mixed with another one.

``fields`` holds what has to mix alike, batch axis first: 'image' [B, H, W, channels]
or [B, Z, H, W, channels]; labels [B, C] as distributions; weights [B]; and maps over
the pixels, [B, H, W, ...]: masks, confidences, weights. Row i is mixed with row
``partner[i]``, usually of ``partners(key, B)``; two batches are mixed by joining them.

The same key mixes other fields alike, so that what a teacher says later, of the
unmixed images, is mixed as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import shards
from ssljax.contracts import Array, Example, InputError
from ssljax.views import warp


def partners(key: Array, rows: int) -> Array:
    """Returns a random permutation [rows] int32."""
    return jax.random.permutation(key, jnp.arange(rows, dtype=jnp.int32))


def mixup(
    key: Array,
    fields: Mapping[str, Array],
    partner: Array,
    *,
    alpha: float = 0.75,
    larger: bool = False,
    one_share: bool = False,
) -> Example:
    r"""Returns :math:`\lambda x_i + (1 - \lambda) x_j` of every field.

    Args:
      key: consumed.
      fields: as above, floats.
      partner: [B] int32, j of each i.
      alpha: as the next ones, of ``shares``.
      larger: max(lambda, 1 - lambda).
      one_share: one lambda for all rows.

    Raises:
      InputError: if alpha is not above 0, or a field is not of floats.

    Source: Zhang et al. 2017, arXiv 1710.09412; Berthelot et al. 2019, arXiv 1905.02249
    (equation 9).
    """
    share = shares(key, len(partner), alpha=alpha, larger=larger, one_share=one_share)
    return {name: _blend(name, x, x[partner], share) for name, x in fields.items()}


def mixup_with(
    key: Array,
    fields: Mapping[str, Array],
    others: Mapping[str, Array],
    *,
    alpha: float = 0.75,
    larger: bool = True,
    one_share: bool = False,
) -> Example:
    """Mixes rows of one batch with rows of another: labelled with unlabelled ones.

    Row i of B meets row i U // B of U: each other row once where they are as many, and
    never one of another device.

    Args:
      key: consumed.
      fields: as above, floats [B, ...]: what stays the nearer one.
      others: the same fields [U, ...].
      alpha: as the next ones, of ``shares``.
      larger: max(lambda, 1 - lambda), by default.
      one_share: one lambda for all rows.

    Raises:
      InputError: as ``mixup``.
    """
    rows, many = (_rows(x) for x in (fields, others))
    count, own = shards.count(fields), shards.row_numbers(rows, like=fields)
    drawn = shares(key, rows * count, alpha=alpha, larger=larger, one_share=one_share)
    share = drawn[own]
    partner = jnp.arange(rows) * many // rows
    return {
        name: _blend(name, x, others[name][partner], share)
        for name, x in fields.items()
    }


def mixup_among(
    key: Array,
    batches: Sequence[Mapping[str, Array]],
    *,
    alpha: float = 0.75,
    larger: bool = True,
    one_share: bool = False,
) -> list[Example]:
    """Mixes every row of several batches with a row of all of them: MixMatch's W.

    The partners are one permutation of all rows. Inside ``jax.shard_map`` the rows of
    all devices are gathered for it, so that the mixture is the same as on one.

    Args:
      key: consumed.
      batches: each with the same fields, as above, floats [any, ...].
      alpha: as the next ones, of ``shares``.
      larger: max(lambda, 1 - lambda), by default.
      one_share: one lambda for all rows.

    Raises:
      InputError: as ``mixup``.

    Source: Berthelot et al. 2019, arXiv 1905.02249, section 3.3.
    """
    pool = _joined([shards.gather(batch) for batch in batches])
    sizes = [_rows(batch) for batch in batches]
    firsts = np.cumsum([0] + [n * shards.count(batches[0]) for n in sizes])
    own = jnp.concatenate(
        [
            first + shards.row_numbers(n, like=batch)
            for first, n, batch in zip(firsts, sizes, batches, strict=False)
        ]
    )
    partner_key, share_key = jax.random.split(key)
    partner = partners(partner_key, _rows(pool))[own]
    drawn = shares(
        share_key, _rows(pool), alpha=alpha, larger=larger, one_share=one_share
    )
    share = drawn[own]
    mixed = {
        name: _blend(name, x, pool[name][partner], share)
        for name, x in _joined(batches).items()
    }
    ends = np.cumsum(sizes)
    return [
        {name: x[end - n : end] for name, x in mixed.items()}
        for n, end in zip(sizes, ends, strict=True)
    ]


def shares(
    key: Array,
    rows: int,
    *,
    alpha: float,
    larger: bool = False,
    one_share: bool = False,
) -> Array:
    r"""Returns :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`, [rows] float32.

    Args:
      key: consumed.
      rows: B.
      alpha: > 0; the smaller, the less is mixed.
      larger: takes max(lambda, 1 - lambda), MixMatch's: a row stays nearer to itself.
      one_share: the same for all rows, as in USB and SSLH; else one each, as in the
        official code of MixMatch.

    Raises:
      InputError: if alpha is not above 0.
    """
    if not alpha > 0:
        raise InputError(f'alpha is {alpha}; give a number above 0.')
    share = jax.random.beta(key, alpha, alpha, (1 if one_share else rows,))
    if larger:
        share = jnp.maximum(share, 1 - share)
    return jnp.broadcast_to(share, (rows,))


def cutmix(
    key: Array, fields: Mapping[str, Array], partner: Array, *, alpha: float = 1.0
) -> Example:
    """Pastes a box of the partner's image, and mixes labels by the area.

    The box has the image's aspect and, before it is clipped at the edges, a share of
    the area that is uniform for ``alpha`` 1: Beta(alpha, alpha). Its centre is uniform.

    Args:
      key: consumed.
      fields: as above, with 'image' of 2 or 3 spatial axes.
      partner: [B] int32.
      alpha: > 0.

    Raises:
      InputError: if alpha is not above 0, or as ``paste``.

    Source: Yun et al. 2019, arXiv 1905.04899.
    """
    if not alpha > 0:
        raise InputError(f'alpha is {alpha}; give a number above 0.')
    shape = fields['image'].shape
    size_key, place_key = jax.random.split(key)
    share = jax.random.beta(size_key, alpha, alpha, shape[:1])
    axes = len(shape) - 2
    sides = jnp.repeat(share[:, None] ** (1 / axes), axes, axis=1)
    centre = jax.random.uniform(place_key, sides.shape)
    return paste(fields, partner, box(centre - sides / 2, sides, shape[1:-1]))


def random_boxes(
    key: Array,
    rows: int,
    shape: tuple[int, ...],
    *,
    share: tuple[float, float] = (0.02, 0.4),
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
    probability: float = 1.0,
) -> Array:
    """Returns boxes inside the images, for ``paste``: [rows, *shape] bool.

    UniMatch has these defaults and probability 0.5. With share ((2/3)**3,) * 2 and
    aspect (1, 1) it is the box of bidirectional copy-paste in volumes.

    Args:
      key: consumed.
      rows: B.
      shape: spatial axes, 2 or 3.
      share: range of the box's share of the image, uniform, in (0, 1].
      aspect: range of the first side over the last one, uniform, in shares of the
        image; both give way where the box would not fit.
      probability: of a box at all, in [0, 1].

    Raises:
      InputError: if a range can't be used.

    Source: Yang et al. 2022, arXiv 2208.09910 (``obtain_cutmix_box``); Bai et al. 2023,
    arXiv 2305.00673.
    """
    for name, (low, high), top in (('share', share, 1), ('aspect', aspect, np.inf)):
        if not 0 < low <= high <= top:
            raise InputError(f'{name} is {(low, high)}; give 0 < low <= high <= {top}.')
    warp.chance(probability)
    keys = jax.random.split(key, 4)
    area = jax.random.uniform(keys[0], (rows, 1), minval=share[0], maxval=share[1])
    ratio = jax.random.uniform(keys[1], (rows, 1), minval=aspect[0], maxval=aspect[1])
    tilt = jnp.linspace(0.5, -0.5, len(shape))[None]  # first and last axis; none else
    sides = jnp.minimum(area ** (1 / len(shape)) * ratio**tilt, 1.0)
    start = jax.random.uniform(keys[2], sides.shape) * (1 - sides)
    drawn = jax.random.bernoulli(keys[3], probability, (rows,))
    return box(start, sides, shape) & drawn.reshape((rows, *(1 for _ in shape)))


def box(start: Array, sides: Array, shape: tuple[int, ...]) -> Array:
    """Returns the pixels of boxes, [B, *shape] bool.

    Args:
      start: [B, axes] lower corners, in shares of the image; may lie outside.
      sides: [B, axes], in shares of the image.
      shape: spatial axes.
    """
    inside = jnp.ones((len(start), *shape), bool)
    for axis, length in enumerate(shape):
        first = jnp.round(start[:, axis] * length)
        last = first + jnp.round(sides[:, axis] * length)
        at = jnp.arange(length)[None]
        here = (at >= first[:, None]) & (at < last[:, None])
        inside &= here.reshape(
            [-1, *(length if a == axis else 1 for a in range(len(shape)))]
        )
    return inside


def copy_paste(
    key: Array,
    fields: Mapping[str, Array],
    partner: Array,
    *,
    num_classes: int,
    share: float = 0.5,
) -> Example:
    """Pastes objects of the partner: the pixels of some classes that its mask has.

    Args:
      key: consumed.
      fields: as above, with 'mask' [B, ...] int; class 255 is never pasted.
      partner: [B] int32.
      num_classes: C.
      share: of the classes present in a mask, rounded down, at least one, chosen at
        random.

    Raises:
      InputError: if share is not in (0, 1], or as ``paste``.

    Source: Olsson et al. 2020, arXiv 2007.07936 (ClassMix: half of the classes).
    """
    if not 0 < share <= 1:
        raise InputError(f'share is {share}; give a number in (0, 1].')
    mask = fields['mask'][partner]
    classes = jnp.arange(num_classes)
    flat = mask.reshape(len(mask), -1, 1)
    present = (flat == classes[None, None]).any(1)  # [B, C]
    wanted = jnp.maximum(jnp.floor(share * present.sum(1)), 1)
    # The present ones in random order; the first of them are chosen.
    order = jnp.where(present, jax.random.uniform(key, present.shape), jnp.inf)
    rank = jnp.argsort(jnp.argsort(order, axis=1), axis=1)
    chosen = present & (rank < wanted[:, None])
    region = jnp.take_along_axis(chosen, jnp.clip(flat[..., 0], 0, num_classes - 1), 1)
    region &= (flat[..., 0] >= 0) & (flat[..., 0] < num_classes)
    return paste(fields, partner, region.reshape(mask.shape))


def paste(
    fields: Mapping[str, Array], partner: Array, region: Array
) -> dict[str, Array]:
    """Puts the partner's pixels into a region, and mixes the rest by its share.

    Args:
      fields: as above. What has the axes of the region moves pixel by pixel, whatever
        its dtype; anything else, such as labels [B, C] and weights [B], is the sum of
        both by the region's share of the pixels.
      partner: [B] int32.
      region: [B, *spatial axes] bool, where the partner's pixels go.

    Raises:
      InputError: if a field that has no pixels is not of floats.
    """
    kept = 1 - region.reshape(len(region), -1).mean(1, dtype=jnp.float32)
    mixed = {}
    for name, x in fields.items():
        if x.shape[: region.ndim] == region.shape:
            inside = region.reshape(region.shape + (1,) * (x.ndim - region.ndim))
            mixed[name] = jnp.where(inside, x[partner], x)
        else:
            mixed[name] = _blend(name, x, x[partner], kept)
    return mixed


def _blend(name: str, x: Array, other: Array, share: Array) -> Array:
    """``share * x + (1 - share) * other``, one share a row."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InputError(
            f'fields[{name!r}] is {x.dtype}, which has no mean; give floats: labels as '
            'distributions, images by views.as_float.'
        )
    share = share.astype(x.dtype).reshape((-1,) + (1,) * (x.ndim - 1))
    return share * x + (1 - share) * other


def _rows(fields: Mapping[str, Array]) -> int:
    return len(next(iter(fields.values())))


def _joined(batches: Sequence[Mapping[str, Array]]) -> Example:
    return {name: jnp.concatenate([x[name] for x in batches]) for name in batches[0]}
