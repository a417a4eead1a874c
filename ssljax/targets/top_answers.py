"""A teacher's answers, made small: the surest classes, and one number for the rest."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError


def top_answers(logits: Array, count: int) -> tuple[Array, Array]:
    r"""Returns the largest logits, the classes they are of, and what the others have.

    .. math:: r = \log\sum_{c \notin K} e^{z_c} - \log(C - k)

    is the logit that each of the C - k other classes gets in ``all_answers``, so that
    they have the probability together that they had, and the k have their own.

    Args:
      logits: z, [..., C] float.
      count: k in [1, C).

    Returns:
      float32 [..., k + 1], descending and r last, and int32 [..., k].

    Raises:
      InputError: if ``count`` is none of these; all logits are kept as they are.
    """
    logits = jnp.asarray(logits, jnp.float32)
    classes = logits.shape[-1]
    if not 1 <= count < classes:
        raise InputError(
            f'count is {count} of {classes} classes; give 1 to {classes - 1}, or keep '
            'the logits themselves.'
        )
    order = jnp.argsort(logits, axis=-1, descending=True)
    sorted_ = jnp.take_along_axis(logits, order, axis=-1)
    rest = jax.nn.logsumexp(sorted_[..., count:], axis=-1, keepdims=True)
    rest = rest - jnp.log(classes - count)
    kept = jnp.concatenate([sorted_[..., :count], rest], axis=-1)
    return kept, order[..., :count].astype(jnp.int32)


def all_answers(values: Array, classes: Array, num_classes: int) -> Array:
    """Returns logits of all classes of what ``top_answers`` kept.

    At temperature 1 the kept classes have their own probabilities; at another one they
    have those of logits whose rest is even.

    Args:
      values: [..., k + 1] float32.
      classes: [..., k] int32 in [0, C).
      num_classes: C.

    Returns:
      float32 [..., C].

    Raises:
      InputError: if the shapes do not fit.
    """
    if values.shape != (*classes.shape[:-1], classes.shape[-1] + 1):
        raise InputError(
            f'values is {values.shape} and classes {classes.shape}; give [..., k + 1] '
            'and [..., k].'
        )
    kept, rest = values[..., :-1], values[..., -1:]
    # Compared, not scattered, as it stands inside of steps.
    own = classes[..., None] == jnp.arange(num_classes).reshape(
        (1,) * classes.ndim + (-1,)
    )
    own_logit = jnp.sum(jnp.where(own, kept[..., None], 0.0), axis=-2)
    return jnp.where(own.any(-2), own_logit, rest)
