"""Stream: what is tested changes, and a network learns from it while it answers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax import shards
from ssljax.contracts import Array, Method, PyTree, State, Stream, inputs_of
from ssljax.data import Feed, checks, collate
from ssljax.programs.job import Job, feed_for, scorer, variables_of
from ssljax.programs.run import Run
from ssljax.views import prepare


def stream(run: Run, job: Job) -> dict[str, Any]:
    """Trains a source network, then follows one stream for each corruption.

    ``config.stream`` has

    - ``source``: ``method`` and ``args`` of the source, trained for ``config.steps``,
    - ``adapt``: the arguments of ``config.method``, which goes on from the source,
    - ``part``, whose images are streamed, ``passes`` times, each in a new order,
    - ``corruptions``: views of ``config.views``, through which a whole stream is seen.

    Labels of the stream serve to score its answers alone.

    Returns:
      Scores of the source on clean images, named as by ``single``; and the shares of
      wrong answers on one and the same stream of corrupted batches, each answered once:
      ``error_unadapted/<corruption>`` by the source, ``error_statistics/<corruption>``
      by the source with the statistics of each batch, ``error_adapted/<corruption>`` by
      the method; without a corruption their means.
    """
    config = job.config.stream
    checks.known('stream.part', config.part, job.data.rows)
    for name in config.corruptions:
        checks.known('a view of stream.corruptions', name, job.views)
    source = job.method(config.source.method, **config.source.args)
    trained = run.fit(
        'source',
        source,
        feed_for(job, source, run.key('source')),
        job.config.steps,
        evaluate=scorer(job, 'validation'),
    )
    clean = run.once('test', functools.partial(scorer(job, 'test'), source, trained))
    found = {**run.record('source'), **clean}

    rows = job.data.rows[config.part]
    steps = max(1, config.passes * len(rows) // job.config.batch_size)
    adapt = remembering(job.method(steps=steps, **config.adapt), steps)
    feed = feed_for(
        job, adapt, run.key('adapted'), rows={'unlabelled': rows}, opened=True
    )
    given = {'student': variables_of(trained, source.ship)}
    baselines = fixed(job, {'unadapted': source, 'statistics': adapt}, steps)
    for name in config.corruptions:
        seen = through(job, name, feed, run.key(f'seen_{name}'))
        start = adapt.init(run.key(f'adapted_{name}'), seen(0), given)
        states = {'unadapted': trained, 'statistics': start}
        answers = run.once(f'fixed_{name}', functools.partial(baselines, states, seen))
        moved = run.fit(f'adapted_{name}', adapt, seen, steps, start=start)
        found['wall_seconds'] += run.record(f'adapted_{name}')['wall_seconds']
        for how, answer in {**answers, 'adapted': moved.memory['answers']}.items():
            found[f'error_{how}/{name}'] = error(job, feed, answer)
    for how in ('unadapted', 'statistics', 'adapted'):
        errors = [found[f'error_{how}/{name}'] for name in config.corruptions]
        found[f'error_{how}'] = float(np.mean(errors))
    return found


def restored(run: Run, job: Job) -> tuple[Method, State]:
    """Reads back the source network, from which each stream goes its own way."""
    config = job.config.stream
    source = job.method(config.source.method, **config.source.args)
    feed = feed_for(job, source, run.key('source'))
    return source, run.restore('source', source, feed)


def through(job: Job, view: str, feed: Feed, key: Array) -> Feed:
    """Returns a feed of the same rows, seen through one of ``job.views``.

    The view is drawn once for a row of a batch, so that what a method makes of it (its
    own weak and strong views) starts from the same corrupted image.
    """
    look = jax.jit(prepare({'unlabelled': Stream((), (view,))}, job.views))

    def seen(step: int) -> dict[str, dict[str, np.ndarray]]:
        raw = feed(step)['unlabelled']
        batch = look(jax.random.fold_in(key, step), {'unlabelled': raw})
        fields = batch['unlabelled'][view]
        return {
            'unlabelled': {
                name: np.asarray(fields.get(name, raw[name])) for name in raw
            }
        }

    if hasattr(feed, 'close'):
        seen.close = feed.close  # type: ignore[attr-defined]
    return seen


def remembering(method: Method, steps: int) -> Method:
    """Returns the method with all its answers in ``State.memory['answers']``.

    A table [steps, B, ...] of ``metrics['prediction']``. In State it is saved with the
    weights, so that a stream that is interrupted answers no batch twice.
    """

    def init(key, batch, given=None):
        state = method.init(key, batch, given or {})
        shapes = jax.eval_shape(method.step, state, batch)[1]['prediction']
        answers = jax.tree.map(lambda x: jnp.zeros((steps, *x.shape), x.dtype), shapes)
        return state._replace(memory={**state.memory, 'answers': answers})

    def step(state, batch):
        new, metrics = method.step(state, batch)
        answers = jax.tree.map(
            lambda table, row: table.at[state.step].set(row),
            state.memory['answers'],
            shards.gather(metrics['prediction']),
        )
        return new._replace(memory={**new.memory, 'answers': answers}), metrics

    return method._replace(init=init, step=step)


def fixed(
    job: Job, methods: Mapping[str, Method], steps: int
) -> Callable[[Mapping[str, State], Feed], dict[str, PyTree]]:
    """Returns ``(states, feed) -> answers [steps, B, ...]`` of weights that stay."""

    def answering(method):
        return jax.jit(
            lambda state, example: job.task.decode(
                method.predict(state, inputs_of(job.task, job.see(example)))
            )
        )

    answer = {name: answering(method) for name, method in methods.items()}

    def answers(states, feed):
        batches = [feed(step)['unlabelled'] for step in range(steps)]
        each = {
            name: [jax.device_get(answer[name](state, batch)) for batch in batches]
            for name, state in states.items()
        }
        return {
            name: jax.tree.map(lambda *x: np.stack(x), *parts)
            for name, parts in each.items()
        }

    return answers


def error(job: Job, feed: Feed, answers: PyTree) -> float:
    """Returns the share of wrong answers [steps, B, ...] on the rows of a feed."""
    steps = len(jax.tree.leaves(answers)[0])
    index = np.concatenate([feed(i)['unlabelled']['index'] for i in range(steps)])
    example = collate(job.data.source, index, job.task.example)
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), answers)
    accuracy = job.task.metrics['accuracy']
    right = jax.device_get(accuracy.rows(flat, example))
    return 1 - accuracy.result(right)['accuracy']
