"""Losses on distributions over a class axis, which is last. Any leading axes.

Everything is computed in float32 whatever comes in: confidences near 1 are coarse in
bfloat16. No gradient is stopped here; targets are stopped where they are made
(``targets.from_logits``). A class of probability 0 (a logit of -inf) that the target
excludes adds 0. Shapes or types that do not fit raise ``InputError``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


def cross_entropy(logits: Array, target: Array) -> Array:
    r"""Cross-entropy against class ids or against distributions.

    .. math:: \ell = -\sum_c q_c \log \mathrm{softmax}(z)_c

    Args:
      logits: [..., C] float.
      target: [...] integer ids in [0, C), or [..., C] float distributions q. The loss
        of an id outside, such as -1 for 'no label', means nothing: give it weight 0.

    Returns:
      float32 [...], not reduced.

    Raises:
      InputError: if the shapes do not fit.
    """
    logits, target = _float32('logits', logits), jnp.asarray(target)
    log_probs = jax.nn.log_softmax(logits)
    if jnp.issubdtype(target.dtype, jnp.integer):
        if target.shape != logits.shape[:-1]:
            raise InputError(
                f'target has shape {target.shape} and logits {logits.shape}; integer '
                'targets must have the leading axes of logits.'
            )
        # Compared, not gathered: a gather's gradient is a scatter, which costs a
        # processor more than all classes do.
        classes = jax.lax.broadcasted_iota(target.dtype, logits.shape, logits.ndim - 1)
        chosen = classes == target[..., None]
        return -jnp.sum(jnp.where(chosen, log_probs, 0.0), axis=-1)
    return -jnp.sum(_product(_distribution(target, logits), log_probs), axis=-1)


def kl_divergence(logits: Array, target: Array) -> Array:
    r"""Kullback-Leibler divergence from the target to the prediction.

    .. math:: \ell = \sum_c q_c (\log q_c - \log \mathrm{softmax}(z)_c)

    Differs from ``cross_entropy`` by the entropy of q: same gradient where q is
    stopped, and 0 where they agree.

    Args:
      logits: [..., C] float.
      target: [..., C] float distributions q.

    Returns:
      float32 [...], >= 0, not reduced.
    """
    target = _distribution(target, logits)
    log_target = jnp.log(jnp.where(target > 0, target, 1.0))
    return cross_entropy(logits, target) + jnp.sum(target * log_target, axis=-1)


def mean_squared_error(logits: Array, target: Array) -> Array:
    r"""Squared distance of probabilities, mean over classes.

    .. math:: \ell = \frac1C \sum_c (\mathrm{softmax}(z)_c - q_c)^2

    The consistency loss of the Pi-model and Mean Teacher. Some codes sum over classes
    instead: then their weight is ours divided by C.

    Args:
      logits: [..., C] float.
      target: [..., C] float distributions q.

    Returns:
      float32 [...], not reduced.
    """
    target = _distribution(target, logits)
    probs = jax.nn.softmax(_float32('logits', logits))
    return jnp.mean((probs - target) ** 2, axis=-1)


def symmetric_cross_entropy(logits: Array, target: Array) -> Array:
    r"""Half cross-entropy each way: robust to wrong targets.

    .. math:: \ell = -\tfrac12\sum_c q_c\log p_c - \tfrac12\sum_c p_c\log q_c

    Args:
      logits: [..., C] float, p their softmax.
      target: [..., C] float distributions q; below 1e-12 taken as 1e-12 in the log.

    Returns:
      float32 [...], not reduced.

    Source: Doebler et al. 2023 (RMT), arXiv 2211.13081.
    """
    target = _distribution(target, logits)
    probs = jax.nn.softmax(_float32('logits', logits))
    backward = -jnp.sum(probs * jnp.log(jnp.maximum(target, 1e-12)), axis=-1)
    return 0.5 * cross_entropy(logits, target) + 0.5 * backward


def jensen_shannon(a: Array, b: Array) -> Array:
    r"""Jensen-Shannon divergence of two predictions: 0 where they agree.

    .. math:: \ell = H\big(\tfrac{p + q}2\big) - \tfrac12 H(p) - \tfrac12 H(q)

    Args:
      a: [..., C] float logits, p their softmax.
      b: [..., C] float logits, q their softmax; both are taught.

    Returns:
      float32 [...], in [0, log 2], not reduced.

    Source: Qiao et al. 2018 (Deep Co-Training), arXiv 1803.05984, there for two views.
    """
    a, b = _float32('a', a), _float32('b', b)
    if a.shape != b.shape:
        raise InputError(f'a has shape {a.shape} and b {b.shape}; give the same.')
    mean = 0.5 * (jax.nn.softmax(a) + jax.nn.softmax(b))
    of_mean = -jnp.sum(mean * jnp.log(jnp.where(mean > 0, mean, 1.0)), axis=-1)
    return of_mean - 0.5 * entropy(a) - 0.5 * entropy(b)


def entropy(logits: Array) -> Array:
    r"""Entropy :math:`-\sum_c p_c \log p_c` in nats, float32 [...], of [..., C]."""
    log_probs = jax.nn.log_softmax(_float32('logits', logits))
    return -jnp.sum(_product(jnp.exp(log_probs), log_probs), axis=-1)


def _product(probs: Array, log_probs: Array) -> Array:
    """``probs * log_probs`` with 0 log 0 = 0, in value and in both gradients."""
    void = (probs == 0) & jnp.isneginf(log_probs)
    return probs * jnp.where(void, 0.0, log_probs)


def _float32(name: str, x: Array) -> Array:
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InputError(f'{name} has dtype {x.dtype}; give floats.')
    return x.astype(jnp.float32)


def _distribution(target: Array, logits: Array) -> Array:
    if jnp.shape(target) != jnp.shape(logits):
        raise InputError(
            f'target has shape {jnp.shape(target)} and logits {jnp.shape(logits)}; a '
            'distribution needs the shape of logits.'
        )
    return _float32('target', target)
