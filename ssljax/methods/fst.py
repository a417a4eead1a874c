"""FST: a teacher from the student's future, deep or wide."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from ssljax import losses, targets, teachers
from ssljax.contracts import (
    InputError,
    Method,
    Network,
    PyTree,
    Schedule,
    State,
    Task,
    Teacher,
)
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer, gradient_step
from ssljax.methods.parts import check_choice, follow, task_of


def fst(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task | None = None,
    num_classes: int | None = None,
    look: Literal['deep', 'wide'] = 'deep',
    ahead: int = 3,
    moments: Literal['restore', 'keep'] = 'restore',
    threshold: float = 0.968,
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    joint: bool = False,
    teacher: Teacher | None = None,
    ship: str | None = None,
) -> Method:
    """Walks ahead virtually, lets that future student form the teacher, goes back.

    Deep (FST-D): ``ahead`` virtual steps on the same batch, the teacher following each.
    Wide (FST-W): ``ahead`` virtual steps from the same start on other batches, the
    teacher following the mean of where they end, and once more after the real step. A
    step costs ``ahead + 1`` gradients. The other batches are streams of their own
    ('future_labelled', 'future_unlabelled'), independent draws rather than the very
    batches to come.

    The student learns hard labels of the teacher's weak view on its strong view, every
    row weighed by the batch's share of confident rows.

    Args:
      network: any.
      optimizer: an optax transformation.
      task: or ``num_classes`` for plain classification.
      num_classes: C.
      look: 'deep' or 'wide'.
      ahead: virtual steps, >= 0; deep with 0 is Mean Teacher with the average taken
        before the step.
      moments: 'restore' the optimizer after the virtual steps (the paper's intention);
        'keep' what they did to it (the official code, deep only).
      threshold: what counts as confident.
      weight: of the unlabelled loss.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for the student's two streams, or one each.
      teacher: default ``ema(count_warmup(0.999))``. Deep moves it ``ahead + 1`` times a
        step, so its horizon is that much shorter.
      ship: whose weights ``predict`` uses, default 'teacher'.

    Raises:
      InputError: if an option has no such value.

    Source: Du et al. 2022, arXiv 2209.06993. Departs from the official code in that
    rows are not mixed by class (ClassMix) before they are strongly viewed, that
    statistics and rule states of virtual steps are dropped, the decay's warm-up counts
    real steps, and step 0 looks ahead too.
    """
    check_choice('look', look, ('deep', 'wide'))
    check_choice('moments', moments, ('restore', 'keep'))
    least = 0 if look == 'deep' else 1
    if ahead < least:
        raise InputError(f'ahead is {ahead}; a {look} look needs at least {least}.')
    if look == 'wide' and moments == 'keep':
        raise InputError("moments is 'keep', which a wide look cannot; use 'restore'.")
    teacher = teacher or teachers.ema(teachers.count_warmup(0.999))
    if look == 'deep':
        stepper = functools.partial(deep, teacher=teacher, ahead=ahead, moments=moments)
    else:
        stepper = functools.partial(wide, teacher=teacher, ahead=ahead)
    method = consistency(
        network,
        optimizer,
        task_of(task, num_classes, losses.cross_entropy),
        rule=targets.chain(targets.confident_share(threshold), targets.harden()),
        student_view='strong',
        target_view='weak',
        target_from='teacher',
        weight=weight,
        ratio=ratio,
        joint=joint,
        teacher=teacher,
        stepper=stepper,
        ship=ship,
    )
    if look == 'deep':
        return method
    future = {
        f'future_{name}': stream._replace(ratio=stream.ratio * ahead)
        for name, stream in method.needs.items()
    }
    return method._replace(needs={**method.needs, **future})


def deep(
    objective: Callable,
    optimizer: Optimizer,
    after: Callable | None = None,
    *,
    teacher: Teacher,
    ahead: int,
    moments: Literal['restore', 'keep'] = 'restore',
) -> Callable:
    """Returns the step of FST-D, for any objective.

    Args:
      objective: as in ``learner.gradient_step``; its targets come from
        ``state.memory['teacher']``.
      optimizer: as in ``learner``.
      after: ignored; the teacher moves before the real step.
      teacher: how that entry follows the student.
      ahead: virtual steps on the same batch, >= 0.
      moments: 'restore' the optimizer after them, or 'keep' what they did to it.
    """
    del after
    move, average = gradient_step(objective, optimizer), follow(teacher)

    def step(state: State, batch: Any):
        key = jax.random.fold_in(state.key, state.step)
        virtual = state
        for k in range(ahead):
            virtual = average(virtual)
            moved, _ = move(virtual, batch, jax.random.fold_in(key, k))
            # Only parameters, moments and teacher look ahead.
            virtual = virtual._replace(params=moved.params, opt=moved.opt)
        future = average(virtual)
        here = _taught_by(future, state)
        if moments == 'keep':
            here = here._replace(opt=future.opt)
        new, metrics = move(here, batch, jax.random.fold_in(key, ahead))
        return new._replace(step=state.step + 1), metrics

    return step


def wide(
    objective: Callable,
    optimizer: Optimizer,
    after: Callable | None = None,
    *,
    teacher: Teacher,
    ahead: int,
) -> Callable:
    """Returns the step of FST-W, for any objective.

    Args:
      objective: as in ``deep``.
      optimizer: as in ``learner``.
      after: ignored; the teacher moves before and after the real step.
      teacher: as in ``deep``.
      ahead: virtual steps, >= 1, each on its own part of the 'future_' streams: the
        first on rows 0, ahead, 2 ahead, ...
    """
    del after
    move, average = gradient_step(objective, optimizer), follow(teacher)

    def step(state: State, batch: Any):
        key = jax.random.fold_in(state.key, state.step)
        future = {
            name.removeprefix('future_'): _in_parts(stream, ahead)
            for name, stream in batch.items()
            if name.startswith('future_')
        }
        ends = []
        for i in range(ahead):
            other = jax.tree.map(lambda x, i=i: x[:, i], future)
            moved, _ = move(state, other, jax.random.fold_in(key, i))
            ends.append(moved.params)
        # In float32, as the teacher is.
        soup = jax.tree.map(
            lambda *x: sum(jnp.asarray(one, jnp.float32) for one in x) / ahead, *ends
        )
        here = _taught_by(average(state._replace(params=soup)), state)
        new, metrics = move(here, batch, jax.random.fold_in(key, ahead))
        return average(new)._replace(step=state.step + 1), metrics

    return step


def _in_parts(stream: PyTree, parts: int) -> PyTree:
    """Splits the rows of a stream: [rows * parts, ...] to [rows, parts, ...].

    Neighbours go to different parts, so that each device has rows of all of them.
    """

    def leaf(x):
        if x.shape[0] % parts:
            raise InputError(
                f"A 'future_' stream has {x.shape[0]} rows, which {parts} batches "
                'cannot share; choose batch_size and ratio so that they can.'
            )
        return x.reshape(x.shape[0] // parts, parts, *x.shape[1:])

    return jax.tree.map(leaf, stream)


def _taught_by(future: State, state: State) -> State:
    """The present state with the teacher of a future one."""
    memory = {**state.memory, 'teacher': future.memory['teacher']}
    return state._replace(memory=memory)
