"""The one training loop: step, watch, log, evaluate, save, stop.

The host runs ahead of the devices: it sends a step and goes on to the next batch. What
is logged is fetched once its step is finished, a few steps later, so that nothing waits
for it; only an evaluation and the copy of a checkpoint off the devices do.
"""

from __future__ import annotations

import contextlib
import functools
import math
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError, Method, PyTree, State
from ssljax.train import checkpoints, processes, sharding, writers
from ssljax.train.progress import Progress
from ssljax.train.sharding import Layout

AHEAD = 4
"""Dispatches that may be under way, whose batches lie on the devices."""


class NonFiniteLoss(RuntimeError):
    """A loss or a parameter became NaN or inf; the run stopped and saved none of it."""


class Interrupted(SystemExit):
    """Ctrl-C or SIGTERM came and the state is saved; exits with 128 + the signal."""

    def __init__(self, signum: int):
        super().__init__(128 + signum)
        self.signum = signum


class Cadence(NamedTuple):
    """How often, in steps, and what is shown; a run may go on with another one."""

    log_every: int
    eval_every: int
    checkpoint_every: int
    keep_last: int  # checkpoints, beside the best one
    progress: bool | str
    tensorboard: bool
    dispatch: int  # steps in one program, on accelerators


class Unit(NamedTuple):
    """What is fitted, where, and up to which step."""

    name: str
    folder: Path
    method: Method
    feed: Callable  # (step) -> batch
    last: int  # State.step at the end
    keep: str  # 'last' or 'best'
    best: str  # the score that decides; with a minus before it, the lower the better
    evaluate: Callable | None  # (method, state) -> {name: score}
    layout: Layout

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints lie, each under its step."""
        return self.folder / 'checkpoints'

    @property
    def decides(self) -> str:
        """The name of the score that decides."""
        return self.best.removeprefix('-')

    def improves(self, scores: dict[str, Any], best: list | None) -> bool:
        """Says if these scores beat ``best``, a [score, step]; None is NaN."""
        if self.decides not in scores:
            return False
        score = scores[self.decides]
        if best is None or score is None:
            return best is None
        if best[0] is None:
            return True
        return score < best[0] if self.best.startswith('-') else score > best[0]


def initial(
    method: Method, key: Array, batch: Any, given: Mapping[str, Any], layout: Layout
) -> State:
    """Returns ``method.init`` of a key, a batch and given Variables, where it belongs.

    It runs once, so it is compiled as one program and hardly optimised: a small CNN
    takes 0.8 s of CPU time instead of 4.6 s operation by operation, WRN-28-2 2.9 s
    instead of 8.4 s.
    """
    options = {}
    if jax.default_backend() == 'cpu':
        options['xla_backend_optimization_level'] = 0
    state = sharding.init(
        layout,
        method.init,
        key,
        sharding.place(layout, batch),
        dict(given),
        compiler_options=options,
    )
    # What init gives back as it was handed in, jit does not copy.
    return sharding.move(layout, state)


def loop(
    unit: Unit, cadence: Cadence, state: State, info: dict[str, Any]
) -> tuple[State, dict[str, Any]]:
    """Steps up to ``unit.last`` and saves what it reached.

    Args:
      unit: what to do.
      cadence: how often to log, evaluate and save.
      state: to go on from; donated.
      info: what its checkpoint says: 'step', 'wall_seconds', 'seconds' and 'images' of
        the pace, 'scores', and 'best', the [score, step] of the best checkpoint so far.

    Returns:
      The last state and its ``info``.

    Raises:
      NonFiniteLoss: a loss or the parameters are not finite.
      Interrupted: the current step is finished and saved.
    """
    began = time.monotonic() - info['wall_seconds']
    advance, batches = _advancing(unit.method.step, unit.layout), _batches(unit)
    watch = jax.device_put(np.zeros(3, np.int32), sharding.whole(unit.layout))
    step = info['step']
    sent: deque[_Sent] = deque()
    with contextlib.ExitStack() as stack:
        add_events = None
        if cadence.tensorboard and processes.first():
            folder = unit.folder / 'tensorboard'
            add_events = stack.enter_context(writers.tensorboard(folder, step))
        show = cadence.progress if processes.first() else False
        bar = stack.enter_context(Progress(unit.name, info, unit.last, show=show))
        if hasattr(unit.feed, 'close'):  # its threads and processes
            stack.enter_context(contextlib.closing(unit.feed))
        saver = stack.enter_context(checkpoints.Writer())
        caught = stack.enter_context(_interruptions())

        def look(one: _Sent) -> dict[str, Any] | None:
            """Waits for a dispatch, and returns what is to be logged, checked."""
            watched, finite, row = jax.device_get((one.watch, one.finite, one.row))
            bar.finished(one.images)
            _check(unit, one, watched, finite, saver)
            return row

        def log(step: int, scalars: dict[str, Any], scores: dict[str, Any]) -> None:
            plain = {name: writers.plain(x) for name, x in scalars.items()}
            row = {'step': step, **plain, **scores}
            if processes.first():
                writers.append(unit.folder / 'metrics.jsonl', row)
            if add_events:
                add_events(row)
            bar.show(row, ('loss', 'utilisation', unit.decides), bool(scores))

        bar.resume()
        while step < unit.last:
            count = _together(cadence, step, unit)
            batch = batches(step, count)
            run = advance(state, watch, batch, count, bar)
            state, watch, found = run(state, watch, batch)
            step += count
            bar.sent(count)

            stopping = _asked_to_stop(caught, step)
            scoring = unit.evaluate is not None and _due(cadence.eval_every, step, unit)
            logging = scoring or _due(cadence.log_every, step, unit)
            saving = stopping or _due(cadence.checkpoint_every, step, unit)
            # A finite loss may have a gradient that is not, which the next would tell.
            looked = logging or saving
            finite = _all_finite((state.params, state.stats)) if looked else None
            row, images = found if logging else None, _images(batch, count)
            sent.append(_Sent(step, images, watch, _loss_terms(found), finite, row))
            while sent and (len(sent) > AHEAD or scoring or saving):
                one = sent.popleft()
                scalars = look(one)
                if scalars is not None and one.step < step:
                    log(one.step, scalars, {})
            if not (scoring or saving):
                continue

            bar.pause()
            scores = _scores(unit, state) if scoring else {}
            if scalars is not None:
                log(step, scalars, scores)
            improves = unit.improves(scores, info['best'])
            if saving or (improves and unit.keep == 'best'):
                info = {
                    'step': step,
                    'wall_seconds': time.monotonic() - began,
                    'seconds': bar.seconds,
                    'images': bar.images,
                    'scores': scores,
                    'best': [scores[unit.decides], step] if improves else info['best'],
                }
                _save(unit, cadence, saver, state, info)
            bar.resume()
            if stopping:
                break
        saver.wait()
        # Also if the signal came while the last step was saved.
        if stopping or caught:
            if processes.first():
                print(
                    f'{unit.name}: stopped at step {step} of {unit.last}, saved in '
                    f'{unit.checkpoints / str(step)}. The same command goes on from '
                    'there.',
                    file=sys.stderr,
                )
            raise Interrupted(caught[0] if caught else signal.SIGTERM)
    return state, info


class _Sent(NamedTuple):
    """A dispatch that may not be finished."""

    step: int  # after it
    images: int
    watch: Array
    terms: list[str]  # losses, as watch counts them
    finite: Array | None
    row: dict[str, Array] | None  # what is to be logged


# All fits of one method share the compiled step: a loop over rounds compiles once.
@functools.lru_cache(maxsize=8)
def _advancing(step: Callable, layout: Layout) -> Callable:
    """Returns ``(state, watch, batch, count, bar) -> compiled``, compiled when new.

    What is compiled is ``(state, watch, batch) -> (state, watch, scalars)``: a step, or
    ``count`` of them over the leading axis of the batch.
    """
    move = sharding.partitioned(layout, step)

    def advance(state: State, watch: Array, batch: Any):
        new, metrics = move(state, batch)
        old, now = checkpoints.leaves(state), checkpoints.leaves(new)
        if message := checkpoints.difference(old, now):
            raise InputError(
                f'method.step must keep the shapes of the State, but {message}.'
            )
        new = jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), new)
        # What is frozen is saved once, so no step may move it.
        new = new._replace(frozen=state.frozen)
        scalars = {name: x for name, x in metrics.items() if jnp.ndim(x) == 0}
        return new, _watched(watch, new.step, scalars), scalars

    def several(state: State, watch: Array, batches: Any):
        resident = {n: x for n, x in batches.items() if n == 'resident'}
        moving = {n: x for n, x in batches.items() if n != 'resident'}

        def one(carry, batch):
            state, watch = carry
            state, watch, scalars = advance(state, watch, {**batch, **resident})
            return (state, watch), scalars

        (state, watch), scalars = jax.lax.scan(one, (state, watch), moving)
        return state, watch, jax.tree.map(lambda x: x[-1], scalars)

    made: dict[Any, Callable] = {}

    def compiled(state, watch, batch, count, bar):
        leaves, structure = jax.tree.flatten(batch)
        kind = (count, structure, *((x.shape, x.dtype) for x in leaves))
        if kind not in made:
            whole = sharding.whole(layout)
            run = jax.jit(
                advance if count == 1 else several,
                donate_argnums=0,
                out_shardings=(sharding.shardings(layout, state), whole, whole),
            )
            bar.pause()
            start = time.monotonic()
            with jax.set_mesh(layout.mesh):
                made[kind] = run.lower(state, watch, batch).compile()
            bar.say(f': compiled in {time.monotonic() - start:.1f} s')
            bar.resume()
        return made[kind]

    return compiled


def _together(cadence: Cadence, step: int, unit: Unit) -> int:
    """How many steps the next dispatch makes."""
    count = cadence.dispatch
    # In a loop convolutions on a CPU take 12 times as long.
    if count == 1 or jax.default_backend() == 'cpu':
        return 1
    # After an interruption, up to where one would have been.
    return count if step % count == 0 and step + count <= unit.last else 1


def _batches(unit: Unit) -> Callable[[int, int], Any]:
    """Returns ``(step, count) -> batch``, on the devices.

    Of several steps it has a leading axis. What is resident is put there once.
    """
    fed: Any = None
    resident: dict[str, Any] = {}

    def batch(step: int, count: int) -> Any:
        nonlocal fed, resident
        each = [dict(unit.feed(step + i)) for i in range(count)]
        beside = [one.pop('resident', None) for one in each][0]
        if beside is not fed:
            fed, resident = beside, sharding.place(unit.layout, {'resident': beside})
        if count == 1:
            return sharding.place(unit.layout, each[0]) | resident
        stacked = jax.tree.map(lambda *x: np.stack(x), *each)
        return sharding.place(unit.layout, stacked, leading=1) | resident

    return batch


def _loss_terms(scalars: dict[str, Any]) -> list[str]:
    """Names of the losses; the total last, because a term explains more."""
    names = sorted(name for name in scalars if name.startswith('loss/'))
    return names + ['loss'] * ('loss' in scalars)


def _watched(watch: Array, step: Array, scalars: dict[str, Array]) -> Array:
    """State.step, the first step with a non-finite loss, its first such term: int32."""
    found = jnp.concatenate([step[None], watch[1:]])
    terms = _loss_terms(scalars)
    if not terms:
        return found
    finite = jnp.isfinite(jnp.stack([jnp.float32(scalars[name]) for name in terms]))
    broken = jnp.stack([step, step, jnp.argmin(finite).astype(step.dtype)])
    return jnp.where((watch[1] == 0) & ~finite.all(), broken, found)


@jax.jit
def _all_finite(tree: PyTree) -> Array:
    checked = [
        jnp.isfinite(leaf).all()
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    return jnp.all(jnp.array(checked))


def _check(
    unit: Unit,
    sent: _Sent,
    watched: np.ndarray,
    finite: np.ndarray | None,
    saver: checkpoints.Writer,
) -> None:
    """Refuses a state that must not be scored, logged or saved."""
    counted, when, term = watched
    if counted != sent.step:
        raise InputError(
            f'State.step is {counted} after update {sent.step}; method.step must add 1.'
        )
    if when == 0 and (finite is None or finite):
        return
    what = f'The parameters are not finite after step {sent.step}'
    if when:
        what = f'{sent.terms[term]} became NaN or inf at step {when}'
    saver.wait()
    good = checkpoints.steps(unit.checkpoints)
    where = 'there is no checkpoint before it'
    if good:
        where = f'the last good checkpoint is {unit.checkpoints / str(good[-1])}'
    raise NonFiniteLoss(f'{unit.name}: {what}; {where}.')


def _scores(unit: Unit, state: State) -> dict[str, float | None]:
    assert unit.evaluate is not None
    found = unit.evaluate(unit.method, state)
    if unit.keep == 'best' and unit.decides not in found:
        raise InputError(
            f"keep='best' goes by {unit.decides!r}, but evaluate gives "
            f'{sorted(found)}; name one of these as best.'
        )
    return {name: writers.plain(score) for name, score in found.items()}


def _save(
    unit: Unit,
    cadence: Cadence,
    saver: checkpoints.Writer,
    state: State,
    info: dict[str, Any],
) -> None:
    """Begins a checkpoint; once it is whole, those no longer wanted are deleted."""

    def prune():
        last = checkpoints.steps(unit.checkpoints)[-cadence.keep_last :]
        best = [info['best'][1]] if info['best'] else []
        checkpoints.prune(unit.checkpoints, last + best)

    folder = unit.checkpoints / str(info['step'])
    saver.save(folder, state._replace(frozen={}), info, prune)


def _due(every: int, step: int, unit: Unit) -> bool:
    return step % every == 0 or step == unit.last


def _images(batch: Any, count: int) -> int:
    """Rows of all streams of a batch; what is resident beside them does not count."""
    axes = 1 if count == 1 else 2
    return sum(
        math.prod(jax.tree.leaves(stream)[0].shape[:axes])
        for name, stream in batch.items()
        if name != 'resident'
    )


def _asked_to_stop(caught: list[int], step: int) -> bool:
    """Whether the run is to end after this step: of several processes, all or none."""
    if jax.process_count() == 1:
        return bool(caught)
    from jax.experimental import multihost_utils

    return multihost_utils.reached_preemption_sync_point(step)


@contextlib.contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Yields a list that receives the first SIGINT or SIGTERM instead of its handler.

    A second one acts as it would have. Threads other than the main one may not set
    handlers, and what is ignored (in the background) stays so.
    """
    caught: list[int] = []
    before = {}
    # Of several processes, jax tells all when one is to end.
    alone = jax.process_count() == 1
    if alone and threading.current_thread() is threading.main_thread():
        before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        before = {n: h for n, h in before.items() if h not in (None, signal.SIG_IGN)}

    def put_back():
        for signum, handler in before.items():
            signal.signal(signum, handler)

    def catch(signum, frame):
        put_back()
        caught.append(signum)

    try:
        for signum in before:
            signal.signal(signum, catch)
        yield caught
    finally:
        put_back()
