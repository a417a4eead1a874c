"""Data sets by name: one Source, and which of its rows are what."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import budgets, checks, named, sources, splits

BAD_SHARE = 0.01
"""Share of the rows that may be left out because they can't be decoded."""


class Dataset(NamedTuple):
    """One source and the rows of it that a job trains, chooses and tests on."""

    name: str
    source: sources.Source  # inputs and labels; see its ``columns``
    rows: dict[str, np.ndarray]  # 'labelled', 'unlabelled', 'validation', 'test'
    num_classes: int  # 0 where labels are no classes
    split: dict[str, Any]  # where the rows come from and how many, for JSON
    classes: tuple[str, ...] = ()  # their names, by label
    bad: tuple[sources.BadItem, ...] = ()  # rows that were left out


def load(
    name: str | os.PathLike[str],
    *,
    labels_per_class: int | None = None,
    labels: int | None = None,
    seed: int = 0,
    split_file: str | os.PathLike[str] | None = None,
    validation: int | None = None,
    test: int | None = None,
    size: tuple[int, ...] | None = None,
    channels: int | None = None,
    rate: int | None = None,
    seconds: float | None = None,
    groups: str | None = None,
    merged: Sequence[Sequence[int]] | None = None,
    with_labelled: bool = True,
    memory: int = 2**30,
) -> Dataset:
    """Loads a data set and hides all labels but a few.

    The unlabelled rows are the whole training part, the labelled ones among them (the
    protocol of Oliver et al. 2018 and FixMatch), and those that never had a label. A
    feed strips their labels. A split file may say otherwise.

    Args:
      name: 'digits', the path of an .npz, a table or a folder, or a prefix and a path:
        see ``data.read``.
      labels_per_class: labels that the training may see, at least 1; None is all of
        the training part, or those that the split file names.
      labels: the same of data whose labels are no classes, such as landmarks: rows in
        all, or, of data with a column 'case', cases with all of their rows.
      seed: of the split, at least 0. A split file brings its own.
      split_file: a split that ``splits.save`` wrote; None makes one from the seed.
      validation: rows to carve out for choosing; None is 200 for digits, else the
        data's own or a tenth of the labelled rows.
      test: rows to carve out for testing; None is 500 for digits, else the data's own
        or a fifth of the labelled rows.
      size: (H, W) to resize pictures to; None if all have the same. Images with masks
        are filled up to it instead, also volumes to (Z, H, W).
      channels: of pictures; None is 1 if all are grey, else 3.
      rate: samples a second, of sounds.
      seconds: length of sounds.
      groups: a column of the data, such as 'person': rows that share it are in one
        part, so that none is tested on who was trained on. None is 'case', where the
        data have it.
      merged: classes that become one each, ((0, 2, 4), (1, 3, 5)): every one of them
        once, after all of the above.
      with_labelled: whether the labelled rows are unlabelled ones, too.
      memory: bytes; what takes no more is decoded at once and kept as ``Arrays``. Rows
        that can't be decoded are then left out, up to ``BAD_SHARE``, with a warning.

    Returns:
      The data set. ``split`` counts the labels, also those spent on validation:
      labels, validation_labels (both in cases, where there are any), test, unlabelled,
      seed, hash (of the source), file.

    Raises:
      InputError: for an unknown name, bad data (``checks``), or sizes given twice.
    """
    source, parts = named.read(
        name, size=size, channels=channels, rate=rate, seconds=seconds
    )
    name = named.short(name)
    strata = sources.strata(source)
    cases = _cases(source, parts)
    group = cases if groups is None else _column(source, groups)
    per_class = _budget(name, source, labels_per_class, labels)
    source, bad = _in_memory(source, memory)
    hidden = _hidden(strata, parts)
    parts = {part: rows[strata[rows] >= 0] for part, rows in parts.items()}
    own = {p: parts[p] for p in ('validation', 'test') if len(parts.get(p, ()))}
    sizes = _sizes(name, len(parts['train']), own, split_file, validation, test)
    if split_file:
        split = splits.load(split_file, source)
    else:
        split = splits.make(
            name,
            source,
            seed=seed,
            test=sizes['test'],
            validation=sizes['validation'],
            rows=parts['train'],
            groups=group,
        )
        split = split._replace(
            test=own.get('test', split.test),
            validation=own.get('validation', split.validation),
        )

    classes = tuple(source.classes or ())
    if 'label' in source.columns and not classes:
        classes = tuple(map(str, range(int(strata.max()) + 1)))
    if split.known is not None:
        source = budgets.only_known(source, split.known)
        strata = source.columns['label']
        classes = tuple(classes[number] for number in split.known)
    if merged is not None:
        source, strata, classes = budgets.merged(source, classes, merged)
    left = [item.row for item in bad]
    # Before labels are counted, so that every class has as many as it should.
    split = split._replace(train=split.train[~np.isin(split.train, left)])
    if group is not None:
        judged = group[np.concatenate([split.test, split.validation])]
        hidden = hidden[~np.isin(group[hidden], judged)]
    if labels is not None and cases is None and not 0 < labels <= len(split.train):
        raise InputError(
            f'labels is {labels}; give at least 1 and at most the {len(split.train)} '
            'annotated rows of the training part.'
        )
    rows = _rows(split, strata, per_class, hidden, cases)
    if not with_labelled:
        rows['unlabelled'] = np.setdiff1d(rows['unlabelled'], rows['labelled'])
    rows = {part: found[~np.isin(found, left)] for part, found in rows.items()}
    provenance = {
        'labels': _count(rows['labelled'], cases),
        'validation_labels': _count(rows['validation'], cases),
        'test': len(rows['test']),
        'unlabelled': len(rows['unlabelled']),
        'seed': split.seed,
        'hash': split.hash,
        'file': os.fspath(split_file) if split_file else None,
    }
    return Dataset(name, source, rows, len(classes), provenance, classes, tuple(bad))


