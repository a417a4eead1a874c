"""Checkpoints: arrays by orbax, whole or not counted.

::

    checkpoints/250/arrays/          by orbax
    checkpoints/250/checkpoint.json  what was saved, and every file's size and CRC-32

The JSON file is written last. What it lists is compared before anything is loaded, so
that a checkpoint that was cut short is named in a sentence and another one is used.
"""

from __future__ import annotations

import json
import shutil
import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import InputError, PyTree
from ssljax.train import writers

_INFO = 'checkpoint.json'


class Damaged(RuntimeError):
    """The files of a checkpoint are not those that were written."""


def leaves(tree: PyTree) -> dict[str, str]:
    """Returns the arrays of a tree by path: ``{".params['w']": 'float32[2, 3]'}``."""
    return {
        jax.tree_util.keystr(path): f'{leaf.dtype}{list(leaf.shape)}'
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def difference(stored: dict[str, str], given: dict[str, str]) -> str | None:
    """Says in what two results of ``leaves`` differ first; None if they do not."""
    for name in [*given, *stored]:
        if stored.get(name) != given.get(name):
            return (
                f'{name} was {stored.get(name, "not there")} and is now '
                f'{given.get(name, "not there")}'
            )
    return None


def save(folder: Path, tree: PyTree, info: dict[str, Any]) -> None:
    """Writes one checkpoint; returns once it is whole on disk.

    Args:
      folder: of this checkpoint; what lies there is replaced.
      tree: arrays; typed PRNG keys and empty arrays too.
      info: JSON-able, given back by ``load``.
    """
    from orbax.checkpoint import v1 as ocp

    remove(folder)
    folder.mkdir(parents=True)
    ocp.save(folder.absolute() / 'arrays', _arrays(tree))
    files = {
        file.relative_to(folder).as_posix(): _checksum(file)
        for file in sorted((folder / 'arrays').rglob('*'))
        if file.is_file()
    }
    writers.write_json(
        folder / _INFO, {'info': info, 'leaves': leaves(tree), 'files': files}
    )


def load(folder: Path, like: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """Reads one checkpoint.

    Args:
      folder: of this checkpoint.
      like: a tree of jax arrays with the structure, shapes and dtypes that are wanted;
        where it is committed to devices, the result is too.

    Returns:
      The tree, bit for bit as it was saved, and its ``info``.

    Raises:
      Damaged: if a file is missing or not as it was written.
      InputError: if the arrays are other ones than in ``like``.
    """
    from orbax.checkpoint import v1 as ocp

    written = _verified(folder)
    if message := difference(written['leaves'], leaves(like)):
        raise InputError(
            f'{folder} was saved by another method or network: {message}; use the same '
            'ones, or another folder.'
        )
    shapes = {name: np.empty(x.shape, x.dtype) for name, x in _arrays(like).items()}
    found = ocp.load(folder.absolute() / 'arrays', shapes)
    tree = jax.tree_util.tree_map_with_path(
        lambda path, leaf: _placed(found.get(jax.tree_util.keystr(path)), leaf), like
    )
    return tree, written['info']


def steps(folder: Path) -> list[int]:
    """Returns the steps that have a checkpoint, whole or not, ascending."""
    if not folder.exists():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def restore(
    folder: Path, candidates: Iterable[int], like: PyTree
) -> tuple[PyTree, dict[str, Any]] | None:
    """Loads the first of several checkpoints that is whole, and warns of the others.

    Args:
      folder: that holds the checkpoints, each under its step.
      candidates: steps, the preferred one first.
      like: as in ``load``.

    Returns:
      As ``load``; None if no candidate is whole.

    Raises:
      InputError: as ``load``.
    """
    skipped, found, using = [], None, ' No other is whole: starting from the beginning.'
    for step in candidates:
        try:
            found = load(folder / str(step), like)
        except Damaged as error:
            skipped.append(f'{folder / str(step)} is skipped: {error}.')
        else:
            using = f' Using {folder / str(step)}.'
            break
    if skipped:
        warnings.warn(' '.join(skipped) + using, stacklevel=2)
    return found


def prune(folder: Path, keep: Iterable[int]) -> None:
    """Deletes all checkpoints but those of the steps in ``keep``."""
    for step in set(steps(folder)) - set(keep):
        remove(folder / str(step))


def remove(folder: Path) -> None:
    """Deletes one checkpoint, if it is there."""
    # First of all it ceases to count.
    (folder / _INFO).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _verified(folder: Path) -> dict[str, Any]:
    """The checkpoint's JSON, after a look at every file that it lists."""
    try:
        written = json.loads((folder / _INFO).read_bytes())
    except OSError as error:
        raise Damaged(f'{_INFO} is missing, it was not finished') from error
    except ValueError as error:
        raise Damaged(f'{_INFO} is cut short') from error
    for name, checksum in written['files'].items():
        if not (folder / name).is_file():
            raise Damaged(f'{name} is missing')
        if _checksum(folder / name) != checksum:
            raise Damaged(f'{name} is not as it was written')
    return written


def _checksum(path: Path) -> list[int]:
    """[size in bytes, CRC-32]."""
    size = crc = 0
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            size, crc = size + len(block), zlib.crc32(block, crc)
    return [size, crc]


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _arrays(tree: PyTree) -> dict[str, Any]:
    """What orbax is given: plain arrays by path; it refuses those of size 0."""
    return {
        jax.tree_util.keystr(path): jax.random.key_data(x) if _is_key(x) else x
        for path, x in jax.tree_util.tree_leaves_with_path(tree)
        if x.size
    }


def _placed(value: np.ndarray | None, like: jax.Array) -> jax.Array:
    """The value as ``like`` is: a key if it is one, and on its devices."""
    if value is None:
        return like
    # Arrays that orbax itself places are committed to a device. Among uncommitted ones
    # they make jit compile the step twice, so only what was committed is again.
    array = jnp.array(value)
    if _is_key(like):
        array = jax.random.wrap_key_data(array, impl=jax.random.key_impl(like))
    return jax.device_put(array, like.sharding) if like.committed else array
