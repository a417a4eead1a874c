"""What is wrong with data that would train without a word and learn nothing.

Every check returns None or raises ``InputError`` with the argument, the first offending
row and its value, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

import numpy as np

from ssljax.contracts import IGNORED, InputError


def known(what: str, name: str, names: Iterable[str]) -> None:
    """Refuses a name that is none of ``names``, and offers the nearest one."""
    names = sorted(names)
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = f' Did you mean {close[0]!r}?' if close else ''
    raise InputError(f'{what} is {name!r}; known: {", ".join(names)}.{hint}')


def labels(name: str, values: np.ndarray, num_classes: int | None = None) -> None:
    """Refuses labels that are not integers in ``[0, num_classes)``.

    Args:
      name: what the message calls them.
      values: [N], labels of rows that claim to have one.
      num_classes: C; None checks the lower end only.
    """
    if values.ndim != 1:
        raise InputError(
            f'{name} has shape {values.shape}; give one class number a row, [N].'
        )
    if np.issubdtype(values.dtype, np.integer):
        bad = values < 0
        if num_classes is not None:
            bad |= values >= num_classes
    else:
        bad = np.ones(values.shape, bool)
        if np.issubdtype(values.dtype, np.floating):
            fraction = values != np.trunc(values)
            bad = fraction if fraction.any() else bad
    if bad.any():
        row = int(np.argmax(bad))
        last = 'C-1' if num_classes is None else num_classes - 1
        raise InputError(
            f'{name}[{row}] is {values[row]} ({values.dtype}); give integers from 0 '
            f'to {last}.'
        )


def class_numbers(name: str, values: np.ndarray) -> None:
    """Refuses labels [N] that skip a class: a stray 99, or numbers that start at 1."""
    classes = np.unique(values)
    gaps = np.flatnonzero(classes != np.arange(len(classes)))
    if len(gaps):
        missing = int(gaps[0])
        row = int(np.argmax(values > missing))
        raise InputError(
            f'{name}[{row}] is {values[row]}, but no row has label {missing}; number '
            'the classes from 0 without gaps.'
        )


def masks(name: str, values: np.ndarray, num_classes: int | None) -> None:
    """Refuses masks whose pixels are not classes in ``[0, num_classes)``, or 255.

    Args:
      name: what the message calls them.
      values: [N, ...]; 255 is ignored.
      num_classes: C, the background among them, at most 255; None checks only that
        they can be classes at all.
    """
    if not np.issubdtype(values.dtype, np.integer):
        raise InputError(f'{name} is {values.dtype}; give class numbers, integers.')
    most = IGNORED if num_classes is None else num_classes
    bad = (values < 0) | ((values >= most) & (values != IGNORED))
    if bad.any():
        row = int(np.argmax(bad.reshape(len(values), -1).any(axis=1)))
        last = 'C-1' if num_classes is None else num_classes - 1
        raise InputError(
            f'{name}[{row}] has a pixel of class {values[row][bad[row]][0]}; give 0 to '
            f'{last}, or {IGNORED} for what is ignored.'
        )


def named_by_masks(name: str, masks: Iterable[np.ndarray]) -> tuple[str, ...]:
    """Returns the classes' numbers, up to the largest in masks, at least '0' and '1'.

    Args:
      name: what the message calls them.
      masks: ids; 255 is ignored.

    Raises:
      InputError: if there is 255 and else background only, as in pictures of 0 and 255.
    """
    largest, ignoring = 0, False
    for mask in masks:
        ignored = mask == IGNORED
        ignoring |= bool(ignored.any())
        largest = max(largest, int(mask.max(where=~ignored, initial=0)))
    if ignoring and not largest:
        raise InputError(
            f'{name} hold no class but 0, beside {IGNORED}, which is ignored; number '
            'the classes 1, 2, ..., or name them.'
        )
    return tuple(map(str, range(max(largest, 1) + 1)))


def enough(found: Mapping[int, int], asked: int) -> None:
    """Refuses a budget of labels per class that some class can't fill.

    Args:
      found: examples to choose from, by class.
      asked: labels per class, at least 1.
    """
    if asked < 1:
        raise InputError(f'labels_per_class is {asked}; give at least 1.')
    for label, count in found.items():
        if count < asked:
            raise InputError(
                f'class {label} has {count} training examples, but labels_per_class '
                f'asks for {asked}; ask for fewer or add examples.'
            )


def images(name: str, values: np.ndarray) -> None:
    """Refuses images that hold NaN, inf, or 0..255 integers kept as floats.

    Args:
      name: what the message calls them.
      values: [N, ...]; anything but floats passes.
    """
    if not np.issubdtype(values.dtype, np.floating) or not values.size:
        return
    high = finite(name, values)
    if high > 2 and np.array_equal(values, np.trunc(values)):
        raise InputError(
            f'{name} is {values.dtype} but holds whole numbers up to {high:g}; give it '
            'as uint8, or divide it by 255.'
        )


def finite(name: str, values: np.ndarray) -> float:
    """Refuses floats [N, ...] that hold NaN, inf, or what float32 makes inf of.

    Returns the largest.
    """
    # min and max are NaN if any value is: no copy of the array in the usual case.
    low, high = values.min(), values.max()
    most = np.finfo(np.float32).max
    if not -most <= low <= high <= most:
        whole = (np.abs(values) <= most).reshape(len(values), -1).all(axis=1)
        raise InputError(
            f'{name}[{np.argmin(whole)}] holds NaN or inf; mend or drop the '
            f'{np.sum(~whole)} rows that do.'
        )
    return float(high)


def same_kind(parts: Mapping[str, np.ndarray]) -> None:
    """Refuses arrays of one field that differ in shape (past the rows) or dtype."""
    (first, reference), *others = parts.items()
    for name, values in others:
        for what, found, expected in (
            ('shape', values.shape[1:], reference.shape[1:]),
            ('dtype', values.dtype, reference.dtype),
        ):
            if found != expected:
                raise InputError(
                    f'{name} has {what} {found} a row and {first} {expected}; bring '
                    'them to the same.'
                )


def rows(name: str, numbers: np.ndarray, size: int) -> None:
    """Refuses row numbers [n] that are none, or not rows of a source of ``size``."""
    if not len(numbers):
        raise InputError(f'{name} is empty; give it at least one row.')
    outside = (numbers < 0) | (numbers >= size)
    if outside.any():
        raise InputError(
            f'{name} names row {numbers[np.argmax(outside)]}, but the source has rows '
            f'0 to {size - 1}.'
        )


def batch(name: str, size: int) -> None:
    """Refuses a batch of no rows."""
    if size < 1:
        raise InputError(
            f'the {name!r} batch is {size} rows; choose a larger batch_size or ratio.'
        )
