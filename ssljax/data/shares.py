"""Shares: how the rows of one source lie at the clients of a federation."""

from __future__ import annotations

import numpy as np

from ssljax.contracts import InputError

TRIES = 1000


def even_shares(rows: np.ndarray, clients: int, *, seed: int) -> list[np.ndarray]:
    """Deals shuffled rows out evenly, whatever their classes.

    Args:
      rows: [n] row numbers.
      clients: K, at least 1 and at most n.
      seed: at least 0.

    Returns:
      K arrays of row numbers; their sizes differ by 1 at most.

    Raises:
      InputError: if a client would get no row.
    """
    _check(clients, seed, len(rows), smallest=1)
    return np.array_split(np.random.default_rng(seed).permutation(rows), clients)


def dirichlet_shares(
    rows: np.ndarray,
    labels: np.ndarray,
    clients: int,
    alpha: float,
    *,
    seed: int,
    smallest: int = 1,
) -> list[np.ndarray]:
    r"""Deals rows out so that clients differ in their classes.

    For each class apart, the clients' parts of its rows are drawn from
    :math:`\mathrm{Dir}(\alpha, \dots, \alpha)`; all is drawn again until every client
    has ``smallest`` rows.

    Args:
      rows: [n] row numbers.
      labels: [n] class of each, any integers.
      clients: K, at least 1.
      alpha: > 0; 0.1 gives a client few classes, 100 nearly the same to all.
      seed: at least 0.
      smallest: rows that every client must have, at least 1: its batch needs them.

    Returns:
      K arrays of row numbers, together every row once.

    Raises:
      InputError: if a number can't be used, or no draw in 1000 has ``smallest``.

    Source: Yurochkin et al. 2019, arXiv 1905.12022.
    """
    _check(clients, seed, len(rows), smallest)
    if not alpha > 0:
        raise InputError(f'alpha is {alpha}; give a number above 0.')
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        parts = [
            _cut(rng, rows[labels == c], clients, alpha) for c in np.unique(labels)
        ]
        shares = [np.concatenate(part) for part in zip(*parts, strict=True)]
        if min(map(len, shares)) >= smallest:
            return shares
    raise InputError(
        f'alpha is {alpha}, and in {TRIES} draws some client had fewer than the '
        f'{smallest} rows of its batch; choose a larger alpha or a smaller batch.'
    )


def _cut(
    rng: np.random.Generator, rows: np.ndarray, clients: int, alpha: float
) -> list[np.ndarray]:
    """Shuffled rows of one class in K parts."""
    parts = rng.dirichlet(np.full(clients, alpha))
    ends = np.round(np.cumsum(parts)[:-1] * len(rows)).astype(int)
    return np.split(rng.permutation(rows), ends)


def _check(clients: int, seed: int, size: int, smallest: int) -> None:
    if clients < 1 or seed < 0 or smallest < 1:
        raise InputError(
            f'clients, seed, smallest are {clients}, {seed}, {smallest}; give at least '
            '1, 0 and 1.'
        )
    if clients * smallest > size:
        raise InputError(
            f'clients is {clients}, and each needs {smallest} rows, but there are '
            f'{size}; choose fewer clients or a smaller batch.'
        )
