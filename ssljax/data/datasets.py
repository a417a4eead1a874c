"""Data sets by name: one Source, and which of its rows are what."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data import checks, sources, splits


class Dataset(NamedTuple):
    """One source and the rows of it that a job trains, chooses and tests on."""

    name: str
    source: sources.Arrays  # 'image' [N, H, W, channels] float32, 'label' [N] int32
    rows: dict[str, np.ndarray]  # 'labelled', 'unlabelled', 'validation', 'test'
    num_classes: int
    split: dict[str, Any]  # where the rows come from and how many, for JSON


def load(
    name: str | os.PathLike[str],
    *,
    labels_per_class: int,
    seed: int = 0,
    split_file: str | os.PathLike[str] | None = None,
    validation: int | None = None,
    test: int | None = None,
) -> Dataset:
    """Loads a data set and hides all labels but a few.

    The unlabelled rows are the whole training part, the labelled ones among them (the
    protocol of Oliver et al. 2018 and FixMatch), and the rows of ``unlabelled_image``
    if the file has them. A feed strips their labels.

    Args:
      name: 'digits' (``sources.digits``) or the path of an .npz (``sources.npz``).
      labels_per_class: labels that the training may see, at least 1.
      seed: of the split, at least 0. A split file brings its own.
      split_file: a split that ``splits.save`` wrote; None makes one from the seed.
      validation: rows to carve out for choosing; None is 200 for digits, else the
        file's own or a tenth of the labelled rows.
      test: rows to carve out for testing; None is 500 for digits, else the file's own
        or a fifth of the labelled rows.

    Returns:
      The data set. ``split`` counts the labels, also those spent on validation:
      labels, validation_labels, test, unlabelled, seed, hash (of the source), file.

    Raises:
      InputError: for an unknown name, bad data (``checks``), or sizes given twice.
    """
    name = os.fspath(name)
    if name.endswith('.npz'):
        source, parts = sources.npz(name)
        name = Path(name).name
        train = len(parts['train'])
        sizes = {'validation': train // 10, 'test': train // 5}
    else:
        checks.known('name (or the path of an .npz file)', name, ['digits'])
        source = sources.digits()
        parts = {'train': np.arange(len(source), dtype=np.int32)}
        sizes = {'validation': 200, 'test': 500}

    own = {part: rows for part, rows in parts.items() if part in sizes}
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
    if split_file:
        split = splits.load(split_file, source)
    else:
        sizes |= dict.fromkeys(own, 0)
        split = splits.make(name, source, seed=seed, rows=parts['train'], **sizes)
        split = split._replace(
            test=own.get('test', split.test),
            validation=own.get('validation', split.validation),
        )

    labels = source.fields['label']
    extra = np.flatnonzero(labels == sources.NO_LABEL).astype(np.int32)
    rows = {
        'labelled': splits.labelled_rows(split.train, labels, labels_per_class),
        'unlabelled': np.concatenate([split.train, extra]),
        'validation': split.validation,
        'test': split.test,
    }
    provenance = {
        'labels': len(rows['labelled']),
        'validation_labels': len(rows['validation']),
        'test': len(rows['test']),
        'unlabelled': len(rows['unlabelled']),
        'seed': split.seed,
        'hash': split.hash,
        'file': os.fspath(split_file) if split_file else None,
    }
    return Dataset(name, source, rows, int(labels.max()) + 1, provenance)
