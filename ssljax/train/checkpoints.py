"""Checkpoints: arrays by orbax, written behind the loop's back, whole or not counted.

::

    checkpoints/250/arrays/          by orbax
    checkpoints/250/checkpoint.json  what was saved, and every file's size and CRC-32

The JSON file is written last. What it lists is compared before anything is loaded, so
that a checkpoint that was cut short is named in a sentence and another one is used.

With several processes, all of them call ``save``, ``load`` and ``restore``, and see the
same files. Each writes and reads its own part of the arrays; the first one alone
verifies, writes the JSON file and deletes. What is loaded lies where it is wanted,
however many devices and processes it was written on.
"""

from __future__ import annotations

import copy
import json
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ssljax.contracts import InputError, PyTree
from ssljax.train import processes, writers

FORMAT = 1
"""Of the checkpoints that are written. The first ones, without a number, are 0; since 1
they may be of several processes. All are read."""

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


class Writer:
    """Saves one checkpoint at a time, while the steps go on.

    ::

        with Writer() as writer:
            ...
            writer.save(folder, state, info)  # soon returns; state may be donated
            ...

    What its thread writes is whole once the next ``save``, a ``wait`` or the end of the
    block is reached; an error of it is raised there. If the block ends by another
    error, what was begun is still written. A process that dies leaves nothing that
    counts.

    With several processes these three are collectives, made in the main threads. The
    writing threads meet only at the barriers of jax's coordination service, as a
    collective of theirs could meet one of a step.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, 'checkpoint')
        self._writing: Future[None] | None = None

    def save(
        self,
        folder: Path,
        tree: PyTree,
        info: dict[str, Any],
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Begins to write a checkpoint; returns when the arrays are in host memory.

        Args:
          folder: of this checkpoint; what lies there is replaced.
          tree: arrays; typed PRNG keys and empty arrays too.
          info: JSON-able, given back by ``load``.
          then: called in the thread of the first process once the checkpoint is whole,
            to prune older ones.

        Raises:
          Exception: as ``wait``, of the save before, and nothing is begun.
        """
        from orbax.checkpoint import v1 as ocp

        self.wait()
        if processes.first():
            remove(folder)
            folder.mkdir(parents=True)
        # On CPU these are views of the device's buffers, which it does not reuse while
        # there are views of them; tests/train/test_writer.py would tell.
        arrays = ocp.save_async(folder.absolute() / 'arrays', _arrays(tree))
        content = {
            'format': FORMAT,
            'info': copy.deepcopy(info),
            'leaves': leaves(tree),
        }

        def write() -> None:
            arrays.result()  # in every process, once all have written
            if processes.first():
                files = _checksums(folder, _files(folder))
                writers.write_json(folder / _INFO, content | {'files': files})
                then()

        self._writing = self._pool.submit(write)

    def wait(self) -> None:
        """Returns once what was begun is whole.

        Raises:
          Exception: what the thread raised: there was no space on the disk, or ``then``
            failed.
        """
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        error = writing.exception()
        failed = processes.anywhere(error is not None)
        if error is not None:
            raise error
        if failed:
            raise RuntimeError('Another process could not save its part.')

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        try:
            if error is None:
                self.wait()
            elif self._writing and (second := self._writing.exception()):
                error.add_note(f'Nor could the last checkpoint be saved: {second!r}')
        finally:
            self._pool.shutdown()


def save(folder: Path, tree: PyTree, info: dict[str, Any]) -> None:
    """Writes one checkpoint, as ``Writer.save``; returns once it is whole on disk."""
    with Writer() as writer:
        writer.save(folder, tree, info)