def readable(source: sources.Source, rows: np.ndarray) -> np.ndarray:
    """Returns those of rows [n] that can be decoded; each is decoded to see.

    Raises:
      InputError: if more than ``BAD_SHARE`` of them can't.
    """
    if isinstance(source, sources.Arrays):
        return rows
    bad = []
    for row in rows:
        try:
            source[int(row)]
        except sources.BadItem as error:
            bad.append(error)
    _few(bad, len(rows))
    return rows[~np.isin(rows, [item.row for item in bad])]


def _in_memory(
    source: sources.Source, memory: int
) -> tuple[sources.Source, list[sources.BadItem]]:
    """The source as Arrays if it fits, and the rows of it that can't be decoded."""
    if isinstance(source, sources.Arrays):
        return source, []
    if len(source) * _bytes(source) > memory:
        return source, []
    arrays, bad = sources.decoded(source, threads=os.cpu_count() or 1)
    _few(bad, len(source))
    return arrays, bad


def _few(bad: list[sources.BadItem], count: int) -> None:
    """Warns of rows that can't be decoded; refuses more than ``BAD_SHARE`` of them."""
    if not bad:
        return
    first = '; '.join(f'{item.name}: {item.why}' for item in bad[:10])
    if len(bad) > BAD_SHARE * count:
        raise InputError(
            f'{len(bad)} of {count} rows can not be read, more than the share '
            f'{BAD_SHARE:g}; mend or remove them: {first}'
        )
    warnings.warn(
        f'{len(bad)} of {count} rows can not be read and are left out: {first}',
        stacklevel=4,
    )


def _bytes(source: sources.Source) -> int:
    """Bytes of a decoded row: the first that can be decoded."""
    wrong = None
    for row in range(len(source)):
        try:
            return sum(np.asarray(value).nbytes for value in source[row].values())
        except sources.BadItem as error:
            wrong = wrong or error
    raise wrong or InputError('the source has no rows; give at least one.')


