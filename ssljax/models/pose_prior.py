"""How far a pose is from the poses that people take: a learned distance.

A pose is the unit direction of each bone, [..., N, 2] (x, y), so that it knows neither
place nor size. Bones form a tree: ``bones`` are pairs of joints, ``parents`` says for
each bone which one it hangs on, -1 for none.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from ssljax.contracts import Array, InputError, Network
from ssljax.models.adapters import from_nnx
from ssljax.models.precision import compute_type, widened

BONES = (
    *((8, 9), (2, 8), (3, 8), (12, 8), (13, 8), (1, 2), (0, 1)),
    *((4, 3), (5, 4), (11, 12), (10, 11), (14, 13), (15, 14)),
)
"""Of the 16 joints of POST: neck and head first, then hips, shoulders, legs, arms."""
PARENTS = (-1, 0, 0, 0, 0, 1, 5, 2, 7, 3, 9, 4, 11)
KAPPAS = (0.5, 1.0, 2.0, 4.0, 8.0)


def orientations(joints: Array, bones: Sequence[tuple[int, int]] = BONES) -> Array:
    """Returns the unit direction of each bone, [..., N, 2] float32.

    Args:
      joints: [..., K, 2] float, in any unit.
      bones: N pairs (from, to) of joints. A bone of no length has the direction 0.

    Raises:
      InputError: if a bone names a joint that there is not.
    """
    check_bones(bones, jnp.shape(joints)[-2])
    start, end = jnp.asarray(bones).T
    joints = jnp.asarray(joints, jnp.float32)
    along = joints[..., end, :] - joints[..., start, :]
    # The guard is inside the root: its gradient at no length stays finite.
    square = jnp.sum(along**2, axis=-1, keepdims=True)
    return along / jnp.sqrt(jnp.maximum(square, 1e-12))


def check_bones(bones: Sequence[tuple[int, int]], number: int) -> None:
    """Refuses bones between other joints than 0 to number - 1."""
    named = {joint for bone in bones for joint in bone}
    if not named <= set(range(number)):
        raise InputError(
            f'bones name the joints {sorted(named)}; a pose has 0 to {number - 1}. '
            'Give bones between these, in the order that the data have.'
        )


def noisy(key: Array, poses: Array, kappas: Sequence[float] = KAPPAS) -> Array:
    """Turns every bone by an angle of its own, von Mises distributed.

    Args:
      key: consumed.
      poses: [P, N, 2].
      kappas: concentrations, > 0; each pose draws one of them for all of its bones.

    Returns:
      [P, N, 2], of the same lengths.

    Source: Raychaudhuri et al. 2023 (POST), arXiv 2308.13954, whose code turns sine and
    cosine by branches that may leave the circle.
    """
    which, turn = jax.random.split(key)
    kappa = jax.random.choice(which, jnp.asarray(kappas, jnp.float32), poses.shape[:1])
    share = jax.random.uniform(turn, poses.shape[:2])
    # The inverse of the distribution function, tabulated: it has no closed form.
    angles = jnp.linspace(-jnp.pi, jnp.pi, 1025)
    density = jnp.exp(kappa[:, None] * (jnp.cos(angles)[None] - 1))
    below = jnp.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
    below = jnp.pad(below, ((0, 0), (1, 0))) / below[:, -1:]
    angle = jax.vmap(jnp.interp, (0, 0, None))(share, below, angles)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = poses[..., 0], poses[..., 1]
    return jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def distances(poses: Array, clean: Array, *, nearest: int = 5) -> Array:
    r"""How far poses are from clean ones: what the prior learns.

    .. math:: d(o) = \frac1k \sum_{c \in \mathrm{kNN}(o)} \frac1N \sum_b \|o_b - c_b\|

    Args:
      poses: [P, N, 2].
      clean: [Q, N, 2], all of which are looked at.
      nearest: k, at most Q.

    Returns:
      [P] float32.

    Raises:
      InputError: if there are fewer than k clean poses.

    Source: POST, arXiv 2308.13954, after Tiwari et al. 2022 (Pose-NDF), arXiv
    2207.13807; there the k are searched among 500 candidates.
    """
    if not 0 < nearest <= len(clean):
        raise InputError(f'nearest is {nearest}; there are {len(clean)} clean poses.')

    def one(pose):
        apart = jnp.sqrt(jnp.sum((pose[None] - clean) ** 2, axis=-1)).mean(-1)
        return -jax.lax.top_k(-apart, nearest)[0].mean()

    # A few at a time: all pairs of a large batch and a large set fill the memory.
    return jax.lax.map(one, poses, batch_size=64)


def pose_prior(
    parents: Sequence[int] = PARENTS,
    *,
    features: int = 6,
    hidden: Sequence[int] = (512,) * 5,
    dtype: DTypeLike = 'float32',
) -> Network:
    """A distance field over poses: a small layer a bone, then one for all.

    Each bone's layer sees its own direction and what its parent's found; all bones
    together feed layers whose weights are normalised.

    Args:
      parents: of N bones, each before its children.
      features: of a bone.
      hidden: widths of the layers for all bones.
      dtype: that it computes in.

    Returns:
      A Network of poses [B, N, 2] that answers {'distance': [B]} float32, >= 0.

    Raises:
      InputError: if a bone comes before its parent.

    Source: POST, arXiv 2308.13954; Pose-NDF, arXiv 2207.13807.
    """
    parents = tuple(int(parent) for parent in parents)
    for bone, parent in enumerate(parents):
        if not -1 <= parent < bone:
            raise InputError(
                f'parents is {parents}; bone {bone} needs an earlier one, or -1.'
            )
    compute = compute_type(dtype)
    return from_nnx(lambda rngs: _Prior(parents, features, hidden, compute, rngs=rngs))


class _Prior(nnx.Module):
    def __init__(self, parents, features, hidden, dtype, *, rngs):
        self.parents = parents
        self.bones = nnx.List(
            _Bone(2 if parent < 0 else 2 + features, features, dtype, rngs=rngs)
            for parent in parents
        )
        widths = (len(parents) * features, *hidden)
        self.layers = nnx.List(
            _Normed(a, b, dtype, rngs=rngs)
            for a, b in zip(widths, hidden, strict=False)
        )
        self.last = _Normed(widths[-1], 1, dtype, rngs=rngs)
        # Above 0 at the start: a ReLU that answers 0 everywhere never learns.
        self.last.bias[...] = jnp.full(1, 0.5)

    def __call__(self, x):
        if x.ndim != 3 or x.shape[1:] != (len(self.parents), 2):
            raise InputError(
                f'inputs are {x.shape}; give directions [B, {len(self.parents)}, 2].'
            )
        found: list[Array] = []
        for i, (bone, parent) in enumerate(zip(self.bones, self.parents, strict=True)):
            own = x[:, i]
            if parent >= 0:
                own = jnp.concatenate([own, found[parent]], axis=-1)
            found.append(bone(own))
        x = jnp.concatenate(found, axis=-1)
        for layer in self.layers:
            x = jax.nn.relu(layer(x))
        return {'distance': widened(jax.nn.relu(self.last(x)[:, 0]))}


class _Bone(nnx.Module):
    def __init__(self, width, features, dtype, *, rngs):
        self.first = nnx.Linear(width, features + 2, dtype=dtype, rngs=rngs)
        self.second = nnx.Linear(features + 2, features, dtype=dtype, rngs=rngs)

    def __call__(self, x):
        return jax.nn.relu(self.second(jax.nn.relu(self.first(x))))


class _Normed(nnx.Module):
    """A linear layer whose weights are a direction and a length (Salimans & Kingma)."""

    def __init__(self, before, after, dtype, *, rngs):
        self.dtype = dtype
        spread = nnx.initializers.he_normal()
        kernel = spread(rngs.params(), (before, after))
        self.kernel = nnx.Param(kernel)
        self.length = nnx.Param(jnp.linalg.norm(kernel, axis=0))
        self.bias = nnx.Param(jnp.zeros(after))

    def __call__(self, x):
        kernel = self.kernel[...]
        unit = kernel / jnp.linalg.norm(kernel, axis=0, keepdims=True)
        scaled = (unit * self.length[...][None]).astype(self.dtype)
        return x.astype(self.dtype) @ scaled + self.bias[...][None].astype(self.dtype)
