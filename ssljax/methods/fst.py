"""FST: a teacher from the student's future, deep or wide."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax

from ssljax import losses, targets, teachers
from ssljax.contracts import (
    InputError,
    Method,
    Network,
    Schedule,
    State,
    Task,
    Teacher,
)
from ssljax.methods.consistency import consistency
from ssljax.methods.learner import Optimizer, gradient_step
from ssljax.methods.parts import follow, task_of


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

    Source: Du et al. 2022, arXiv 2209.06993. Departs from the official code in that
    statistics and rule states of virtual steps are dropped, the decay's warm-up counts
    real steps, and step 0 looks ahead too.
    """
    if ahead < 0 or (look == 'wide' and ahead == 0):
        raise InputError(f'ahead is {ahead} for a {look} look; give at least 1.')
    if look == 'wide' and moments == 'keep':
        raise InputError("moments='keep' has no meaning for a wide look; 'restore' it.")
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
    after: Any = None,
    *,
    teacher: Teacher,
    ahead: int,
    moments: Literal['restore', 'keep'] = 'restore',
) -> Callable:
    """Returns the step of FST-D for any objective that reads memory['teacher']."""
    del after  # the teacher moves before the real step
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
        here = state._replace(memory={**state.memory, 'teacher': _teacher(future)})
        if moments == 'keep':
            here = here._replace(opt=future.opt)
        new, metrics = move(here, batch, jax.random.fold_in(key, ahead))
        return new._replace(step=state.step + 1), metrics

    return step


def wide(
    objective: Callable,
    optimizer: Optimizer,
    after: Any = None,
    *,
    teacher: Teacher,
    ahead: int,
) -> Callable:
    """Returns the step of FST-W; ``future_*`` streams hold ``ahead`` batches each."""
    del after  # the teacher moves before and after the real step
    move, average = gradient_step(objective, optimizer), follow(teacher)

    def step(state: State, batch: Any):
        key = jax.random.fold_in(state.key, state.step)
        ends = []
        for i in range(ahead):
            other = {
                name: jax.tree.map(lambda x, i=i: _part(x, i), batch[f'future_{name}'])
                for name in batch
                if f'future_{name}' in batch
            }
            moved, _ = move(state, other, jax.random.fold_in(key, i))
            ends.append(moved.params)
        soup = jax.tree.map(lambda *x: sum(x) / ahead, *ends)
        future = average(state._replace(params=soup))
        here = state._replace(memory={**state.memory, 'teacher': _teacher(future)})
        new, metrics = move(here, batch, jax.random.fold_in(key, ahead))
        return average(new)._replace(step=state.step + 1), metrics

    def _part(x, i):
        rows = x.shape[0] // ahead
        return x[i * rows : (i + 1) * rows]

    return step


def _teacher(state: State) -> Any:
    return state.memory['teacher']
