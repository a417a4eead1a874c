"""CRD's memories: what a student and its teacher last answered on every row.

A step draws partners (``negatives``), compares (``scores``), learns by
``losses.noise_contrastive`` of both comparisons, and remembers (``remember``). Inside
``jax.shard_map`` the rows of all devices enter, so that the memories are the same on
each.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Array, InputError
from ssljax.losses.contrastive import unit
from ssljax.targets import bank


class Memories(NamedTuple):
    """State for a source of N rows."""

    student: Array  # [N, D] float32
    teacher: Array  # [N, D] float32
    log_normalisers: Array  # [2] float32, fixed by the first batch; -inf before it


def empty(key: Array, rows: int, width: int) -> Memories:
    """Returns memories of noise: uniform, of mean length about 1.

    Args:
      key: PRNG key, consumed.
      rows: N.
      width: D, 128 in the paper.
    """
    bound = (3 / width) ** 0.5
    both = jax.random.uniform(key, (2, rows, width), minval=-bound, maxval=bound)
    return Memories(both[0], both[1], jnp.full(2, -jnp.inf, jnp.float32))


def negatives(key: Array, classes: Array, place: Array, count: int) -> Array:
    """Draws rows of other classes, uniformly and with replacement.

    The official code draws without, unless there are too few.

    Args:
      key: PRNG key, consumed.
      classes: [N] int32 of every row, in [0, N); without labels ``arange(N)``: all
        other rows.
      place: [B] int32 rows of the batch.
      count: K, 16384 in the paper.

    Returns:
      int32 [B, K]. Where there is but one class, rows of it.
    """
    rows = len(classes)
    classes = jnp.asarray(classes)
    order = jnp.argsort(classes, stable=True)
    own = classes[place]
    by_class = classes[order]
    first = jnp.searchsorted(by_class, own, side='left')[:, None]
    size = jnp.searchsorted(by_class, own, side='right')[:, None] - first
    left = jnp.where(size < rows, rows - size, rows)
    # A number among the others, in the order of classes: their own is skipped.
    drawn = jax.random.randint(key, (len(place), count), 0, left)
    return order[(drawn + jnp.where(drawn >= first, size, 0)) % rows].astype(jnp.int32)


def scores(
    memories: Memories,
    student: Array,
    teacher: Array,
    place: Array,
    drawn: Array,
    *,
    temperature: float = 0.07,
) -> tuple[Array, Memories]:
    r"""Compares each network's embeddings with the other's memory.

    .. math:: s_{0k} = h^s_i \cdot M^t_{j_k} / T, \qquad s_{1k} = h^t_i \cdot M^s_{j_k}
        / T

    The first batch fixes both normalisers, :math:`Z = N\,\mathrm{mean}\,e^s`.

    Args:
      memories: of N rows.
      student: [B, D] float, normalised here.
      teacher: [B, D] float, normalised here; taught too where a layer of its own, that
        is trained, made it.
      place: [B] int32 in [0, N), the rows themselves.
      drawn: [B, K] int32 in [0, N), of ``negatives``.
      temperature: T > 0.

    Returns:
      Logits [2, B, 1 + K] float32, the true partner first, and the memories with
      normalisers.

    Raises:
      InputError: if widths or rows do not fit.
    """
    if (
        student.shape != teacher.shape
        or student.shape[1:] != memories.student.shape[1:]
    ):
        raise InputError(
            f'student is {student.shape} and teacher {teacher.shape}; bring both to '
            f'[B, {memories.student.shape[1]}], the width of the memories.'
        )
    partners = jnp.concatenate([place[:, None], drawn], axis=1)

    def against(embedding, memory):
        # With all rows, of which some are taken: K vectors a row would be more memory.
        every = jnp.matmul(
            unit(embedding),
            jax.lax.stop_gradient(memory).T,
            precision=jax.lax.Precision.HIGHEST,
        )
        return jnp.take_along_axis(every, partners, axis=1) / temperature

    found = [against(student, memories.teacher), against(teacher, memories.student)]
    rows = len(memories.student)
    fresh = jax.lax.stop_gradient(jnp.stack([_log_mean(x) for x in found]))
    known = memories.log_normalisers
    fixed = jnp.where(jnp.isneginf(known), fresh + jnp.log(rows), known)
    return jnp.stack(found), memories._replace(log_normalisers=fixed)


def remember(
    memories: Memories,
    student: Array,
    teacher: Array,
    place: Array,
    *,
    momentum: float = 0.5,
) -> Memories:
    r"""Moves rows of the memories towards new embeddings, after the step.

    .. math:: M_i \leftarrow \mathrm{unit}\big(m M_i + (1 - m)\,\mathrm{unit}(h_i)\big)

    A row that is there twice moves towards their mean.

    Args:
      memories: of N rows.
      student: [B, D] float.
      teacher: [B, D] float.
      place: [B] int32; a row of a number outside of [0, N) is left out.
      momentum: m in [0, 1).
    """
    void = jnp.zeros(len(memories.student))

    def moved(memory, embedding):
        table = bank.Bank(memory, void.astype(jnp.int32), void)
        new = jax.lax.stop_gradient(unit(embedding))
        label = jnp.zeros_like(place)
        return bank.write(table, place, new, label, momentum=momentum).features

    return memories._replace(
        student=moved(memories.student, student),
        teacher=moved(memories.teacher, teacher),
    )


def _log_mean(x: Array) -> Array:
    """Log of the mean of exp, over all entries on all devices."""
    parts = shards.gather(jax.nn.logsumexp(x)[None])
    return jax.nn.logsumexp(parts) - jnp.log(x.size * shards.count(x))
