"""A run: a folder of units, each done once and never again."""

from __future__ import annotations

import os
import re
import sys
import warnings
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax

from ssljax.contracts import Array, InputError, Method, PyTree, State
from ssljax.programs import fit, results
from ssljax.train import checkpoints, diagnosis, processes, sharding, writers
from ssljax.train.sharding import Layout


class Run:
    """A folder in which a program does its units of work, each once.

    After a crash the program is run again from its first line: what is finished returns
    what it stored, and the fit that was not goes on from its last whole checkpoint, to
    the same result bit for bit. ::

        run = Run('runs/digits')
        state = run.fit('main', method, feed, 2000, evaluate=evaluate)
        table = run.once('table', lambda: make_table(state))

    The unit 'main' lies in the folder itself, any other in a folder of its name:
    ``metrics.jsonl`` (one JSON object a logged step), ``checkpoints/``, ``record.json``
    of a fit; ``result.npz`` of anything else.

    Args:
      folder: made where it is missing.
      seed: all keys come from it.
      log_every: steps between two rows of metrics.jsonl.
      eval_every: steps between two evaluations.
      checkpoint_every: steps between two checkpoints. The last step is always logged,
        evaluated and saved.
      keep_last: number of last checkpoints that stay; the best one always does.
      progress: True for a bar on a terminal and else a line an evaluation; 'bar' for a
        bar anywhere; False for nothing.
      tensorboard: also write events; needs tensorboardX.
      layout: of devices, which all fits use; None is one device. A fit may go on with
        another one, to the same result up to the order of additions.
      dispatch: steps that one program makes on an accelerator, for those so small that
        sending them is what takes the time. The other numbers are multiples of it.

    Raises:
      InputError: if a number is below 1, or no multiple of ``dispatch``, or the folder
        is a file.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        seed: int = 0,
        log_every: int = 50,
        eval_every: int = 250,
        checkpoint_every: int = 250,
        keep_last: int = 2,
        progress: bool | str = True,
        tensorboard: bool = False,
        layout: Layout | None = None,
        dispatch: int = 1,
    ):
        self.folder = Path(folder)
        self.seed = seed
        self.layout = layout or sharding.layout(jax.devices()[:1])
        self.cadence = fit.Cadence(
            log_every,
            eval_every,
            checkpoint_every,
            keep_last,
            progress,
            tensorboard,
            dispatch,
        )
        _at_least_one('keep_last', keep_last)
        _at_least_one('dispatch', dispatch)
        for name in ('log_every', 'eval_every', 'checkpoint_every'):
            number = getattr(self.cadence, name)
            _at_least_one(name, number)
            if number % dispatch:
                raise InputError(
                    f'{name} is {number} and dispatch {dispatch}; give a multiple.'
                )
        if progress not in (True, False, 'bar'):
            raise InputError(f"progress is {progress!r}; give True, False or 'bar'.")
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f'{self.folder} is a file; a run needs a folder.')
        self._names: set[str] = set()

    def key(self, name: str) -> Array:
        """Returns the typed PRNG key [] of a name: the seed's, name folded in."""
        return jax.random.fold_in(jax.random.key(self.seed), zlib.crc32(name.encode()))

    def once(self, name: str, fn: Callable[[], PyTree]) -> PyTree:
        """Returns ``fn()``, computed the first time and read back ever after.

        Args:
          name: of the unit; one use a run.
          fn: returns dicts with string keys, lists and tuples of arrays, numbers and
            strings. Its arrays come back as numpy arrays, also the first time.

        Raises:
          InputError: if the name is taken, the result can't be stored or read, or it
            was stored under another seed.
        """
        folder = self._claimed(name)
        path = folder / 'result.npz'
        if not processes.agreed(path.exists()):
            found = fn()
            processes.decided(lambda: results.save(path, found, {'seed': self.seed}))
        result, arguments = results.load(path)
        _same(name, path, arguments, {'seed': self.seed})
        return result

    def begun(self, name: str) -> bool:
        """Says whether a fit has saved anything."""
        return bool(checkpoints.steps(self._folder(name) / 'checkpoints'))

    def stored(self, name: str) -> PyTree | None:
        """Returns what ``once`` has stored under a name, None if it has not yet."""
        path = self._folder(name) / 'result.npz'
        return results.load(path)[0] if path.exists() else None

    def record(self, name: str) -> dict[str, Any]:
        """Returns what a finished fit wrote of itself.

        Returns:
          'steps' asked for; 'selected', 'last' or 'best', and the 'step' and 'scores'
          of that state (NaN as None); 'wall_seconds', over all processes up to the last
          checkpoint; 'images_per_second' of all streams, while stepping.

        Raises:
          InputError: if no such fit is finished.
        """
        path = self._folder(name) / 'record.json'
        if not path.exists():
            raise InputError(f'{path} does not exist: no fit {name!r} is finished.')
        return writers.read_json(path)

    def fit(
        self,
        name: str,
        method: Method,
        feed: Callable[[int], Any],
        steps: int,
        *,
        start: State | None = None,
        given: Mapping[str, Any] = MappingProxyType({}),
        keep: str = 'last',
        evaluate: Callable[[Method, State], Mapping[str, float]] | None = None,
        best: str = 'validation_accuracy',
    ) -> State:
        """Trains, or goes on training, or returns what was trained.

        Args:
          name: of the unit; one use a run.
          method: what to learn.
          feed: ``feed(step) -> batch``, pure in the step.
          steps: updates to make, at least 1; with ``start`` they come on top of its.
          start: State to start from, copied; else ``method.init`` makes one.
          given: Variables by network name for ``method.init``, copied.
          keep: which state is returned: the 'last', or the 'best' one evaluated.
          evaluate: ``(method, state) -> {name: score}``, of validation, never of test.
          best: score that decides which checkpoint is best; higher is better, or lower
            with a minus before its name: '-validation_nme'.

        Returns:
          The state. ``run.record(name)`` says which one it is.

        Raises:
          InputError: if the name is taken, or the folder holds a fit of this name with
            another seed, steps, keep or other shapes.
          NonFiniteLoss: if a loss is NaN or inf; it is not saved.
          Interrupted: on Ctrl-C or SIGTERM, once the current step is saved.
        """
        folder = self._claimed(name)
        _at_least_one('steps', steps)
        if keep not in ('last', 'best'):
            raise InputError(f"keep is {keep!r}; give 'last' or 'best'.")
        if keep == 'best' and evaluate is None:
            raise InputError("keep='best' needs evaluate, which gives the scores.")
        if start is not None and given:
            raise InputError('Give start or given, not both: start is a whole State.')

        if start is None:
            state = fit.initial(method, self.key(name), feed(0), given, self.layout)
        else:
            state = sharding.move(self.layout, start)
        first = int(state.step)
        kept = keep if keep == 'last' else f'best {best}'
        arguments = arguments_of(self.seed, steps, first, state, keep=kept)
        unit = fit.Unit(
            name,
            folder,
            method,
            feed,
            first + steps,
            keep,
            best,
            evaluate,
            self.layout,
        )
        if checkpoints.steps(unit.checkpoints):
            stored = writers.read_json(folder / 'arguments.json')
            _same(name, folder, stored, arguments)
        processes.decided(
            lambda: writers.write_json(folder / 'arguments.json', arguments)
        )

        state, info = _resumed(unit, state)
        if info['step'] < unit.last:
            state, info = fit.loop(unit, self.cadence, state, info)
            if self.cadence.progress and processes.first():
                _tell(unit)
        return _selected(unit, steps, state, info)

    def restore(
        self,
        name: str,
        method: Method,
        feed: Callable[[int], Any],
        *,
        given: Mapping[str, Any] = MappingProxyType({}),
    ) -> State:
        """Returns the last state that a fit saved, finished or not; writes nothing.

        Args:
          name: of the unit.
          method: as it was fitted.
          feed: as it was fitted; its first batch tells the shapes, and it is closed.
          given: as it was fitted, or Variables of the same shapes.

        Raises:
          InputError: if there is no whole checkpoint, or one of another method.
        """
        folder = self._folder(name) / 'checkpoints'
        try:
            like = fit.initial(method, self.key(name), feed(0), given, self.layout)
        finally:
            getattr(feed, 'close', lambda: None)()
        newest_first = reversed(checkpoints.steps(folder))
        found = checkpoints.restore(folder, newest_first, like._replace(frozen={}))
        if found is None:
            raise InputError(f'{folder} holds no whole checkpoint of a fit {name!r}.')
        frozen = like.frozen
        if jax.tree.leaves(frozen):
            try:
                frozen, _ = checkpoints.load(folder / 'frozen', frozen)
            except checkpoints.Damaged as error:
                raise InputError(f'{folder / "frozen"} is damaged: {error}.') from error
        return found[0]._replace(frozen=frozen)

    def _folder(self, name: str) -> Path:
        return self.folder if name == 'main' else self.folder / name

    def _claimed(self, name: str) -> Path:
        """The folder of a unit, made, after a look at its name."""
        if not re.fullmatch(r'\w[\w.=-]*', name) or name in _TAKEN:
            raise InputError(
                f'The unit name {name!r} does not do for a folder; use letters, '
                f'digits, _ . = -, and none of {sorted(_TAKEN)}.'
            )
        if name in self._names:
            raise InputError(
                f'The unit {name!r} was already used in this run; give each unit a '
                'name of its own, or make a new Run to repeat the program.'
            )
        self._names.add(name)
        self._folder(name).mkdir(parents=True, exist_ok=True)
        return self._folder(name)


