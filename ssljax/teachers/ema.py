"""The mean teacher's average, the frozen teacher, and the mix of two networks.

They take any pytree: a dict, flax.linen parameters, an nnx.State. Given
``contracts.Variables`` the parameters are averaged and the statistics follow a policy
of their own, because official codes differ: nnx.EMA averages batch statistics, USB
copies them from the student, SoftTeacher keeps the teacher's own.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, PyTree, Schedule, Teacher, Variables
from ssljax.schedules import value


class EmaState(NamedTuple):
    """The teacher's own copy of what it was given."""

    variables: PyTree  # floats as float32, whatever the student's type


def ema(
    decay: float | Schedule,
    *,
    stats: Literal['average', 'copy', 'keep'] = 'copy',
) -> Teacher:
    r"""Exponential moving average of a student.

    .. math:: \theta_T \leftarrow d\,\theta_T + (1-d)\,\theta

    ``update`` may be called after the student's step (Mean Teacher, USB) or before it
    (SoftTeacher); ``step`` then is the number of updates finished before this one, and
    drives a scheduled decay (``count_warmup``, ``tenth_warmup``, ``delayed_warmup``).

    The average is stored in float32: in bfloat16 with decay 0.999 it stalls half-way.

    Args:
      decay: d in [0, 1], or a schedule of the step.
      stats: what the statistics of ``Variables`` do: 'average' as the parameters,
        'copy' the student's, 'keep' the teacher's first ones (to be moved by its own
        forward passes).

    Returns:
      Teacher. ``update``'s ``mask`` is a pytree prefix of the parameters, bool or
      [0, 1]: where it is 0 the teacher stays. Leaves that are not floats (counters)
      are copied from the student, masked or not.

    Raises:
      InputError: if ``decay`` is outside [0, 1] or ``stats`` is no policy.

    Example::

      teacher = teachers.ema(0.999)
      slow = teacher.init(params)
      for step, batch in enumerate(batches):
          params = train_step(params, batch)
          slow = teacher.update(slow, params, step=step)
      evaluate(teacher.variables(slow))

    Source: Tarvainen & Valpola 2017, arXiv 1703.01780.
    """
    if not callable(decay) and not 0 <= decay <= 1:
        raise InputError(f'decay is {decay}; give a number in [0, 1] or a schedule.')
    if stats not in ('average', 'copy', 'keep'):
        raise InputError(f"stats is {stats!r}; give 'average', 'copy' or 'keep'.")

    def init(variables: PyTree) -> EmaState:
        return EmaState(_copy(variables))

    def update(state: EmaState, variables: PyTree, *, step: Any, mask=None) -> EmaState:
        d = value(decay, step)
        old = state.variables
        if not isinstance(variables, Variables):
            return EmaState(_average(old, variables, d, mask))
        return EmaState(
            Variables(
                params=_average(old.params, variables.params, d, mask),
                stats={
                    'average': lambda: _average(old.stats, variables.stats, d, None),
                    'copy': lambda: _copy(variables.stats),
                    'keep': lambda: old.stats,
                }[stats](),
            )
        )

    return Teacher(init, update, lambda state: state.variables)


def frozen() -> Teacher:
    """A teacher that never moves: a finished network that is distilled from."""

    def update(state, variables, *, step, mask=None):
        del variables, step, mask
        return state

    return Teacher(lambda v: EmaState(_copy(v)), update, lambda state: state.variables)


def mix(a: PyTree, b: PyTree, decay: float | Array) -> PyTree:
    r"""``decay * a + (1 - decay) * b``, leaf by leaf, in the types of ``a``.

    The second update of a teacher that is also trained by gradient (TSAL, arXiv
    2012.06711): ``teacher = mix(teacher, student, decay)`` after both took their step.
    Computed in float32; leaves that are not floats are ``a``'s.
    """

    def leaf(x, y):
        if not _is_float(x):
            return x
        d = jnp.asarray(decay, jnp.float32)
        mixed = d * jnp.asarray(x, jnp.float32) + (1 - d) * jnp.asarray(y, jnp.float32)
        return mixed.astype(jnp.result_type(x))

    return jax.tree.map(leaf, a, b)


def _average(old: PyTree, new: PyTree, decay: Array, mask: PyTree | None) -> PyTree:
    def leaf(x, y, keep):
        if not _is_float(y):
            return jnp.array(y, copy=True)
        d = 1 - (1 - decay) * keep
        return d * x + (1 - d) * jnp.asarray(y, jnp.float32)

    if mask is None:
        return jax.tree.map(lambda x, y: leaf(x, y, 1.0), old, new)
    # A prefix: one entry of the mask may stand for a whole subtree.
    return jax.tree.map(
        lambda m, x, y: jax.tree.map(
            lambda a, b: leaf(a, b, jnp.asarray(m, jnp.float32)), x, y
        ),
        mask,
        old,
        new,
    )


def _copy(tree: PyTree) -> PyTree:
    """A copy that aliases nothing, floats as float32: donation deletes aliases."""
    return jax.tree.map(
        lambda x: jnp.array(x, jnp.float32 if _is_float(x) else None, copy=True), tree
    )


def _is_float(x) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)
