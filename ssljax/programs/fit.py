"""The one training loop: step, watch, log, evaluate, save, stop."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import Array, InputError, Method, PyTree, State
from ssljax.train import checkpoints, writers
from ssljax.train.progress import Progress


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


class Unit(NamedTuple):
    """What is fitted, where, and up to which step."""

    name: str
    folder: Path
    method: Method
    feed: Callable  # (step) -> batch
    last: int  # State.step at the end
    keep: str  # 'last' or 'best'
    best: str  # the score that decides, higher is better
    evaluate: Callable | None  # (method, state) -> {name: score}

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints lie, each under its step."""
        return self.folder / 'checkpoints'

    def improves(self, scores: dict[str, Any], best: list | None) -> bool:
        """Says if these scores beat ``best``, a [score, step]; None is NaN."""
        if self.best not in scores:
            return False
        score = scores[self.best]
        if best is None or score is None:
            return best is None
        return best[0] is None or score > best[0]


def owned(tree: PyTree) -> PyTree:
    """Returns a copy of every array as a jax array of a strong type.

    Donation deletes what is aliased, and a weak type would compile the step twice.
    """

    def copy(leaf):
        leaf = leaf if hasattr(leaf, 'dtype') else jnp.asarray(leaf)
        return jnp.array(leaf, leaf.dtype, copy=True)

    return jax.tree.map(copy, tree)


def initial(method: Method, key: Array, batch: Any, given: Mapping[str, Any]) -> State:
    """Returns ``method.init`` of a key, a batch and given Variables.

    It runs once, so it is compiled as one program and hardly optimised: a small CNN
    takes 0.8 s of CPU time instead of 4.6 s operation by operation, WRN-28-2 2.9 s
    instead of 8.4 s.
    """
    options = {}
    if jax.default_backend() == 'cpu':
        options['xla_backend_optimization_level'] = 0
    start = jax.jit(method.init, compiler_options=options)
    return start(key, batch, dict(given))


