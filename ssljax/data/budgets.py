"""Which labels of a training part are seen: long-tailed, or of some classes only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources import NO_LABEL, Arrays, Source
from ssljax.data.sources.joined import Joined
from ssljax.data.splits import Split, labelled_rows


def tail_counts(largest: int, gamma: float, classes: int) -> np.ndarray:
    r"""Returns how many rows each class has under a long tail, [C] int.

    :math:`N_k = \lfloor N_1 \gamma^{-(k-1)/(C-1)} \rfloor`: the first class has
    ``largest``, the last one ``largest / gamma``. A ratio below 1 turns it around.

    Args:
      largest: N_1, rows of the first class, at least 1.
      gamma: imbalance ratio N_1 / N_C, > 0.
      classes: C, at least 2.

    Source: Cui et al. 2019, arXiv 1901.05555; with a ratio for labelled and one for
    unlabelled rows in Kim et al. 2020 (DARP), arXiv 2007.08844.
    """
    if largest < 1 or gamma <= 0 or classes < 2:
        raise InputError(
            f'largest, gamma, classes are {largest}, {gamma}, {classes}; give at least '
            '1, more than 0, and at least 2.'
        )
    exact = largest * gamma ** (-np.arange(classes) / (classes - 1))
    # 150 / 10 comes out as 14.999999999999998.
    return np.floor(exact + 1e-6).astype(int)


def long_tailed(
    split: Split,
    labels: np.ndarray,
    *,
    labelled: int,
    gamma: float,
    unlabelled: int,
    unlabelled_gamma: float,
) -> Split:
    """Returns a split whose labelled and unlabelled rows have long tails of their own.

    Of each class the first rows of the training part are labelled and the next ones
    unlabelled, so none is both. Test and validation stay as they are.

    Args:
      split: as ``splits.make`` returns it.
      labels: [N] int32, of the whole source.
      labelled: labelled rows of the first class.
      gamma: imbalance ratio of the labelled rows, as in ``tail_counts``.
      unlabelled: unlabelled rows of the first class.
      unlabelled_gamma: imbalance ratio of the unlabelled rows.

    Raises:
      InputError: if a class has too few rows, or would have no labelled one.
    """
    classes = int(labels.max()) + 1
    seen = tail_counts(labelled, gamma, classes)
    hidden = tail_counts(unlabelled, unlabelled_gamma, classes)
    first, second = [], []
    for label in range(classes):
        rows = split.train[labels[split.train] == label]
        wanted = seen[label] + hidden[label]
        if len(rows) < wanted or not seen[label]:
            raise InputError(
                f'class {label} has {len(rows)} training rows, and would have '
                f'{seen[label]} labelled and {hidden[label]} unlabelled; choose other '
                'sizes.'
            )
        first.append(rows[: seen[label]])
        second.append(rows[seen[label] : wanted])
    return split._replace(
        labelled=np.concatenate(first), unlabelled=np.concatenate(second)
    )


def open_set(
    split: Split, labels: np.ndarray, known: Sequence[int], *, per_class: int
) -> Split:
    """Returns a split in which some classes are met without a label only.

    Labelled, validation and test rows are of the known classes; unlabelled rows are all
    of the training part.

    Args:
      split: as ``splits.make`` returns it.
      labels: [N] int32, of the whole source.
      known: classes that have labels; ``data.load`` numbers them from 0 in this order.
      per_class: labelled rows of each known class, at least 1.

    Raises:
      InputError: if ``known`` names no class, one twice, or one that does not exist, or
        a class has too few rows.
    """
    inner = relabelled(labels, known)
    return split._replace(
        labelled=labelled_rows(split.train, inner, per_class),
        unlabelled=split.train,
        validation=split.validation[inner[split.validation] >= 0],
        test=split.test[inner[split.test] >= 0],
        known=tuple(map(int, known)),
    )


def relabelled(labels: np.ndarray, known: Sequence[int]) -> np.ndarray:
    """Returns labels [N] int32 numbered by ``known``; -1 for all other classes."""
    classes = int(labels.max(initial=-1)) + 1
    strange = [number for number in known if not 0 <= number < classes]
    if not len(known) or len(set(known)) < len(known) or strange:
        raise InputError(
            f'known is {list(known)}; give some of the classes 0 to {classes - 1}, '
            'none twice.'
        )
    table = np.full(classes + 1, NO_LABEL, np.int32)  # the last is for -1
    table[list(known)] = np.arange(len(known))
    return table[labels]


def only_known(source: Source, known: Sequence[int]) -> Source:
    """Returns the source with labels of the known classes only, numbered from 0."""
    label = relabelled(source.columns['label'], known)
    if isinstance(source, Arrays):
        return source.replaced(label=label)
    return Joined((source,), label)


def merged(
    source: Source, classes: Sequence[str], groups: Sequence[Sequence[int]]
) -> tuple[Source, np.ndarray, tuple[str, ...]]:
    """Makes one class of several: a task of few classes from one of many.

    Args:
      source: with labels.
      classes: their names.
      groups: the classes of each new one, every class once.

    Returns:
      The source, numbered by the groups, its labels [N] int32 and their names, which
      are the old ones with a + between them.

    Raises:
      InputError: if a class is missing or named twice, or there is one group only.
    """
    if sorted(n for group in groups for n in group) != list(range(len(classes))):
        raise InputError(
            f'merged is {[list(group) for group in groups]}; give each class, 0 to '
            f'{len(classes) - 1}, to one group.'
        )
    if len(groups) < 2:
        raise InputError('merged has one group; give at least 2.')
    table = np.full(len(classes) + 1, NO_LABEL, np.int32)  # the last is for -1
    for number, group in enumerate(groups):
        table[list(group)] = number
    label = table[source.columns['label']]
    names = tuple('+'.join(classes[n] for n in group) for group in groups)
    if isinstance(source, Arrays):
        return source.replaced(label=label), label, names
    return Joined((source,), label), label, names
