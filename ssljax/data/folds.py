"""k folds: each row is tested on once."""

from __future__ import annotations

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources import Source
from ssljax.data.splits import Split, make


def folds(
    name: str,
    source: Source,
    k: int,
    *,
    seed: int,
    validation: int = 0,
    groups: np.ndarray | None = None,
) -> list[Split]:
    """Returns k splits, each with another k-th of the labelled rows as test part.

    Args:
      name: of the source.
      source: with a column ``label`` [N].
      k: folds, at least 2.
      seed: at least 0.
      validation: rows carved out of what is left of each fold, as in ``splits.make``.
      groups: [N] what a row belongs to; all rows of a group are tested on in one fold,
        and their number is as even as groups allow. None deals each class out evenly.

    Raises:
      InputError: if there are fewer rows, or groups, than folds, or ``splits.make``
        refuses.
    """
    labels = source.columns['label']
    rows = np.flatnonzero(labels >= 0).astype(np.int32)
    kinds = rows if groups is None else np.unique(np.asarray(groups)[rows])
    if seed < 0 or k < 2 or len(kinds) < k:
        raise InputError(
            f'k is {k} and seed {seed}; give 2 to {len(kinds)} folds and a seed of at '
            'least 0.'
        )
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, k])))
    shuffled = rng.permutation(rows)
    if groups is None:
        by_class = shuffled[np.argsort(labels[shuffled], kind='stable')]
        fold = np.empty(len(labels), int)
        fold[by_class] = np.arange(len(rows)) % k
    else:
        fold = _dealt(np.asarray(groups), shuffled, k)
    made = []
    for number in range(k):
        tested = shuffled[fold[shuffled] == number]
        rest = np.sort(shuffled[fold[shuffled] != number])
        split = make(
            name,
            source,
            seed=seed,
            test=0,
            validation=validation,
            rows=rest,
            groups=groups,
        )
        made.append(split._replace(test=tested))
    return made


def _dealt(groups: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """[N] the fold of each row: the largest group goes to the emptiest fold."""
    names, first, sizes = np.unique(groups[rows], return_index=True, return_counts=True)
    filled, fold = np.zeros(k, int), np.full(len(groups), -1)
    # Ties by the order of the shuffled rows.
    for number in np.lexsort((first, -sizes)):
        target = int(np.argmin(filled))
        filled[target] += sizes[number]
        fold[groups == names[number]] = target
    return fold
