r"""Losses of landmarks: of heatmaps, of places, of a centre with offsets, of clips.

Any leading axes. Each is a sum or mean over the places of one landmark or one frame;
what is hidden or not annotated is weighed 0 afterwards, by ``masked_mean`` or a task.
Computed in float32. Shapes that do not fit raise ``InputError``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


def heatmap_squares(stages: Array, target: Array, seen: Array | None = None) -> Array:
    r"""Half the squared distance of every heatmap, summed over cells and stages.

    .. math:: \ell_k = \frac12 \sum_s \sum_c v_c\, (H_{sck} - G_{ck})^2

    A sum over the cells is of the size of the Gaussian, whatever the size of the map.
    TSAL's supervised loss is the sum over k, over the number of labelled frames;
    SimpleBaseline's and MultiAugs' the mean over k, over the h w cells of the map.

    Args:
      stages: [..., S, h, w, C] float, the heatmaps of S stages.
      target: [..., h, w, C] float, for every stage the same.
      seen: [..., h, w], what each cell counts; None is 1.

    Returns:
      float32 [..., C].
    """
    stages, target = _float32(stages), _float32(target)
    if stages.shape[:-4] + stages.shape[-3:] != target.shape:
        raise InputError(
            f'stages has shape {stages.shape} and target {target.shape}; give '
            '[..., S, h, w, C] and [..., h, w, C].'
        )
    squares = (stages - target[..., None, :, :, :]) ** 2
    if seen is not None:
        squares *= _float32(seen)[..., None, :, :, None]
    return 0.5 * squares.sum((-4, -3, -2))


def coordinate_squares(landmarks: Array, target: Array) -> Array:
    """Squared distance of places [..., K, 2], mean over x and y: float32 [..., K]."""
    landmarks, target = _alike('landmarks', landmarks, target)
    return jnp.mean((landmarks - target) ** 2, axis=-1)


def offset_distance(offsets: Array, target: Array) -> Array:
    r"""Smooth L1 of the offsets from the centre.

    .. math:: \ell(d) = d^2 / 2 \text{ if } |d| < 1, \text{ else } |d| - 1/2

    Args:
      offsets: [..., K, 2] float, in cells, read at the centre's true cell.
      target: [..., K, 2] float.

    Returns:
      float32 [..., K, 2].

    Source: Girshick 2015 (Fast R-CNN), arXiv 1504.08083; TSAL's RegLoss is its mean
    over the visible coordinates of a batch.
    """
    offsets, target = _alike('offsets', offsets, target)
    apart = jnp.abs(offsets - target)
    far = apart >= 1
    # The square of what is far could be infinite, its slope then NaN.
    near = jnp.where(far, 0.0, apart)
    return jnp.where(far, apart - 0.5, 0.5 * near**2)


def centre_focal(
    logits: Array, target: Array, *, alpha: float = 2.0, beta: float = 4.0
) -> Array:
    r"""Focal loss of the centre map: few centres, and neighbours that nearly are.

    .. math:: \ell = -\frac1n \sum_c \begin{cases} (1 - p_c)^\alpha \log p_c
        & y_c = 1 \\ (1 - y_c)^\beta p_c^\alpha \log(1 - p_c) & \text{else}\end{cases}

    with n the number of centres, or 1 if there is none.

    Args:
      logits: [..., h, w, 1] float, p their sigmoid.
      target: [..., h, w] float in [0, 1], exactly 1 at centres.
      alpha: the less a cell counts, the surer it is.
      beta: the less a cell counts, the nearer a centre is.

    Returns:
      float32 [...], >= 0.

    Source: Zhou et al. 2019 (CenterNet), arXiv 1904.07850. TSAL's code sets every
    prediction against every frame; here each stands against its own.
    """
    logits, target = _alike('logits', logits[..., 0], target)
    log_p, log_not = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    centre = target == 1
    found = jnp.exp(alpha * log_not) * log_p
    rest = (1 - target) ** beta * jnp.exp(alpha * log_p) * log_not
    total = -jnp.sum(jnp.where(centre, found, rest), axis=(-2, -1))
    return total / jnp.maximum(centre.sum((-2, -1)), 1)


def shape_invariance(
    offsets: Array, visible: Array, annotated: Array | None = None
) -> Array:
    r"""How much the size of a face changes within a clip.

    .. math:: \ell = \frac1{KT} \sum_{f < g} (m_f - m_g)^2, \quad
        m_f = \sum_k v_{fk} \|o_{fk}\|^2

    Args:
      offsets: [..., T, K, 2] float, from the centre, in cells.
      visible: [..., T, K] bool, v.
      annotated: [..., T] bool: frames that count; None is all.

    Returns:
      float32 [...], one for each clip. A landmark that is seen in one frame and not in
      another counts as a change of size.

    Source: TSAL, arXiv 2012.06711, as it is meant: the official code tears x and y
    apart and compares frames of different people.
    """
    offsets = _float32(offsets)
    frames, number = offsets.shape[-3:-1]
    size = jnp.sum(_float32(visible)[..., None] * offsets**2, axis=(-2, -1))
    apart = (size[..., :, None] - size[..., None, :]) ** 2
    if annotated is not None:
        counts = _float32(annotated)
        apart *= counts[..., :, None] * counts[..., None, :]
    return 0.5 * apart.sum((-2, -1)) / (number * frames)


def _float32(x: Array) -> Array:
    return jnp.asarray(x, jnp.float32)


def _alike(name: str, x: Array, target: Array) -> tuple[Array, Array]:
    if jnp.shape(x) != jnp.shape(target):
        raise InputError(
            f'{name} has shape {jnp.shape(x)} and target {jnp.shape(target)}; give '
            'the same.'
        )
    return _float32(x), _float32(target)
