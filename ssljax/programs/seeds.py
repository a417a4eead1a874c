"""Several seeds of one method at once: a leading axis of the state, by vmap.

The state of S seeds is a State whose arrays begin with an axis [S], all but ``step``,
which they share; so it is trained, watched and saved as any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ssljax.contracts import Array, InputError, Method, State
from ssljax.programs.job import joined
from ssljax.programs.run import Run, arguments_of
from ssljax.train import checkpoints, writers

AXES: Any = State(*[0] * len(State._fields))._replace(step=None)  # type: ignore
"""Where the seeds lie in a State of several."""


def fit(
    group: Run,
    runs: Sequence[Run],
    method: Method,
    feeds: Sequence[Callable[[int], Any]],
    steps: int,
    *,
    evaluate: Sequence[Callable[[Method, State], Mapping[str, float]]] | None = None,
) -> None:
    """Fits the unit 'main' of several runs at once, as each would do it alone.

    For accelerators that one seed does not fill: all seeds make a step in one program.
    On a CPU it is a loss, because convolutions with a kernel for each seed are slow.

    While it goes on it is a fit of ``group``, and resumes as one. At the end each run
    gets its metrics and its last checkpoint, so that its own
    ``run.fit('main', method, feed, steps)`` returns at once what it would have reached,
    up to the order of additions. The time of each is its share.

    Args:
      group: where all are fitted; on one device, as the seeds fill it.
      runs: one a seed, of folders that may be empty.
      method: the same for all seeds.
      feeds: one a run. What they give under 'resident' is the same for all.
      steps: updates to make.
      evaluate: one a run, as for ``Run.fit``.

    Raises:
      InputError: as ``Run.fit``, or if there is not a feed for each run.
      NonFiniteLoss: if one of the losses is NaN or inf.
      Interrupted: on Ctrl-C or SIGTERM, once the current step is saved.
    """
    if not len(runs) == len(feeds) == len(evaluate or feeds):
        raise InputError(
            f'There are {len(runs)} runs, {len(feeds)} feeds and '
            f'{len(evaluate or feeds)} of evaluate; give one of each a seed.'
        )

    def scores(_: Method, state: State) -> dict[str, float]:
        assert evaluate is not None
        return {
            f'{name}@{i}': score
            for i, score_of in enumerate(evaluate)
            for name, score in score_of(method, seed_of(state, i)).items()
        }

    state = group.fit(
        'main',
        stacked(method, [run.key('main') for run in runs]),
        joined(feeds),
        steps,
        evaluate=None if evaluate is None else scores,
    )
    folder = group.folder / 'checkpoints' / str(int(state.step))
    _, info = checkpoints.load(folder, state._replace(frozen={}))
    rows = writers.rows(group.folder / 'metrics.jsonl')
    for i, run in enumerate(runs):
        _deal(run, i, seed_of(state, i), steps, rows, info, len(runs))


def stacked(method: Method, keys: Sequence[Array]) -> Method:
    """Returns the method of all seeds at once, on their joined batches.

    Args:
      method: of one seed.
      keys: one a seed, that it starts from.

    Returns:
      A method whose State has ``AXES``. Its metrics are ``<name>@<seed's number>``, and
      'loss', the mean over the seeds.
    """
    count = len(keys)

    def parted(batch):
        """[S * n, ...] to [S, n, ...], all but what is resident; and where S lies."""
        axes = {name: None if name == 'resident' else 0 for name in batch}
        parts = {
            name: part
            if name == 'resident'
            else jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), part)
            for name, part in batch.items()
        }
        return parts, axes

    def init(key, batch, given=None):
        if given:
            raise InputError('given is for one seed at a time; fit them so.')
        parts, axes = parted(batch)
        start = jax.vmap(method.init, in_axes=(0, axes), out_axes=AXES)
        return start(jnp.stack(list(keys)), parts)

    def step(state, batch):
        parts, axes = parted(batch)
        move = jax.vmap(method.step, in_axes=(AXES, axes), out_axes=(AXES, 0))
        new, metrics = move(state, parts)
        scalars = {name: x for name, x in metrics.items() if x.ndim == 1}
        found = {f'{n}@{i}': x[i] for n, x in scalars.items() for i in range(count)}
        if 'loss' in scalars:
            found['loss'] = scalars['loss'].mean()
        return new, found

    return method._replace(init=init, step=step)


def seed_of(state: State, i: int) -> State:
    """Returns the State of one of several seeds."""
    return _seed_of(state, jnp.int32(i))


@jax.jit
def _seed_of(state, i):
    apart = jax.tree.map(lambda x: x[i], state._replace(step=None))
    return apart._replace(step=state.step)


def _deal(
    run: Run,
    i: int,
    state: State,
    steps: int,
    rows: Sequence[Mapping[str, Any]],
    info: Mapping[str, Any],
    count: int,
) -> None:
    """Writes what a fit of this run alone would have left."""
    own = partial(_own, end=f'@{i}')
    run.folder.mkdir(parents=True, exist_ok=True)
    with writers.replace(run.folder / 'metrics.jsonl') as file:
        for row in rows:
            content = {'step': row['step'], **own(row)}
            file.write(json.dumps(content).encode() + b'\n')
    arguments = arguments_of(run.seed, steps, int(state.step) - steps, state)
    writers.write_json(run.folder / 'arguments.json', arguments)
    folder = run.folder / 'checkpoints'
    if jax.tree.leaves(state.frozen):
        checkpoints.save(folder / 'frozen', state.frozen, {})
    shares = {n: info[n] / count for n in ('wall_seconds', 'seconds', 'images')}
    kept = {**info, **shares, 'scores': own(info['scores']), 'best': None}
    checkpoints.save(folder / str(info['step']), state._replace(frozen={}), kept)


def _own(named: Mapping[str, Any], *, end: str) -> dict[str, Any]:
    return {n.removesuffix(end): x for n, x in named.items() if n.endswith(end)}
