"""What a teacher answered, kept: of which source, by which weights, over that source.

A method reads such answers with ``target_from='answers'`` or ``'top_answers'`` instead
of running the teacher at every step (``methods.distil``, ``methods.dho``)::

    found = cached.answers(source, rows, logits, teacher)
    cached.save('answers.npz', found)
    source = cached.over(source, cached.load('answers.npz'), teacher)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import InputError, PyTree
from ssljax.data.overlays import overlay
from ssljax.data.sources import Source
from ssljax.targets.top_answers import top_answers

FIELDS = ('teacher_logits', 'teacher_classes')
"""The columns that ``over`` puts over a source; the second of top answers alone."""
KEYS = ('source', 'teacher', 'index', FIELDS[0])


def fingerprint(variables: PyTree) -> str:
    """Returns SHA-256 of a network's arrays, their names and types, as hex."""
    found = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        array = np.asarray(leaf)
        name = f'{jax.tree_util.keystr(path)} {array.dtype} {array.shape}'
        found.update(name.encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def answers(
    source: Source, rows: np.ndarray, logits: np.ndarray, teacher: PyTree, top: int = 0
) -> dict[str, Any]:
    """Returns what ``save`` keeps: a dict of arrays and of two hashes.

    Args:
      source: that was answered.
      rows: [n] of it, none twice.
      logits: [n, C] float, on them as they are, without a view.
      teacher: its Variables.
      top: keeps the ``top`` surest classes (``targets.top_answers``); 0 keeps all.

    Raises:
      InputError: if ``top`` is no number of classes below C.
    """
    found: dict[str, Any] = {
        'source': source.fingerprint(),
        'teacher': fingerprint(teacher),
        'index': np.asarray(rows, np.int32),
        'teacher_logits': np.asarray(logits, np.float32),
    }
    if top:
        kept = top_answers(jnp.asarray(found['teacher_logits']), top)
        found |= dict(zip(FIELDS, map(np.asarray, kept), strict=True))
    return found


def over(
    source: Source, found: Mapping[str, Any], teacher: PyTree | None = None
) -> Source:
    """Returns the source with the answers as columns; other rows have none.

    Args:
      source: that was answered.
      found: as ``answers`` or ``load`` returns it.
      teacher: its Variables, to be sure that it is the one; None trusts the file.

    Raises:
      InputError: if the answers are of another source or of another teacher.
    """
    asked = [('source', source.fingerprint())]
    if teacher is not None:
        asked += [('teacher', fingerprint(teacher))]
    for what, own in asked:
        if str(found[what]) != own:
            raise InputError(
                f'The answers are of another {what}: it had the hash '
                f'{str(found[what])[:12]}, this one has {own[:12]}; let the teacher '
                'answer again.'
            )
    columns = {name: found[name] for name in FIELDS if name in found}
    return overlay(source, found['index'], columns)


def save(path: str | os.PathLike[str], found: Mapping[str, Any]) -> None:
    """Writes answers to an .npz, whole or not at all."""
    path = Path(path)
    beside = path.with_name(f'{path.name}.part')
    with open(beside, 'wb') as file:
        np.savez(file, allow_pickle=False, **found)
    os.replace(beside, path)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the answers of a file.

    Raises:
      InputError: if it is none that ``save`` wrote.
    """
    try:
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in (*KEYS, *FIELDS) if name in file}
    except Exception as error:
        raise InputError(f"answers {path} can't be read: {error}") from error
    if missing := [name for name in KEYS if name not in found]:
        raise InputError(
            f'answers {path} lacks {missing[0]!r}; give a file of data.cached.save.'
        )
    return found