_TAKEN = {'checkpoints', 'tensorboard'}


def arguments_of(
    seed: int, steps: int, first: int, state: State, *, keep: str = 'last'
) -> dict[str, Any]:
    """Returns what a fit keeps of its arguments, in which a later one must agree."""
    return {
        'seed': seed,
        'steps': int(steps),
        'keep': keep,
        'first step': first,
        **checkpoints.leaves(state),
    }


def _resumed(unit: fit.Unit, state: State) -> tuple[State, dict[str, Any]]:
    """The newest whole checkpoint, else the state given; and nothing after it."""
    steps = checkpoints.steps(unit.checkpoints)
    moving = state._replace(frozen={})
    found = checkpoints.restore(unit.checkpoints, reversed(steps), moving)
    frozen = _frozen(unit.checkpoints / 'frozen', state.frozen, found is not None)
    if found is None:
        info: dict[str, Any] = {'step': int(state.step), 'scores': {}, 'best': None}
        info |= {'wall_seconds': 0.0, 'seconds': 0.0, 'images': 0}
        found, steps = (moving, info), []
    moving, info = found
    checkpoints.prune(unit.checkpoints, [s for s in steps if s <= info['step']])
    metrics = unit.folder / 'metrics.jsonl'
    processes.decided(lambda: writers.cut(metrics, info['step']))
    return moving._replace(frozen=frozen), info


