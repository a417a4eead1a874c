"""Pseudo-subclasses: where in its own class's subspace a feature lies."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError

_EXACT = jax.lax.Precision.HIGHEST


class Subspaces(NamedTuple):
    """A mean and S directions of each class, fixed once they are found."""

    means: Array  # [C, D] float32
    directions: Array  # [C, D, S] float32, orthonormal within a class


def class_subspaces(
    key: Array, features: Array, label: Array, num_classes: int, subclasses: int
) -> Subspaces:
    r"""Finds the main directions of each class, turned so that none is the first.

    .. math:: V_c R^T, \quad V_c \in \mathbb{R}^{D \times S}\ \text{the principal
        directions of class}\ c, \; R\ \text{random, orthonormal}

    The turn gives all S coordinates the same variance in expectation: else one
    subclass of each class would take most of it.

    Args:
      key: PRNG key, consumed; one turn for all classes.
      features: [N, D] float, a teacher's, mostly after ``without``.
      label: [N] int; rows of any id outside of [0, num_classes) are left out.
      num_classes: C.
      subclasses: S, at most D. Beyond the rows of a class the directions are any.

    Raises:
      InputError: if S is not in [1, D].

    Source: 'Linear Projections of Teacher Embeddings for Few-Class Distillation'
    (LELP) 2024, arXiv 2409.20449; that coordinates are counted from the class's mean
    is our reading.
    """
    features = jnp.asarray(features, jnp.float32)
    width = features.shape[-1]
    if not 1 <= subclasses <= width:
        raise InputError(
            f'subclasses is {subclasses}; give 1 to {width}, the width of features.'
        )
    turn = jax.random.orthogonal(key, subclasses)

    def one(number):
        share = jnp.asarray(label == number, jnp.float32)[:, None]
        count = jnp.maximum(share.sum(), 1)
        mean = jnp.sum(share * features, axis=0) / count
        apart = share * (features - mean[None])
        spread = jnp.matmul(apart.T, apart, precision=_EXACT) / count
        _, vectors = jnp.linalg.eigh(spread)
        main = vectors[:, ::-1][:, :subclasses]
        return mean, jnp.matmul(main, turn.T, precision=_EXACT)

    # One class after another: D^2 numbers at a time.
    return Subspaces(*jax.lax.map(one, jnp.arange(num_classes)))


def coordinates(subspaces: Subspaces, features: Array) -> Array:
    r"""Returns :math:`z_{cs} = v_{cs} \cdot (h - \mu_c)`, float32 [..., C, S].

    Args:
      subspaces: of C classes.
      features: h, [..., D] float.
    """
    features = jnp.asarray(features, jnp.float32)
    along = jnp.einsum(
        '...d,cds->...cs', features, subspaces.directions, precision=_EXACT
    )
    own = jnp.einsum(
        'cd,cds->cs', subspaces.means, subspaces.directions, precision=_EXACT
    )
    return along - own.reshape((1,) * (along.ndim - 2) + own.shape)


def without(features: Array, weights: Array) -> Array:
    r"""Takes from features what a linear head sees of them.

    .. math:: h' = (I - Q Q^T)\,h, \quad Q\ \text{an orthonormal basis of the columns
        of}\ W

    What is left is what the logits do not tell already.

    Args:
      features: h, [..., D] float.
      weights: W, [D, C] float, of a teacher's last layer; C < D, or nothing is left.

    Returns:
      float32 [..., D].

    Raises:
      InputError: if the widths differ, or C is not below D.
    """
    if features.shape[-1] != weights.shape[0] or weights.shape[1] >= weights.shape[0]:
        raise InputError(
            f'features has shape {features.shape} and weights {weights.shape}; give '
            '[..., D] and [D, C] with fewer classes than features.'
        )
    features = jnp.asarray(features, jnp.float32)
    u, scale, _ = jnp.linalg.svd(jnp.asarray(weights, jnp.float32), full_matrices=False)
    # Weights of a softmax are often dependent: only directions that are there count.
    basis = jnp.where((scale > 1e-6 * scale[0])[None], u, 0.0)
    seen = jnp.matmul(features, basis, precision=_EXACT)
    return features - jnp.matmul(seen, basis.T, precision=_EXACT)
