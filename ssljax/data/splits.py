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
from typing import NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks
from ssljax.data.sources import Arrays, content_hash

VERSION = 1
PARTS = ('test', 'validation', 'train')


class Split(NamedTuple):
    """Rows of one source, each in one part at most."""

    source: str  # its name
    hash: str  # its content_hash
    seed: int
    test: np.ndarray  # [n] int32
    validation: np.ndarray  # [n] int32
    train: np.ndarray  # [n] int32, shuffled: labelled_rows reads it from the front


def make(
    name: str,
    source: Arrays,
    *,
    seed: int,
    test: int,
    validation: int,
    rows: np.ndarray | None = None,
) -> Split:
    """Shuffles rows by the seed and cuts them into parts, stratified by class.

    Args:
      name: of the source.
      source: with a field ``label`` [N].
      seed: at least 0.
      test: rows of the test part; each class gives its share, rounded by the largest
        remainder.
      validation: rows of the validation part, likewise.
      rows: [n] the rows to cut up; None is all that have a label.

    Returns:
      The split; ``train`` is what the other two left.

    Raises:
      InputError: if the parts ask for more rows than there are.
    """
    labels = source.fields['label']
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
        chosen = _stratified(labels[train], count)
        parts[part], train = train[chosen], train[~chosen]
    return Split(name, content_hash(source.fields), seed, train=train, **parts)


def _stratified(labels: np.ndarray, count: int) -> np.ndarray:
    """[n] bool, ``count`` of them True: the first rows of each class, by its share."""
    classes, sizes = np.unique(labels, return_counts=True)
    share = count * sizes / max(len(labels), 1)
    take = np.floor(share).astype(int)
    most_cut = np.argsort(take - share, kind='stable')
    take[most_cut[: count - take.sum()]] += 1
    return _first(labels, dict(zip(classes, take, strict=True)))


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


def save(path: str | os.PathLike[str], split: Split) -> None:
    """Writes a split as JSON, one line a key."""
    rows = {part: getattr(split, part).tolist() for part in PARTS}
    content = {
        'version': VERSION,
        'source': split.source,
        'hash': split.hash,
        'seed': split.seed,
        'counts': {part: len(numbers) for part, numbers in rows.items()},
        **rows,
    }
    lines = (f'  {json.dumps(key)}: {json.dumps(v)}' for key, v in content.items())
    Path(path).write_text('{\n' + ',\n'.join(lines) + '\n}\n')


def load(path: str | os.PathLike[str], source: Arrays) -> Split:
    """Reads a split and checks that it was made for this very source.

    Args:
      path: of a file that ``save`` wrote.
      source: what its row numbers are about to index.

    Raises:
      InputError: if the file is no split, the source's content is another (both hashes
        are named), or a row is outside the source or in two parts.
    """
    content = _read(path)
    expected, found = content['hash'], content_hash(source.fields)
    if found != expected:
        raise InputError(
            f'split_file {path} was made for {content["source"]} with hash {expected}, '
            f'but the source has hash {found}; use its own split or make a new one.'
        )
    parts = {part: np.asarray(content[part], np.int32) for part in PARTS}
    counts = {part: len(rows) for part, rows in parts.items()}
    if counts != content['counts'] or not _disjoint([*parts.values()], len(source)):
        raise InputError(
            f'split_file {path} was changed by hand: its counts are wrong, or a row is '
            'in two parts or outside the source; make it anew.'
        )
    return Split(content['source'], expected, content['seed'], **parts)


def _read(path: str | os.PathLike[str]) -> dict:
    """The content of a split file of this version, all keys present."""
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f'split_file {path} is no split file: {error}') from error
    version = content.get('version') if isinstance(content, dict) else None
    if version != VERSION:
        raise InputError(
            f'split_file {path} has version {version}; this ssljax reads {VERSION}.'
        )
    missing = {'source', 'hash', 'seed', 'counts', *PARTS} - content.keys()
    if missing:
        raise InputError(
            f'split_file {path} lacks {", ".join(sorted(missing))}; make it anew.'
        )
    return content


def _disjoint(parts: Sequence[np.ndarray], size: int) -> bool:
    rows = np.concatenate(parts)
    inside = np.all((rows >= 0) & (rows < size))
    return bool(inside) and len(np.unique(rows)) == len(rows)
