"""Views of a batch that look at the joints: cut out, covered, mixed with a mate's.

``view(key, images, joints, score) -> images``, called by a method: the joints are a
network's answer, and what covers them comes from other images of the batch.

* ``images`` [U, H, W, channels] float;
* ``joints`` [U, K, 2] float (x, y) in pixels, as in ``ssljax.views.warp``;
* ``score`` [U, K] bool or float: a joint of score 0 is never chosen.

Sizes are shares of the image's height. The defaults are the papers' pixels at 256x192:
half a box is 10 to 19 pixels, and a box lies about 10 pixels (one standard deviation)
off its joint. Labels and target heatmaps stay those of the image, whatever is pasted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.views import mixing, warp
from ssljax.views.prepare import row_keys

BatchView: TypeAlias = Callable[[Array, Array, Array, Array], Array]
"""``(key, images, joints, score) -> images``."""

HALF = (10 / 256, 20 / 256)
JITTER = 10 / 256


def in_turn(*views: BatchView) -> BatchView:
    """One view after the other, each with a key of its own; none changes nothing."""

    def view(key, images, joints, score):
        for number, one in enumerate(views):
            own = jax.random.fold_in(key, number)
            images = one(own, images, joints, score)
        return images

    return view


def joco() -> BatchView:
    """JOCO of MultiAugs: ``cut_occlude``, then ``cutout``."""
    return in_turn(cut_occlude(), cutout())


def jccm() -> BatchView:
    """JCCM of MultiAugs: ``joint_cutout``, then ``cutmix``."""
    return in_turn(joint_cutout(), cutmix())


def joint_cutout(
    count: int = 5,
    *,
    half: tuple[float, float] = HALF,
    jitter: float = JITTER,
) -> BatchView:
    """Blackens boxes around random joints: JC.

    Args:
      count: boxes; their joints are drawn with replacement.
      half: range of half a side, uniform, in shares of the height.
      jitter: standard deviation of a box's place about its joint, likewise.

    Source: Xie et al. 2021, arXiv 2011.12498 (joint cutout); as in MultiAugs, Zhou et
    al. 2024, arXiv 2402.11566, whose code mixes up height and width here.
    """
    _range('half', half)

    def view(key, images, joints, score):
        keys = _row_keys(key, images)
        centre, sides = _around(keys, joints, half, jitter, images.shape[1])

        def draw(key, centre, sides, score):
            chosen, some = _choose(jax.random.fold_in(key, 2), score > 0, count)
            return centre[chosen], jnp.where(some, sides[chosen], 0)

        return erase(images, *jax.vmap(draw)(keys, centre, sides, score))

    return view


def cutout(count: int = 5, *, half: tuple[float, float] = HALF) -> BatchView:
    """Blackens boxes anywhere: CO.

    Args:
      count: boxes, their centres uniform over the pixels.
      half: as in ``joint_cutout``.

    Source: DeVries & Taylor 2017, arXiv 1708.04552; as in MultiAugs, 2024.
    """
    _range('half', half)

    def view(key, images, joints, score):
        del joints, score
        return erase(images, *_anywhere(key, images, count, half))

    return view


def cutmix(count: int = 2, *, half: tuple[float, float] = HALF) -> BatchView:
    """Pastes boxes of one batch mate, each at the place where it was: CM.

    Args:
      count: boxes, their centres uniform over the pixels.
      half: as in ``joint_cutout``.

    Source: Yun et al. 2019, arXiv 1905.04899; as in MultiAugs, 2024.
    """
    _range('half', half)

    def view(key, images, joints, score):
        del joints, score
        place, mate = jax.random.split(key)
        centre, sides = _anywhere(place, images, count, half)
        inside = _covered(centre, sides, images.shape[1:3])
        return jnp.where(inside[..., None], _mates(mate, images), images)

    return view


def mixup(alpha: float = 0.2, *, most: float = 0.25) -> BatchView:
    r"""Mixes every image with a batch mate, and stays near to itself: MU.

    .. math:: \lambda x_i + (1 - \lambda) x_j, \quad
        1 - \lambda = m\,b, \; b \sim \mathrm{Beta}(\alpha, \alpha)

    Args:
      alpha: > 0.
      most: m in [0, 1], the largest share of the mate. One share for all images.

    Source: Zhang et al. 2017, arXiv 1710.09412; as in MultiAugs, 2024.
    """
    warp.chance(most)

    def view(key, images, joints, score):
        del joints, score
        amount, mate = jax.random.split(key)
        share = most * mixing.shares(amount, 1, alpha=alpha)[0]
        return (1 - share) * images + share * _mates(mate, images)

    return view


def cut_occlude(
    count: int = 2,
    *,
    half: tuple[float, float] = HALF,
    jitter: float = JITTER,
    share: float = 1.0,
) -> BatchView:
    """Covers random joints by what is around random joints of a batch mate: JO.

    All patches of an image come from one mate, which may be the image itself, as it
    was before the first patch. See ``transplant`` for what happens at the edges.

    Args:
      count: patches; the joints of both images are drawn with replacement.
      half: as in ``joint_cutout``.
      jitter: as in ``joint_cutout``, of both joints.
      share: of the patch in what is seen, in [0, 1].

    Source: Huang et al. 2023 (SSPCM's cut-occlude); as in MultiAugs, Zhou et al. 2024,
    arXiv 2402.11566.
    """
    _range('half', half)
    warp.chance(share)

    def view(key, images, joints, score):
        keys = _row_keys(key, images)
        centre, sides = _around(keys, joints, half, jitter, images.shape[1])
        pool = shards.gather((images, centre, sides, score))

        def draw(key, centre, score):
            mate, to, origin = jax.random.split(jax.random.fold_in(key, 2), 3)
            row = jax.random.randint(mate, (), 0, len(pool[0]))
            picture, places, sizes, scores = (x[row] for x in pool)
            to, here = _choose(to, score > 0, count)
            origin, there = _choose(origin, scores > 0, count)
            sizes = jnp.where(here & there, sizes[origin], 0)
            return picture, centre[to], places[origin], sizes

        drawn = jax.vmap(draw)(keys, centre, score)
        return transplant(images, *drawn, share=share)

    return view


def keypoint_mix(count: int = 2, *, share: float = 0.5) -> BatchView:
    """Blends patches around joints of a batch mate over joints: Keypoint-Mix.

    [inferred] Teacher-Reviewer-Student names this view and its code is not public. It
    is taken to be the cut-occlude of its predecessors, blended half and half, so that
    true joints must be told from transplanted ones.

    Args:
      count: patches.
      share: of the mate, in [0, 1].

    Source: the abstract of arXiv 2501.09565 (2025).
    """
    return cut_occlude(count, share=share)


def occlude_confident(
    threshold: float = 0.9, *, half: float = 10 / 256, probability: float = 0.5
) -> BatchView:
    """Covers one joint that is known well by some other place of the same image.

    Args:
      threshold: score that the joint needs; an image without any stays as it is.
      half: half a side of the box, in shares of the height.
      probability: that an image is touched at all, in [0, 1].

    Source: Raychaudhuri et al. 2023 (POST), arXiv 2308.13954, adaptive keypoint
    occlusion.
    """
    _range('half', (half, half))
    warp.chance(probability)

    def view(key, images, joints, score):
        size = jnp.array(images.shape[2:0:-1])  # (W, H)
        side = jnp.full(2, max(round(half * images.shape[1]), 1))

        def one(key, image, joints, score):
            choice, coin, place = jax.random.split(key, 3)
            chosen, some = _choose(choice, score >= threshold, 1)
            at = joints[chosen[0]].astype(jnp.int32)
            first, last = (jnp.clip(x, 0, size) for x in (at - side, at + side))
            # Any place of the image where the box fits.
            start = jax.random.randint(place, (2,), 0, size - (last - first) + 1)
            touched = some[0, 0] & jax.random.bernoulli(coin, probability)
            here = _boxes(first, last, image.shape[:2]) & touched
            return jnp.where(here[..., None], _moved(image, first - start), image)

        return jax.vmap(one)(_row_keys(key, images), images, joints, score)

    return view


def erase(images: Array, centre: Array, half: Array) -> Array:
    """Sets boxes to 0.

    Args:
      images: [U, H, W, channels].
      centre: [U, n, 2] int32 (x, y); may lie outside.
      half: [U, n, 2] int32 (x, y), >= 0; a box is [centre - half, centre + half).
    """
    return jnp.where(_covered(centre, half, images.shape[1:3])[..., None], 0, images)


def transplant(
    images: Array,
    sources: Array,
    to: Array,
    origin: Array,
    half: Array,
    *,
    share: float = 1.0,
) -> Array:
    """Pastes patches of other images, one after the other, each around a place.

    What the source shows of a patch is pasted, clipped at the image's own edges. The
    last row and column of both are left out, and a patch about a place outside of its
    source is black: both as in the official code.

    Args:
      images: [U, H, W, channels].
      sources: [U, H, W, channels], for each image the one that it is covered by.
      to: [U, n, 2] int32 (x, y), where a patch's centre comes to lie.
      origin: [U, n, 2] int32, where it was in the source.
      half: [U, n, 2] int32, >= 0; 0 is no patch.
      share: of the patch in what is seen.

    Source: as ``cut_occlude``.
    """
    height, width = images.shape[1:3]
    last = jnp.array([width, height]) - 1

    def one(image, source, to, origin, half):
        before = origin - jnp.clip(origin - half, 0, last)
        after = jnp.clip(origin + half, 0, last) - origin
        first = jnp.clip(to - jnp.abs(before), 0, last)
        end = jnp.clip(to + jnp.abs(after), 0, last)
        here = _boxes(first, end, (height, width))
        seen = jnp.all((origin >= 0) & (origin <= last))
        patch = jnp.where(seen, _moved(source, to - origin), 0)
        mixed = share * patch + (1 - share) * image
        return jnp.where((here & jnp.all(half > 0))[..., None], mixed, image)

    for i in range(to.shape[1]):
        places = (x[:, i] for x in (to, origin, half))
        images = jax.vmap(one)(images, sources, *places)
    return images


def _range(name: str, ends: tuple[float, float]) -> None:
    if not 0 < ends[0] <= ends[1] <= 1:
        raise InputError(f'{name} is {ends}; give shares of the height in (0, 1].')


def _row_keys(key: Array, images: Array) -> Array:
    """A key a row [U], the same on however many devices the rows lie."""
    return row_keys(key, shards.row_numbers(len(images), like=images))


def _around(keys, joints, half, jitter, height):
    """Boxes about all joints: centres and half sides, both [U, K, 2] int32."""

    def draw(key, joints):
        noise = jax.random.normal(jax.random.fold_in(key, 0), joints.shape)
        centre = (joints + jitter * height * noise).astype(jnp.int32)
        sides = _sides(jax.random.fold_in(key, 1), len(joints), half, height)
        return centre, sides

    return jax.vmap(draw)(keys, joints)


def _anywhere(key, images, count, half):
    """Boxes about uniform places: centres and half sides, both [U, count, 2] int32."""
    height, width = images.shape[1:3]

    def draw(key):
        place, size = jax.random.split(key)
        limit = jnp.array([[width, height]])
        centre = jax.random.randint(place, (count, 2), 0, limit)
        return centre, _sides(size, count, half, height)

    return jax.vmap(draw)(_row_keys(key, images))


def _sides(key, count, half, height):
    low, high = (share * height for share in half)
    sides = jax.random.uniform(key, (count, 2), minval=low, maxval=high)
    return jnp.maximum(sides.astype(jnp.int32), 1)


def _choose(key, allowed, count):
    """Draws among the allowed ones [K]: numbers [count], and if there are any."""
    odds = jnp.where(allowed, 0.0, -jnp.inf)
    chosen = jax.random.categorical(key, odds, shape=(count,))
    return chosen, jnp.broadcast_to(jnp.any(allowed), (count, 1))


def _mates(key, images):
    """For each image another one of the batch: one permutation of all."""
    pool = shards.gather(images)
    own = shards.row_numbers(len(images), like=images)
    return pool[mixing.partners(key, len(pool))[own]]


def _covered(centre, half, shape):
    """Which pixels [U, H, W] lie in any of the boxes [U, n, 2]."""
    return _boxes(centre - half, centre + half, shape).any(1)


def _boxes(first, last, shape):
    """The pixels [..., *shape] of boxes [first, last), corners [..., 2] (x, y)."""

    def along(axis, length):
        at = jnp.arange(length).reshape((1,) * (first.ndim - 1) + (-1,))
        return (at >= first[..., axis, None]) & (at < last[..., axis, None])

    return along(1, shape[0])[..., :, None] & along(0, shape[1])[..., None, :]


def _moved(image, by):
    """An image [H, W, channels], moved by whole pixels [2] (x, y); edges repeat."""
    rows, columns = (
        jnp.clip(jnp.arange(length) - by[axis], 0, length - 1)
        for axis, length in ((1, image.shape[0]), (0, image.shape[1]))
    )
    return image[rows][:, columns]
