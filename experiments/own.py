"""Methods of one's own: ``--method=path.py:name`` runs a file that the user wrote.

The file defines a builder, ``(network, optimizer, **options) -> Method``, as
``experiments/examples/agree.py`` does, and where it wants to, ``TRIAL``: how the
battery tries it (``learns``, ``options``, ``kind``; see tests/methods/test_battery.py).

Such a file is code. What the command line names is run; what a workdir names is run
only if the command line says it too (``allowed``): a folder may be a stranger's.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ssljax.contracts import InputError, Method
from ssljax.methods import catalogue
from ssljax.methods.catalogue import Row

CONFIG = 'experiments/configs/digits/fixmatch.py'
"""What a method of one's own is trained with, unless another is given."""


def of_file(method: str) -> bool:
    """Whether a method's name is that of a file: ``path.py:name``."""
    return '.py:' in method or method.endswith('.py')


def find(method: str) -> Row:
    """Returns the row of a method: of the catalogue, or one that a file makes.

    Raises:
      InputError: if there is none, see ``catalogue.find`` and ``builder``.
    """
    if not of_file(method):
        return catalogue.find(method)
    builder(method)  # what can't be used is refused before anything is written
    return Row(
        name=method,
        title=short(method),
        source=method.rpartition(':')[0],
        build=method,
        program='ssljax.programs.single:program',
        config=CONFIG,
        level='planned',
    )


def builder(method: str) -> Callable[..., Any]:
    """Returns the function that builds a method.

    Raises:
      InputError: if the file is not there, has no function of that name, or one that
        takes no optimizer.
    """
    if not of_file(method):
        return catalogue.resolve(catalogue.find(method).build)
    path, _, name = method.rpartition(':')
    module = _load(method)
    functions = [
        one for one, x in vars(module).items() if callable(x) and one[:1] != '_'
    ]
    found = getattr(module, name, None)
    if not callable(found):
        near = difflib.get_close_matches(name, functions, n=1)
        hint = f'; did you mean {near[0]!r}?' if near else '.'
        raise InputError(
            f'method is {method!r}, but {path} defines no function {name!r}{hint}'
        )
    return found


def built(build: Callable[..., Any], given: Mapping[str, Any]) -> Method:
    """Calls a builder with what the data, the run and the configuration give it.

    Raises:
      InputError: if it asks for something else, or makes no Method.
    """
    wanted = inspect.signature(build).parameters.values()
    by_name = [one for one in wanted if one.kind not in (one.VAR_KEYWORD,)]
    missing = [
        one.name
        for one in by_name
        if one.default is one.empty and one.name not in given
    ]
    if missing:
        raise InputError(
            f'{build.__name__} asks for {", ".join(missing)}, which neither the data '
            'nor the configuration give; give args a value, or the parameter a default.'
        )
    if 'optimizer' not in {one.name for one in wanted}:
        raise InputError(
            f'{build.__name__} takes no optimizer; a method is built by (network, '
            'optimizer, **options), as experiments/examples/agree.py shows.'
        )
    found = build(**given)
    if not isinstance(found, Method):
        raise InputError(
            f'{build.__name__} returned a {type(found).__name__}; a builder returns '
            'a ssljax.contracts.Method.'
        )
    return found


def trial(method: str) -> dict[str, Any]:
    """Returns how the battery tries a method of a file: its ``TRIAL``, {} for none."""
    return getattr(_load(method), 'TRIAL', {})


def short(method: str) -> str:
    """Returns the name alone, for folders and titles."""
    return method.rpartition(':')[2]


def allowed(method: str, said: str | None, where: str) -> None:
    """Refuses to run a file that only a workdir names.

    Args:
      method: that the workdir names.
      said: what ``--method`` says.
      where: the workdir.

    Raises:
      InputError: if they differ, and the method is of a file.
    """
    if of_file(method) and said != method:
        raise InputError(
            f'{where} was trained with a method of a file, {method!r}, which is code; '
            f'if you trust it, say --method={method} to run it.'
        )


def _load(method: str) -> ModuleType:
    path, _, name = method.rpartition(':')
    if not path or not name.isidentifier():
        raise InputError(f"method is {method!r}; give a file as 'path.py:name'.")
    if not Path(path).is_file():
        raise InputError(
            f'method is {method!r}, but there is no file {path}; the path begins where '
            'the command is started.'
        )
    return _module(Path(path).resolve())


@functools.cache
def _module(path: Path) -> ModuleType:
    """Runs a file once, so that its functions are the same ones wherever asked for."""
    name = f'own:{path}'
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