def _frozen(folder: Path, frozen: PyTree, saved: bool) -> PyTree:
    """What never moves: saved once, beside the checkpoints."""
    if not jax.tree.leaves(frozen):
        return frozen
    if saved:
        try:
            return checkpoints.load(folder, frozen)[0]
        except checkpoints.Damaged as error:
            warnings.warn(
                f'{folder} is skipped: {error}. Using what the method starts from.',
                stacklevel=2,
            )
    checkpoints.save(folder, frozen, {})
    return frozen


def _selected(unit: fit.Unit, steps: int, state: State, info: dict[str, Any]) -> State:
    """The state that was asked for; which one it is goes into the record."""
    selected, chosen = 'last', info
    if unit.keep == 'best':
        best = info['best'][1]
        others = [step for step in checkpoints.steps(unit.checkpoints) if step != best]
        found = checkpoints.restore(
            unit.checkpoints, [best, *reversed(others)], state._replace(frozen={})
        )
        if found is not None:
            state, chosen = found[0]._replace(frozen=state.frozen), found[1]
            selected = 'best' if chosen['step'] == best else 'last'
    pace = info['images'] / info['seconds'] if info['seconds'] else None
    record = {
        'steps': int(steps),
        'selected': selected,
        'step': chosen['step'],
        'scores': chosen['scores'],
        'wall_seconds': info['wall_seconds'],
        'images_per_second': pace,
    }
    processes.decided(lambda: writers.write_json(unit.folder / 'record.json', record))
    return state


def _tell(unit: fit.Unit) -> None:
    """Says what looks wrong with a fit that ended."""
    rows = writers.rows(unit.folder / 'metrics.jsonl')
    for found in diagnosis.findings(rows, best=unit.best):
        print(f'{unit.name}: {found.sentence} {found.advice}', file=sys.stderr)


def _at_least_one(name: str, number: int) -> None:
    if number < 1:
        raise InputError(f'{name} is {number}; give at least 1.')


def _same(name: str, where: Path, stored: dict, given: dict) -> None:
    if message := checkpoints.difference(stored, given):
        raise InputError(
            f'The unit {name!r} in {where} was begun with other arguments: {message}. '
            'Use the same ones, or another folder or name.'
        )
