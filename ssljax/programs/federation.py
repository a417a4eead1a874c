"""Federation: one network of many clients, whose rows never leave them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ssljax import methods
from ssljax.contracts import Method, State
from ssljax.data import dirichlet_shares, even_shares
from ssljax.programs.job import Job, feed_for, joined, scorer
from ssljax.programs.run import Run


def federation(run: Run, job: Job) -> dict[str, Any]:
    """Trains ``config.method`` at clients that share nothing but averaged weights.

    ``config.federation`` has ``clients``; ``local_steps``, between two averages; and
    ``alpha``, how alike the clients' classes are. ``config.steps`` counts a client's
    own steps, ``config.batch_size`` its own rows. A client weighs by its rows.

    Returns:
      What the fit of the averaged network recorded and scored, named as by ``single``;
      ``client_rows``, how many rows each client has.
    """
    method, feed, sizes = _averaged(run, job)
    state = run.fit(
        'main', method, feed, job.config.steps, evaluate=scorer(job, 'validation')
    )
    test = run.once('test', functools.partial(scorer(job, 'test'), method, state))
    return {**run.record('main'), **test, 'client_rows': sizes}


def restored(run: Run, job: Job) -> tuple[Method, State]:
    """Reads back what the program has trained: the averaged network."""
    method, feed, _ = _averaged(run, job)
    return method, run.restore('main', method, feed)


def _averaged(run: Run, job: Job) -> tuple[Method, Callable[[int], Any], list[int]]:
    """The method of all clients, its feed, and how many rows each has."""
    config = job.config.federation
    local = job.method()
    shares = client_rows(job, local)
    sizes = [len(share['unlabelled']) for share in shares]
    method = methods.federated(
        local, clients=config.clients, local_steps=config.local_steps, weights=sizes
    )
    key = run.key('main')
    feeds = [feed_for(job, local, key, rows=share, opened=True) for share in shares]
    return method, joined(feeds), sizes


def client_rows(job: Job, local: Method) -> list[dict[str, np.ndarray]]:
    """Returns the rows of each client, by stream: no row lies at two clients.

    Labelled rows are dealt out evenly and, as in ``data.load``, are unlabelled rows
    too. All others go by class, ``config.federation.alpha`` says how unevenly.
    """
    config, rows = job.config.federation, job.data.rows
    hidden = np.setdiff1d(rows['unlabelled'], rows['labelled'])
    ratio = max(stream.ratio for stream in local.needs.values())
    few = even_shares(rows['labelled'], config.clients, seed=job.config.seed)
    many = dirichlet_shares(
        hidden,
        job.data.source.columns['label'][hidden],
        config.clients,
        config.alpha,
        seed=job.config.seed,
        smallest=round(job.config.batch_size * ratio),
    )
    return [
        {'labelled': own, 'unlabelled': np.concatenate([own, others])}
        for own, others in zip(few, many, strict=True)
    ]
