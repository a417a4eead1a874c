"""The folder of one job: its configuration, its summary, and who may go on in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ssljax.contracts import InputError

FREE = ('log_every', 'eval_every', 'checkpoint_every', 'tensorboard')
"""Fields that may change between a run and its continuation."""


def claim(folder: Path, config: ConfigDict, *, overwrite: bool) -> None:
    """Makes the folder ready for a job of this configuration, new or continued.

    Raises:
      InputError: if it holds a job of another configuration, naming the fields and both
        values, or files that are no job at all.
    """
    wanted = flat(config)
    path = folder / 'config.json'
    if folder.exists() and any(folder.iterdir()):
        if not path.exists():
            raise InputError(
                f'workdir {folder} is not empty and holds no config.json; choose '
                'another folder.'
            )
        if overwrite:
            shutil.rmtree(folder)
        else:
            differ = differences(_flatten(read_json(path)), wanted)
            if differ:
                raise InputError(
                    f'workdir {folder} holds a job with another configuration: '
                    f'{"; ".join(differ)}. Give another --workdir, the same '
                    'configuration to continue, or --overwrite.'
                )
    folder.mkdir(parents=True, exist_ok=True)
    write(path, json.loads(config.to_json()))


def load_config(folder: Path) -> ConfigDict:
    """Returns the configuration that a workdir was made with.

    Raises:
      InputError: if there is none.
    """
    path = folder / 'config.json'
    if not path.exists():
        raise InputError(
            f'workdir {folder} has no config.json; give the --workdir of a job of '
            'experiments.train.'
        )
    return ConfigDict(read_json(path))


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Returns 'field: old -> new' for each that differs and may not."""
    return [
        f'{name}: {old.get(name)!r} there, {new.get(name)!r} now'
        for name in sorted(old.keys() | new.keys())
        if name not in FREE and old.get(name) != new.get(name)
    ]


def flat(config: ConfigDict) -> dict[str, Any]:
    """Returns {'optimizer.lr': ...}, values as JSON gives them back."""
    return _flatten(json.loads(config.to_json()))


def read_json(path: Path) -> Any:
    """Returns what ``write`` wrote."""
    return json.loads(path.read_text())


def write(path: Path, content: Any) -> None:
    """Writes JSON so that a reader never sees half of it."""
    part = path.with_suffix('.part')
    part.write_text(json.dumps(content, indent=2) + '\n')
    part.replace(path)


def _flatten(tree: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    found = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= _flatten(value, f'{prefix}{name}.')
        else:
            found[f'{prefix}{name}'] = value
    return found