def _budget(
    name: str, source: sources.Source, per_class: int | None, labels: int | None
) -> int | None:
    """Rows a class that may be seen with their labels; all where there are none."""
    if 'label' in source.columns:
        if labels is not None:
            raise InputError(
                f'labels is {labels}, but {name} has classes; give labels_per_class.'
            )
        return per_class
    if per_class is not None:
        raise InputError(
            f'labels_per_class is {per_class}, but the labels of {name} are no '
            'classes; give labels.'
        )
    return labels


def _column(source: sources.Source, name: str | None) -> np.ndarray | None:
    """[N], what ``name`` says of each row."""
    if name is None:
        return None
    checks.known('groups (a column)', name, source.columns)
    return np.asarray(source.columns[name])


def _cases(source: sources.Source, parts: named.Parts) -> np.ndarray | None:
    """[N] the case of each row, if labels are counted in cases; none in two parts."""
    if 'label' in source.columns or 'case' not in source.columns:
        return None
    cases = np.asarray(source.columns['case'])
    train = cases[
        np.concatenate([parts[p] for p in ('train', 'unlabelled') if p in parts])
    ]
    for part in ('validation', 'test'):
        if part not in parts:
            continue
        if len(both := np.intersect1d(train, cases[parts[part]])):
            raise InputError(
                f'case {both[0]} has rows to train on and rows in the part {part}; '
                'number the cases through all parts, and keep each in one.'
            )
    return cases


def _count(rows: np.ndarray, cases: np.ndarray | None) -> int:
    """How many labels somebody had to give for rows [n]: one a case."""
    return len(rows if cases is None else np.unique(cases[rows]))


def _sizes(
    name: str,
    train: int,
    own: dict[str, np.ndarray],
    split_file: str | os.PathLike[str] | None,
    validation: int | None,
    test: int | None,
) -> dict[str, int]:
    """Rows to carve out of the labelled training rows, by part."""
    if name == 'digits':
        sizes = {'validation': 200, 'test': 500}
    else:
        sizes = {'validation': train // 10, 'test': train // 5}
    for part, size in (('validation', validation), ('test', test)):
        if size is None:
            continue
        if split_file or part in own:
            where = 'split_file' if split_file else name
            raise InputError(
                f'{part} is {size}, but {where} says already which rows are for '
                f'{part}; leave one of them out.'
            )
        sizes[part] = size
    return sizes | dict.fromkeys(own, 0)


def _hidden(labels: np.ndarray, parts: named.Parts) -> np.ndarray:
    """[n] int32, rows without a label that are of no part to be judged by."""
    none = labels == sources.NO_LABEL
    for part in ('validation', 'test'):
        none[parts.get(part, np.zeros(0, int))] = False
    return np.flatnonzero(none).astype(np.int32)


def _rows(
    split: splits.Split,
    labels: np.ndarray,
    labels_per_class: int | None,
    hidden: np.ndarray,
    cases: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Rows by stream; ``hidden`` [n] never had a label and may be trained on."""
    rows = {'validation': split.validation, 'test': split.test}
    if split.labelled is not None and split.unlabelled is not None:
        if labels_per_class is not None:
            raise InputError(
                f'labels_per_class is {labels_per_class}, but split_file says already '
                'which rows are labelled; give None.'
            )
        return {'labelled': split.labelled, 'unlabelled': split.unlabelled, **rows}
    labelled = split.train
    if labels_per_class is not None and cases is not None:
        labelled = splits.labelled_cases(split.train, cases, labels_per_class)
    elif labels_per_class is not None:
        labelled = splits.labelled_rows(split.train, labels, labels_per_class)
    unlabelled = np.concatenate([split.train, hidden])
    return {'labelled': labelled, 'unlabelled': unlabelled, **rows}
