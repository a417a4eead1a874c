"""A network's answer on one view, as it would stand on another."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError
from ssljax.views import coordinates, warp

_KINDS = ('dense', 'boxes', 'landmarks')


def align(
    answer: Array,
    warp_from: Array | None,
    warp_to: Array | None,
    *,
    kind: str = 'dense',
    shape: tuple[int, ...] | None = None,
    raw: tuple[int, ...] | None = None,
    min_area: float = 0.1,
) -> tuple[Array, Array]:
    """Carries an answer from one view's frame to another's.

    It moves by ``warp_to @ inverse(warp_from)``. Beside it comes what both views saw:
    elsewhere the answer is made up, and a loss should weigh it 0.

    Args:
      answer: of one example, or with a batch axis if the warps have one. 'dense':
        [H, W, C] or [Z, H, W, C], float (bilinear) or integer (nearest); it may be
        coarser than the image, cell by cell. 'boxes': [M, 2 d] float32. 'landmarks':
        [K, d] float32. In pixels of the view, as in ``ssljax.views.warp``.
      warp_from: [d + 1, d + 1] of the view that was answered for, or with a batch
        axis; None where that view moved nothing.
      warp_to: of the view to carry to, likewise.
      kind: 'dense', 'boxes' or 'landmarks'.
      shape: (H, W) or (Z, H, W) of both views' images; by default a dense answer's own.
      raw: of the raw image; by default ``shape``.
      min_area: share of a box in [0, 1] that each of the two views and the raw image
        must show.

    Returns:
      The answer in the other view's frame, of the same shape, and whether both views
      saw the place: [H, W], [M] or [K] bool (with the batch axis).

    Raises:
      InputError: if the kind is unknown, or no shape is known.
    """
    if kind not in _KINDS:
        raise InputError(f'kind is {kind!r}; give one of {_KINDS}.')
    if kind != 'dense' and shape is None:
        raise InputError(f'{kind} need shape, the (H, W) of the views; give it.')
    if warp_from is None and warp_to is None:
        return answer, jnp.ones(answer.shape[:-1], bool)
    given = jnp.asarray(warp_to if warp_from is None else warp_from)
    stays = jnp.broadcast_to(jnp.eye(given.shape[-1]), given.shape)
    warp_from = stays if warp_from is None else warp_from
    warp_to = stays if warp_to is None else warp_to

    batch = given.ndim - 2
    frame = tuple(shape or answer.shape[batch:-1])  # answer's own only if dense

    def one(answer, warp_from, warp_to):
        if kind == 'dense':
            return _dense(answer, warp_from, warp_to, frame, raw)
        to_raw = coordinates.inverse(warp_from)
        across = coordinates.product(warp_to, to_raw)
        lands = functools.partial(coordinates.carry, matrix=across)
        returns = functools.partial(coordinates.carry, matrix=to_raw)
        if kind == 'landmarks':
            moved = lands(answer)
            seen = coordinates.inside(answer, frame) & coordinates.inside(moved, frame)
            return moved, seen & coordinates.inside(returns(answer), raw or frame)
        moved, seen = coordinates.hull(answer, lands, frame, min_area)
        _, there = coordinates.hull(answer, returns, raw or frame, min_area)
        _, here = coordinates.hull(answer, lambda x: x, frame, min_area)
        return moved, seen & there & here

    if batch:
        return jax.vmap(one)(answer, warp_from, warp_to)
    return one(answer, warp_from, warp_to)


def _dense(answer, warp_from, warp_to, shape, raw):
    cells = answer.shape[:-1]
    # A cell covers several pixels when the answer is coarser than the image.
    pixels = jnp.array(shape[::-1], jnp.float32) / jnp.array(cells[::-1], jnp.float32)
    to_pixels = coordinates.homogeneous(jnp.diag(pixels), 0.5 * pixels - 0.5)
    warp_from, warp_to = (
        coordinates.product(coordinates.inverse(to_pixels), matrix)
        for matrix in (warp_from, warp_to)
    )  # now to cells
    to_raw = coordinates.inverse(warp_from)
    moved = warp.resample(
        answer,
        coordinates.product(warp_to, to_raw),
        shape=cells,
        fill='edge',
        nearest=not jnp.issubdtype(answer.dtype, jnp.floating),
    )
    sites = warp.grid(cells)[:-1].T
    at_raw = coordinates.carry(sites, coordinates.inverse(warp_to))
    at_from = coordinates.carry(at_raw, warp_from)
    seen = coordinates.inside(at_raw, raw or shape) & coordinates.inside(at_from, cells)
    return moved, seen.reshape(cells)
