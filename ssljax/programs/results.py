"""The result of a unit in one file: an .npz of its arrays and of its structure.

No pickle: dicts with string keys, lists and tuples of arrays, numbers and strings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ssljax.contracts import InputError
from ssljax.train import writers


def save(path: Path, tree: Any, info: dict[str, Any]) -> None:
    """Writes a tree, whole or not at all, and what is JSON-able beside it.

    Raises:
      InputError: if it holds anything else than the module's docstring says.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps({'info': info, 'tree': _encoded(tree, arrays, 'the result')})
    with writers.replace(path) as file:
        named = {str(number): array for number, array in enumerate(arrays)}
        np.savez(file, allow_pickle=False, structure=np.array(text), **named)


def load(path: Path) -> tuple[Any, dict[str, Any]]:
    """Returns the tree and the info that ``save`` wrote; arrays are numpy arrays.

    Raises:
      InputError: if the file can't be read.
    """
    try:
        with open(path, 'rb') as opened, np.load(opened, allow_pickle=False) as file:
            stored = json.loads(str(file['structure']))
            return _decoded(stored['tree'], file), stored['info']
    except Exception as error:
        raise InputError(
            f"{path} can't be read ({error}); delete it to compute it anew."
        ) from error


def _encoded(tree: Any, arrays: list[np.ndarray], where: str) -> Any:
    """JSON of the structure; arrays are appended to ``arrays``."""
    if tree is None or type(tree) in (bool, int, float, str):
        return {'value': tree}
    if type(tree) is dict and all(type(key) is str for key in tree):
        return {
            'dict': {k: _encoded(v, arrays, f'{where}[{k!r}]') for k, v in tree.items()}
        }
    if type(tree) in (list, tuple):
        return {
            type(tree).__name__: [
                _encoded(v, arrays, f'{where}[{i}]') for i, v in enumerate(tree)
            ]
        }
    if isinstance(tree, (np.ndarray, np.generic, jax.Array)) and not (
        jax.dtypes.issubdtype(tree.dtype, jax.dtypes.prng_key) or tree.dtype == object
    ):
        array = np.asarray(tree)
        arrays.append(array)
        # npz forgets the names of bfloat16 and its kin.
        return {'array': len(arrays) - 1, 'dtype': array.dtype.name}
    raise InputError(
        f'{where} is a {type(tree).__name__}, which can not be stored; give dicts with '
        'string keys, lists and tuples of arrays, numbers and strings.'
    )


def _decoded(node: dict[str, Any], file: Any) -> Any:
    if 'array' in node:
        array = file[str(node['array'])]
        return array.view(node['dtype']) if array.dtype.kind == 'V' else array
    (kind, value), *_ = node.items()
    if kind == 'dict':
        return {name: _decoded(child, file) for name, child in value.items()}
    if kind in ('list', 'tuple'):
        children = [_decoded(child, file) for child in value]
        return tuple(children) if kind == 'tuple' else children
    return value
