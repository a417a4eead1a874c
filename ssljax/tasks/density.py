"""Counting by density: a map that sums up to how many there are in any region."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import losses, solvers, views
from ssljax.contracts import Array, InputError, Metric, Outputs, Task


def density(
    shape: tuple[int, int, int],
    num_points: int,
    *,
    transport_weight: float = 0.1,
    variation_weight: float = 0.01,
    token_weight: float = 1.0,
    regularisation: float = 10.0,
    iterations: int = 100,
) -> Task:
    """Returns the task of counting things of which each has a point.

    An example has ``image``, ``points`` [M, 2] float32, (x, y) in pixels, and ``valid``
    [M] bool: the true count is how many are valid. Networks answer 'densities' [..., T,
    h, w, 1], >= 0, of T heads, the first of which is the answer, and may answer
    'counts' [..., T] beside them. A prediction is {'count': [...], 'density': [..., h,
    w]} float32; transported it also has 'seen' [..., h, w].

    Supervised terms, per example: of the first head the 'count', its distance, and the
    'transport' and 'variation' of DM-Count; of the counts their mean distance,
    'token'. The consistency is the squared distance of each head's density to the
    target's, summed over the cells that are seen, mean over heads. Scores: 'mae',
    'rmse' and 'r2' of the counts.

    Args:
      shape: (H, W, channels) of an image; the maps must be smaller by a whole number,
        the stride, the same for both.
      num_points: M.
      transport_weight: of the term 'transport'.
      variation_weight: of the term 'variation'.
      token_weight: of the term 'token'; 0 leaves it out, as in DM-Count.
      regularisation: of the transport, in pixels squared.
      iterations: of the transport.

    Raises:
      InputError: if M is below 1; when traced, if the network answers otherwise.

    Source: Wang et al. 2020 (DM-Count), arXiv 2009.13077, as TreeFormer has it, arXiv
    2307.06118.
    """
    if num_points < 1:
        raise InputError(f'num_points is {num_points}; give at least 1.')
    height, width, _ = shape

    def maps_of(outputs: Outputs) -> tuple[Array, int]:
        """Returns the maps [..., T, h, w] float32 and their stride."""
        found = jnp.shape(outputs.get('densities', 0))
        if len(found) < 4 or found[-1] != 1:
            raise InputError(
                f'The network answers { {n: jnp.shape(x) for n, x in outputs.items()} }'
                "; this task needs 'densities' [..., T, h, w, 1]."
            )
        stride = height // found[-3]
        if (found[-3] * stride, found[-2] * stride) != (height, width):
            raise InputError(
                f'The densities are {found[-3]}x{found[-2]} and the image {height}x'
                f'{width}; their ratio must be a whole number, the same for both.'
            )
        return jnp.asarray(outputs['densities'], jnp.float32)[..., 0], stride

    def decode(outputs):
        first = maps_of(outputs)[0][..., 0, :, :]
        return {'count': first.sum((-2, -1)), 'density': first}

    def supervised(outputs, example):
        maps, stride = maps_of(outputs)
        first, points = maps[..., 0, :, :], example['points']
        valid = jnp.asarray(example['valid'], bool)
        true = _count(example)
        placed = solvers.density.place(points, valid, first.shape[-2:], stride)
        work = losses.transport_loss(
            first,
            points,
            valid,
            stride,
            regularisation=regularisation,
            iterations=iterations,
        )
        terms = {
            'count': losses.count_error(first.sum((-2, -1)), true),
            'transport': transport_weight * work,
            'variation': variation_weight * losses.variation(first, placed),
        }
        if 'counts' in outputs and token_weight:
            counts = outputs['counts']
            wanted = jnp.broadcast_to(true[..., None], counts.shape)
            terms['token'] = token_weight * losses.count_error(counts, wanted).mean(-1)
        return terms

    def consistent(outputs, targets):
        maps, _ = maps_of(outputs)
        target = targets.value['density']
        squares = (maps - target[..., None, :, :]) ** 2
        seen = targets.value.get('seen', jnp.ones_like(target))
        squares = squares * seen[..., None, :, :]
        return {'consistency': squares.sum((-2, -1)).mean(-1)}

    def transport(prediction, warp_from, warp_to):
        if warp_from is None and warp_to is None:
            return prediction
        moved, seen = views.align(
            prediction['density'][..., None], warp_from, warp_to, shape=(height, width)
        )
        # What is shown larger is thinner: a cell holds a smaller part of the world.
        larger = _area(warp_to) / _area(warp_from)
        seen = seen.astype(jnp.float32)
        density = moved[..., 0] * seen / larger[..., None, None]
        return {'count': density.sum((-2, -1)), 'density': density, 'seen': seen}

    return Task(
        example={
            'image': jax.ShapeDtypeStruct(tuple(shape), jnp.float32),
            'points': jax.ShapeDtypeStruct((num_points, 2), jnp.float32),
            'valid': jax.ShapeDtypeStruct((num_points,), jnp.bool_),
        },
        inputs=('image',),
        decode=decode,
        supervised=supervised,
        consistency=consistent,
        transport=transport,
        metrics={'count': Metric(_counts, _scores)},
        score='-mae',
    )


def _count(example) -> Array:
    return jnp.asarray(example['valid'], jnp.float32).sum(-1)


def _area(warp: Array | None) -> Array:
    """How much larger an affine warp [..., 3, 3] shows things, [...]; 1 for None."""
    if warp is None:
        return jnp.ones(())
    return jnp.abs(
        warp[..., 0, 0] * warp[..., 1, 1] - warp[..., 0, 1] * warp[..., 1, 0]
    )


def _counts(prediction, example):
    return {'found': prediction['count'], 'true': _count(example)}


def _scores(rows: dict[str, np.ndarray]) -> dict[str, float]:
    found, true = (np.asarray(rows[n], np.float64).reshape(-1) for n in rows)
    apart = found - true
    spread = np.sum((true - true.mean()) ** 2)
    explained = 1 - np.sum(apart**2) / spread if spread > 0 else np.nan
    return {
        'mae': float(np.mean(np.abs(apart))),
        'rmse': float(np.sqrt(np.mean(apart**2))),
        'r2': float(explained),
    }
