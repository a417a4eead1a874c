"""The folder of one job: its configuration, its summary, and who may go on in it."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ssljax.contracts import InputError
from ssljax.train import writers

FREE = (
    'log_every',
    'eval_every',
    'checkpoint_every',
    'tensorboard',
    'feed.workers',
    'mesh.devices',
    'mesh.fsdp',
    'mesh.model',
    'mesh.rules',
    'dispatch',
)
"""Fields that may change between a run and its continuation."""

LATER = {'precision': 'float32', 'accumulate': 1, 'partition': 'auto'}
"""Fields that configurations of older jobs lack, with what these jobs do."""


_NUMBER = (int, float)
FIELDS: dict[str, Any] = {
    **dict.fromkeys(('method', 'data', 'split'), str),
    **dict.fromkeys(('seed', 'steps', 'batch_size', 'eval_batch_size'), int),
    **dict.fromkeys(('log_every', 'eval_every', 'checkpoint_every'), int),
    **dict.fromkeys(('labels_per_class', 'ramp', 'ema'), _NUMBER),
    **dict.fromkeys(('args', 'networks', 'views', 'optimizer'), dict),
}
"""What every configuration has, and of which type."""


def claim(folder: Path, config: ConfigDict, *, overwrite: bool) -> None:
    """Makes the folder ready for a job of this configuration, new or continued.

    Args:
      folder: of the job.
      config: of the job.
      overwrite: deletes a job of another configuration; one of the same goes on.

    Raises:
      InputError: if it holds a job of another configuration, naming the fields and both
        values, or files that are no job at all.
    """
    path = folder / 'config.json'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A crash may have left the half of a first config.json.
        used = any(file.suffix != '.part' for file in folder.iterdir())
        if used and not path.exists():
            raise InputError(
                f'workdir {folder} is not empty and holds no config.json; choose '
                'another folder.'
            )
        old = flat(load_config(folder)) if used else {}
        differ = differences(old, flat(config)) if used else []
        if differ and not overwrite and begun(folder):
            raise InputError(
                f'workdir {folder} holds a job with another configuration: '
                f'{"; ".join(differ)}. Give another --workdir, the same configuration '
                'to continue, or --overwrite.'
            )
        if differ and overwrite:
            shutil.rmtree(folder)
            folder.mkdir()
        writers.write_json(path, json.loads(config.to_json()))
    except OSError as error:
        raise InputError(f'workdir {folder} can not be used: {error}.') from error


def pin(folder: Path, data: dict[str, Any]) -> None:
    """Keeps what identifies the data of a job, and refuses to go on with others.

    Args:
      folder: of the job.
      data: 'hash' and 'classes', or one of them; for JSON.

    Raises:
      InputError: if the job was begun with other data.
    """
    path = folder / 'data.json'
    if path.exists() and begun(folder):
        kept = read_json(path)
        changed = [name for name in data if kept[name] != data[name]]
        if changed:
            raise InputError(
                f'workdir {folder} was begun with other data, their '
                f'{" and ".join(changed)} differ: put back the files and labels, or '
                'give another --workdir.'
            )
    elif 'hash' in data:
        writers.write_json(path, data)


def begun(folder: Path) -> bool:
    """Whether a job made so much as a step, which another one must not go on from.

    One that was refused, because of its data say, may be tried again with other fields.
    """
    kept = {'checkpoint.json', 'record.json', 'result.npz', 'summary.json'}
    return any(
        file.name in kept or (file.name == 'metrics.jsonl' and file.stat().st_size)
        for file in folder.rglob('*')
    )


@contextlib.contextmanager
def stopwatch(folder: Path) -> Iterator[Callable[[], float]]:
    """Yields ``() -> seconds``: how long the job took, over all its processes.

    A process that was killed counts up to the last file that it wrote.
    """
    path = folder / 'wall.json'
    before = 0.0
    if path.exists():
        stored = read_json(path)
        before = stored['seconds']
        if stored['since']:
            files = (file.stat().st_mtime for file in folder.rglob('*'))
            before += max(0.0, max(files) - stored['since'])
    since = time.time()

    def seconds():
        return before + time.time() - since

    writers.write_json(path, {'seconds': before, 'since': since})
    try:
        yield seconds
    finally:
        writers.write_json(path, {'seconds': seconds(), 'since': None})


def spent(folder: Path, seconds: float) -> None:
    """Keeps what a job took elsewhere, for the stopwatch to begin with."""
    writers.write_json(folder / 'wall.json', {'seconds': seconds, 'since': None})


def load_config(folder: Path, *, whole: bool = False) -> ConfigDict:
    """Returns the configuration that a workdir was made with.

    Args:
      folder: of the job.
      whole: whether it must have all of ``FIELDS``, to be run.

    Raises:
      InputError: if there is none, or one that no job writes.
    """
    path = folder / 'config.json'
    try:
        config = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f'workdir {folder} has no readable config.json; give the --workdir of a '
            'job of experiments.train.'
        ) from error
    if not isinstance(config, dict) or 'method' not in config:
        raise InputError(f'{path} is no configuration of a job; give another folder.')
    for name, kind in FIELDS.items() if whole else ():
        if not isinstance(config.get(name), kind):
            raise InputError(
                f'{path} has {name} {config.get(name)!r}, which no job writes; put '
                'back what it was, or give another folder.'
            )
    return ConfigDict(config)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Returns 'field: old there, new now' for each that differs and may not."""
    old, new = {**LATER, **old}, {**LATER, **new}
    return [
        f'{name}: {old.get(name)!r} there, {new.get(name)!r} now'
        for name in sorted(old.keys() | new.keys())
        if name not in FREE and old.get(name) != new.get(name)
    ]


def flat(config: ConfigDict) -> dict[str, Any]:
    """Returns {'optimizer.lr': ...}, values as JSON gives them back."""
    return _flatten(json.loads(config.to_json()))


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file."""
    return json.loads(path.read_text())


def _flatten(tree: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    found = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= _flatten(value, f'{prefix}{name}.')
        else:
            found[f'{prefix}{name}'] = value
    return found
