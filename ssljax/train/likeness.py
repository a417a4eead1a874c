"""Whether two sets of rows look alike to a network: the Frechet distance, judged."""

from __future__ import annotations

import numpy as np

from ssljax.train.diagnosis import Finding

DRAWS = 20
"""Sets of unlabelled rows that say how far apart like sets are."""


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    r"""Returns the Frechet distance between two sets, taken as normal.

    .. math:: |m_1 - m_2|^2 + \mathrm{tr}(S_1 + S_2 - 2 (S_1 S_2)^{1/2})

    Args:
      first: features [n, D], n at least 2.
      second: features [m, D], m at least 2.

    Source: Dowson and Landau 1982; Heusel et al. 2017 (FID).
    """
    one, two = np.asarray(first, float), np.asarray(second, float)
    # |A B'|_* is tr (S1 S2)^1/2 for S1 = A'A and S2 = B'B: no root of a matrix.
    a, b = _triangle(one), _triangle(two)
    common = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    gap = np.square(one.mean(0) - two.mean(0)).sum()
    return float(gap + np.square(a).sum() + np.square(b).sum() - 2 * common)


def _triangle(rows: np.ndarray) -> np.ndarray:
    """The least matrix R with R'R the covariance of the rows."""
    centred = (rows - rows.mean(0)) / np.sqrt(len(rows) - 1)
    return np.asarray(np.linalg.qr(centred, mode='r'))


def unlike(
    labelled: np.ndarray, unlabelled: np.ndarray, *, seed: int = 0
) -> Finding | None:
    """Says that the unlabelled set looks unlike the labelled one, or nothing.

    A few rows are always far from many, so the distance is held against those of as
    many rows drawn from the unlabelled set itself: it must be twice the largest.

    Args:
      labelled: features [n, D].
      unlabelled: features [m, D], m at least 2 n; fewer are not judged.
      seed: of the draws.
    """
    count = len(labelled)
    if count < 2 or len(unlabelled) < 2 * count:
        return None
    random = np.random.default_rng(seed)
    like = []
    for _ in range(DRAWS):
        order = random.permutation(len(unlabelled))
        like.append(frechet(unlabelled[order[:count]], unlabelled[order[count:]]))
    found = frechet(labelled, unlabelled)
    if found < 2 * max(like):
        return None
    return Finding(
        'sets unlike',
        'The unlabelled set looks unlike the labelled one: the Frechet distance of '
        f'their features is {found:.3g}, and at most {max(like):.3g} for as many '
        'unlabelled rows.',
        'Look at examples of both; leave out what is of no class, or give labels of '
        'the same kind.',
        (0, 0),
    )