def loop(
    unit: Unit, cadence: Cadence, state: State, info: dict[str, Any]
) -> tuple[State, dict[str, Any]]:
    """Steps up to ``unit.last`` and saves what it reached.

    Steps are dispatched without waiting for them; only where something is logged,
    scored or saved the host waits.

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
    advance = _advancing(unit.method.step)
    # Made of the state so that it is committed to devices exactly if the state is; else
    # the second call would compile again.
    watch = jnp.stack([state.step * 0] * 2)
    step = info['step']
    events: Any = contextlib.nullcontext()
    if cadence.tensorboard:
        events = writers.tensorboard(unit.folder / 'tensorboard', step)
    feed: Any = contextlib.nullcontext()
    if hasattr(unit.feed, 'close'):  # its threads and processes
        feed = contextlib.closing(unit.feed)
    bar = Progress(unit.name, info, unit.last, show=cadence.progress)
    with events as add_events, bar, feed, _interruptions() as caught:
        while step < unit.last:
            batch = unit.feed(step)
            state, watch, scalars = advance(state, watch, batch)
            step += 1
            bar.advance(scalars, _images(batch))

            stopping = bool(caught)
            scoring = unit.evaluate is not None and _due(cadence.eval_every, step, unit)
            logging = scoring or _due(cadence.log_every, step, unit)
            saving = stopping or _due(cadence.checkpoint_every, step, unit)
            if not (logging or saving):
                continue

            _check(unit, step, state, watch, scalars)
            bar.pause()
            scores = _scores(unit, state) if scoring else {}
            if logging:
                row = {'step': step, **jax.device_get(scalars)}
                row = {name: writers.plain(x) for name, x in row.items()} | scores
                writers.append(unit.folder / 'metrics.jsonl', row)
                if add_events:
                    add_events(row)
                bar.show(row, ('loss', 'utilisation', unit.best), scoring)
            improves = unit.improves(scores, info['best'])
            if saving or (improves and unit.keep == 'best'):
                info = {
                    'step': step,
                    'wall_seconds': time.monotonic() - began,
                    'seconds': bar.seconds,
                    'images': bar.images,
                    'scores': scores,
                    'best': [scores[unit.best], step] if improves else info['best'],
                }
                _save(unit, cadence, state, info)
            bar.resume()
            if stopping:
                break
    if caught:
        print(
            f'{unit.name}: stopped at step {step} of {unit.last}, saved in '
            f'{unit.checkpoints / str(step)}. The same command goes on from there.',
            file=sys.stderr,
        )
        raise Interrupted(caught[0])
    return state, info


# All fits of one method share the compiled step: a loop over rounds compiles once.
@functools.lru_cache(maxsize=8)
def _advancing(step: Callable) -> Callable:
    """Jits ``method.step`` as ``(state, watch, batch) -> (state, watch, scalars)``."""

    def advance(state: State, watch: Array, batch: Any):
        new, metrics = step(state, batch)
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

    return jax.jit(advance, donate_argnums=(0, 1))


def _loss_terms(scalars: dict[str, Any]) -> list[str]:
    """Names of the losses; the total last, because a term explains more."""
    names = sorted(name for name in scalars if name.startswith('loss/'))
    return names + ['loss'] * ('loss' in scalars)


def _watched(watch: Array, step: Array, scalars: dict[str, Array]) -> Array:
    """The first step with a non-finite loss, and its first such term: [2] int32."""
    terms = _loss_terms(scalars)
    if not terms:
        return watch
    finite = jnp.isfinite(jnp.stack([jnp.float32(scalars[name]) for name in terms]))
    found = jnp.stack([step, jnp.argmin(finite).astype(step.dtype)])
    return jnp.where((watch[0] == 0) & ~finite.all(), found, watch)


@jax.jit
def _all_finite(tree: PyTree) -> Array:
    checked = [
        jnp.isfinite(leaf).all()
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    return jnp.all(jnp.array(checked))


def _check(
    unit: Unit, step: int, state: State, watch: Array, scalars: dict[str, Array]
) -> None:
    """Waits for the state, and refuses one that must not be saved."""
    # A finite loss may have a gradient that is not, which the next loss would tell.
    finite = _all_finite((state.params, state.stats))
    (when, term), counted, finite = jax.device_get((watch, state.step, finite))
    if counted != step:
        raise InputError(
            f'State.step is {counted} after update {step}; method.step must add 1.'
        )
    if when == 0 and finite:
        return
    what = f'The parameters are not finite after step {step}'
    if when:
        what = f'{_loss_terms(scalars)[term]} became NaN or inf at step {when}'
    good = checkpoints.steps(unit.checkpoints)
    where = 'there is no checkpoint before it'
    if good:
        where = f'the last good checkpoint is {unit.checkpoints / str(good[-1])}'
    raise NonFiniteLoss(f'{unit.name}: {what}; {where}.')


def _scores(unit: Unit, state: State) -> dict[str, float | None]:
    assert unit.evaluate is not None
    found = unit.evaluate(unit.method, state)
    if unit.keep == 'best' and unit.best not in found:
        raise InputError(
            f"keep='best' goes by {unit.best!r}, but evaluate gives {sorted(found)}; "
            'name one of these as best.'
        )
    return {name: writers.plain(score) for name, score in found.items()}


def _save(unit: Unit, cadence: Cadence, state: State, info: dict[str, Any]) -> None:
    """Writes a checkpoint, then deletes those that are no longer wanted."""
    folder = unit.checkpoints / str(info['step'])
    checkpoints.save(folder, state._replace(frozen={}), info)
    last = checkpoints.steps(unit.checkpoints)[-cadence.keep_last :]
    best = [info['best'][1]] if info['best'] else []
    checkpoints.prune(unit.checkpoints, last + best)


def _due(every: int, step: int, unit: Unit) -> bool:
    return step % every == 0 or step == unit.last


def _images(batch: Any) -> int:
    """Rows of all streams of a batch; what is resident beside them does not count."""
    return sum(
        np.shape(jax.tree.leaves(stream)[0])[0]
        for name, stream in batch.items()
        if name != 'resident'
    )


@contextlib.contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Yields a list that receives the first SIGINT or SIGTERM instead of its handler.

    A second one acts as it would have. Threads other than the main one may not set
    handlers, and what is ignored (in the background) stays so.
    """
    caught: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
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