def load(folder: Path, like: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """Reads one checkpoint.

    Args:
      folder: of this checkpoint.
      like: a tree of jax arrays or ShapeDtypeStructs with the structure, shapes and
        dtypes that are wanted. An array that is committed to devices, or a struct with
        a sharding, says where the result is put; it is read right into its place.

    Returns:
      The tree, bit for bit as it was saved, and its ``info``.

    Raises:
      Damaged: if a file is missing or not as it was written.
      InputError: if the arrays are other ones than in ``like``, or were written by a
        newer ssljax.
    """
    return _read(folder, processes.decided(lambda: _verified(folder)), like)


def _read(
    folder: Path, written: dict[str, Any], like: PyTree
) -> tuple[PyTree, dict[str, Any]]:
    """What ``load`` returns, of files that are whole."""
    from orbax.checkpoint import v1 as ocp

    if message := difference(written['leaves'], leaves(like)):
        raise InputError(
            f'{folder} was saved by another method or network: {message}; use the same '
            'ones, or another folder.'
        )
    wanted = {
        jax.tree_util.keystr(path): _wanted(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(like)
        if leaf.size
    }
    try:
        found = ocp.load(folder.absolute() / 'arrays', wanted)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{folder} holds arrays that can not be read, though nothing was lost of '
            f'its files: {str(error).splitlines()[0]}; delete it.'
        ) from error
    tree = jax.tree_util.tree_map_with_path(
        lambda path, leaf: _placed(found.get(jax.tree_util.keystr(path)), leaf), like
    )
    return tree, written['info']


def steps(folder: Path) -> list[int]:
    """Returns the steps that have a checkpoint, whole or not, ascending.

    As this process sees them; with several, ``restore`` goes by what the first one saw.
    """
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
    step, written, message = processes.decided(lambda: _chosen(folder, candidates))
    if message and processes.first():
        warnings.warn(message, stacklevel=2)
    return None if step is None else _read(folder / str(step), written, like)


def _chosen(
    folder: Path, candidates: Iterable[int]
) -> tuple[int | None, dict[str, Any], str]:
    """The first step that is whole, its JSON, and what is to be said of those before.

    The step is None if there is no such.
    """
    skipped, found, written = [], None, {}
    using = ' No other is whole: starting from the beginning.'
    for step in candidates:
        try:
            written = _verified(folder / str(step))
        except Damaged as error:
            skipped.append(f'{folder / str(step)} is skipped: {error}.')
        else:
            found, using = step, f' Using {folder / str(step)}.'
            break
    return found, written, ' '.join(skipped) + using if skipped else ''


def prune(folder: Path, keep: Iterable[int]) -> None:
    """Deletes all checkpoints but those of the steps in ``keep``.

    No collective: of several processes the first one acts, and the others return.
    """
    for step in set(steps(folder)) - set(keep):
        remove(folder / str(step))


def remove(folder: Path) -> None:
    """Deletes one checkpoint, if it is there; of several processes the first does."""
    if not processes.first():
        return
    # First of all it ceases to count.
    (folder / _INFO).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _verified(folder: Path) -> dict[str, Any]:
    """The checkpoint's JSON, after a look at every file that it lists."""
    try:
        written = json.loads((folder / _INFO).read_bytes())
    except OSError as error:
        raise Damaged(f'{_INFO} is missing, it was not finished') from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f'{_INFO} is cut short') from error
    if not isinstance(written, dict) or not all(
        isinstance(written.get(name), dict) for name in ('files', 'leaves', 'info')
    ):
        raise Damaged(f'{_INFO} is not as it was written')
    if (number := written.get('format', 0)) > FORMAT:
        raise InputError(
            f'{folder} was written by a newer ssljax, format {number}; this one reads '
            f'up to {FORMAT}: update ssljax, or use another folder.'
        )
    for name in written['files']:
        if not (folder / name).is_file():
            raise Damaged(f'{name} is missing')
    found = _checksums(folder, written['files'])
    for name, checksum in written['files'].items():
        if found[name] != checksum:
            raise Damaged(f'{name} is not as it was written')
    return written


def _files(folder: Path) -> list[str]:
    """The files that orbax wrote, by their path in the folder."""
    files = sorted((folder / 'arrays').rglob('*'))
    return [file.relative_to(folder).as_posix() for file in files if file.is_file()]


def _checksums(folder: Path, names: Iterable[str]) -> dict[str, list[int]]:
    """Reads files in parallel: a processor gets through less than a disk gives."""
    names = list(names)
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda name: _checksum(folder / name), names)
        return dict(zip(names, found, strict=True))


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
        jax.tree_util.keystr(path): _shared(
            jax.random.key_data(leaf) if _is_key(leaf) else leaf
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        if leaf.size
    }


def _shared(array: Any) -> Any:
    """What every process has a copy of, as orbax takes it: the first one writes it."""
    if jax.process_count() > 1 and array.is_fully_addressable:
        return np.asarray(array)
    return array


def _sharding(leaf: Any) -> Any:
    """Where a leaf is to lie; None if that is left open."""
    if isinstance(leaf, jax.ShapeDtypeStruct) or leaf.committed:
        return leaf.sharding
    return None


def _data(leaf: Any) -> Any:
    """Shape and dtype of what is stored of a leaf."""
    return jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf


def _wanted(leaf: Any) -> Any:
    """What orbax is to read a leaf as."""
    data, sharding = _data(leaf), _sharding(leaf)
    if sharding is None:
        # An array that orbax itself makes is committed to a device. Among uncommitted
        # ones it makes jit compile the step twice.
        return np.empty(data.shape, data.dtype)
    return jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=sharding)


def _placed(value: Any, like: Any) -> jax.Array:
    """The value that was read, as ``like`` is: a key if it is one, and on its devices.

    Args:
      value: as ``_wanted``, None of what has no elements.
      like: a leaf.
    """
    if value is None:
        data = _data(like)
        value = np.empty(data.shape, data.dtype)
    array = value if isinstance(value, jax.Array) else jnp.array(value)
    if _is_key(like):
        impl = jax.random.key_impl(jnp.empty((), like.dtype))
        array = jax.random.wrap_key_data(array, impl=impl)
    sharding = _sharding(like)
    return array if sharding is None else jax.device_put(array, sharding)
