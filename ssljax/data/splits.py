"""Splits: which rows are for testing, for choosing, for training; kept in a file.

The digits of the experiments are split once and for all by::

    python -c "from ssljax.data import sources, splits
    splits.save('experiments/configs/digits/split.json', splits.make(
        'digits', sources.digits(), seed=0, test=500, validation=200))"
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources import Source, strata

VERSIONS = (1, 2)
"""Of the file: 2 has the keys of ``EXPLICIT`` and labels_per_class."""
PARTS = ('test', 'validation', 'train')
EXPLICIT = ('labelled', 'unlabelled')


class Split(NamedTuple):
    """Rows of one source, each in one part at most."""

    source: str  # its name
    hash: str  # its fingerprint
    seed: int
    test: np.ndarray  # [n] int32
    validation: np.ndarray  # [n] int32
    train: np.ndarray  # [n] int32, shuffled: labelled_rows reads it from the front
    labelled: np.ndarray | None = None  # [n] int32 of train; None: labelled_rows
    unlabelled: np.ndarray | None = None  # [n] int32 of train; None: all of it
    known: tuple[int, ...] | None = None  # classes that have a label, None: all


def make(
    name: str,
    source: Source,
    *,
    seed: int,
    test: int,
    validation: int,
    rows: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Split:
    """Shuffles rows by the seed and cuts them into parts, stratified by class.

    Args:
      name: of the source.
      source: with labels, whose classes give each part its share.
      seed: at least 0.
      test: rows of the test part; each class gives its share, rounded by the largest
        remainder.
      validation: rows of the validation part, likewise.
      rows: [n] the rows to cut up; None is all that have a label.
      groups: [N] what a row belongs to, such as a person or a recording. All rows of a
        group go to one part, which may then be smaller than asked for and is not
        stratified.

    Returns:
      The split; ``train`` is what the other two left.

    Raises:
      InputError: if the parts ask for more rows than there are, or for fewer than the
        smallest group has.
    """
    labels = strata(source)
    rows = np.flatnonzero(labels >= 0) if rows is None else rows
    if min(seed, test, validation) < 0 or test + validation > len(rows):
        raise InputError(
            f'seed, test, validation are {seed}, {test}, {validation}; they must be at '
            f'least 0, and test + validation at most the {len(rows)} labelled rows.'
        )
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    train = rng.permutation(rows).astype(np.int32)
    parts = {}
    for part, count in (('test', test), ('validation', validation)):
        if groups is None:
            chosen = _stratified(labels[train], count)
        else:
            chosen = _grouped(part, np.asarray(groups)[train], count, rng)
        parts[part], train = train[chosen], train[~chosen]
    return Split(name, source.fingerprint(), seed, train=train, **parts)


def _stratified(labels: np.ndarray, count: int) -> np.ndarray:
    """[n] bool, ``count`` of them True: the first rows of each class, by its share."""
    classes, sizes = np.unique(labels, return_counts=True)
    share = count * sizes / max(len(labels), 1)
    take = np.floor(share).astype(int)
    most_cut = np.argsort(take - share, kind='stable')
    take[most_cut[: count - take.sum()]] += 1
    return _first(labels, dict(zip(classes, take, strict=True)))


def _grouped(
    part: str, groups: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """[n] bool, at most ``count`` of them True: rows of whole groups."""
    names, sizes = np.unique(groups, return_counts=True)
    if count and sizes.min() > count:
        raise InputError(
            f'{part} is {count}, but the smallest group has {sizes.min()} rows; ask '
            'for more.'
        )
    taken = np.zeros(len(names), bool)
    for number in rng.permutation(len(names)):
        if sizes[taken].sum() + sizes[number] <= count:
            taken[number] = True
    return np.isin(groups, names[taken])


def _first(labels: np.ndarray, counts: dict[int, int]) -> np.ndarray:
    """[n] bool: the first ``counts[c]`` rows of each class c."""
    chosen = np.zeros(len(labels), bool)
    for label, count in counts.items():
        chosen[np.flatnonzero(labels == label)[:count]] = True
    return chosen


def labelled_rows(order: np.ndarray, labels: np.ndarray, per_class: int) -> np.ndarray:
    """Returns the rows whose labels a method may see: the first of each class.

    A smaller budget is part of a larger one, so methods and budgets compare.

    Args:
      order: [n] int32 training rows, in the split's order.
      labels: [N] int32, of the whole source; below 0 is none.
      per_class: labels for each class, at least 1.

    Returns:
      [per_class * C] int32 rows, in the split's order.

    Raises:
      InputError: if a class of the source has fewer training rows.
    """
    classes = [int(label) for label in np.unique(labels[labels >= 0])]
    found = labels[order]
    checks.enough({label: int(np.sum(found == label)) for label in classes}, per_class)
    return order[_first(found, dict.fromkeys(classes, per_class))]


def labelled_cases(order: np.ndarray, cases: np.ndarray, count: int) -> np.ndarray:
    """Returns the rows of the first cases, such as all slices of the first patients.

    A smaller budget is part of a larger one, as with ``labelled_rows``.

    Args:
      order: [n] int32 training rows, in the split's order.
      cases: [N] what a row belongs to, of the whole source.
      count: of cases, at least 1.

    Returns:
      Rows [m] int32, in the split's order.

    Raises:
      InputError: if the training rows have fewer cases.
    """
    names, first = np.unique(cases[order], return_index=True)
    if not 0 < count <= len(names):
        raise InputError(
            f'labels is {count}; give at least 1 and at most the {len(names)} '
            'annotated cases of the training part.'
        )
    chosen = names[np.argsort(first)][:count]
    return order[np.isin(cases[order], chosen)]


def save(
    path: str | os.PathLike[str], split: Split, labels: np.ndarray | None = None
) -> None:
    """Writes a split as JSON, one line a key.

    Args:
      path: of the file.
      split: what to write.
      labels: [N] int32, of the whole source; with them a split that names its labelled
        rows says how many each class has.
    """
    kept = [part for part in (*PARTS, *EXPLICIT) if getattr(split, part) is not None]
    rows = {part: getattr(split, part).tolist() for part in kept}
    content: dict[str, Any] = {
        'version': 1 if split.labelled is None else 2,
        'source': split.source,
        'hash': split.hash,
        'seed': split.seed,
        'counts': {part: len(numbers) for part, numbers in rows.items()},
    }
    if split.known is not None:
        content['known'] = split.known
    if split.labelled is not None and labels is not None:
        content['labels_per_class'] = np.bincount(labels[split.labelled]).tolist()
    lines = [f'  {json.dumps(k)}: {json.dumps(v)}' for k, v in (content | rows).items()]
    Path(path).write_text('{\n' + ',\n'.join(lines) + '\n}\n')


def load(path: str | os.PathLike[str], source: Source) -> Split:
    """Reads a split and checks that it was made for this very source.

    Args:
      path: of a file that ``save`` wrote.
      source: what its row numbers are about to index.

    Raises:
      InputError: if the file is no split, the source's content is another (both hashes
        are named), or a row is outside the source or in two parts.
    """
    content = _read(path)
    expected, found = content['hash'], source.fingerprint()
    if found != expected:
        raise InputError(
            f'split_file {path} was made for {content["source"]} with hash {expected}, '
            f'but the source has hash {found}; use its own split or make a new one.'
        )
    kept = [part for part in (*PARTS, *EXPLICIT) if part in content]
    parts = {part: np.asarray(content[part], np.int32) for part in kept}
    counts = {part: len(rows) for part, rows in parts.items()}
    own = [parts[part] for part in PARTS]
    inside = all(np.isin(parts[p], parts['train']).all() for p in kept if p in EXPLICIT)
    if counts != content['counts'] or not _disjoint(own, len(source)) or not inside:
        raise InputError(
            f'split_file {path} was changed by hand: its counts are wrong, or a row is '
            'in two parts or outside the source; make it anew.'
        )
    known = content.get('known')
    known = None if known is None else tuple(known)
    return Split(content['source'], expected, content['seed'], known=known, **parts)


def _read(path: str | os.PathLike[str]) -> dict:
    """The content of a split file of this version, all keys present."""
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f'split_file {path} is no split file: {error}') from error
    version = content.get('version') if isinstance(content, dict) else None
    if version not in VERSIONS:
        raise InputError(
            f'split_file {path} has version {version}; this ssljax reads '
            f'{" and ".join(map(str, VERSIONS))}.'
        )
    explicit = EXPLICIT if version == 2 else ()
    missing = {'source', 'hash', 'seed', 'counts', *PARTS, *explicit} - content.keys()
    if missing:
        raise InputError(
            f'split_file {path} lacks {", ".join(sorted(missing))}; make it anew.'
        )
    return content


def _disjoint(parts: Sequence[np.ndarray], size: int) -> bool:
    rows = np.concatenate(parts)
    inside = np.all((rows >= 0) & (rows < size))
    return bool(inside) and len(np.unique(rows)) == len(rows)
