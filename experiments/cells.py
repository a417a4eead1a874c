"""The cells of a comparison: what each is, what trains it, where its result lies."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import launch, machine, workdir
from ssljax.contracts import InputError
from ssljax.train import writers


class Cell(NamedTuple):
    """One configuration of the comparison."""

    label: str
    config: str  # path of a configuration
    fields: tuple[str, ...]  # 'field=value'

    def arguments(self, seed: int) -> list[str]:
        """The flags of ``experiments.train`` that say what is trained."""
        fields = [f'--config.{field}' for field in self.fields]
        return [f'--config={self.config}', *fields, f'--config.seed={seed}']

    def name(self, seed: int) -> str:
        """A file's name."""
        return f'{re.sub(r"[^A-Za-z0-9_.-]+", "-", self.label)}-seed{seed}'


def parse(text: str) -> Cell:
    """Reads one --cell."""
    label, _, rest = text.partition('=')
    path, *fields = shlex.split(rest) or ['']
    bad = [field for field in fields if '=' not in field]
    if not label.strip() or not path or bad:
        raise InputError(
            f"cell is {text!r}; give 'label=path/to/config.py field=value ...'."
        )
    return Cell(label.strip(), path, tuple(fields))


def folder(cell: Cell, seed: int, out: Path) -> Path:
    """The workdir of a cell, ignored by git."""
    return Path('runs') / 'compare' / out.name / cell.name(seed)


def group(cell: Cell, seeds: Sequence[int], out: Path) -> Path:
    """The workdir of several seeds that are trained at once, until they are done."""
    name = f'{cell.name(seeds[0])}-{"-".join(map(str, seeds[1:]))}'
    return Path('runs') / 'compare' / out.name / name


def command(cell: Cell, seed: int, out: Path) -> list[str]:
    """What trains a cell."""
    where = f'--workdir={folder(cell, seed, out)}'
    return [sys.executable, '-m', 'experiments.train', *cell.arguments(seed), where]


def configuration(cell: Cell, seed: int) -> ConfigDict:
    """The configuration of a cell, its fields applied."""
    values = flags.FlagValues()
    argv = ['train', *cell.arguments(seed)]
    config = config_flags.DEFINE_config_file(
        'config', None, flag_values=values, sys_argv=argv
    )
    try:
        launch.read(values, argv)
    except InputError as error:
        raise InputError(f'cell {cell.label!r}: {error}') from error
    return config.value


def job(cell: Cell, seed: int, out: Path) -> tuple[ConfigDict, Path]:
    """Returns what ``jobs.train`` takes."""
    config = configuration(cell, seed).copy_and_resolve_references()
    return config, folder(cell, seed, out)


def collect(cell: Cell, seed: int, out: Path) -> dict[str, Any] | None:
    """Returns the result of a cell, from its file or from its finished workdir.

    Raises:
      InputError: if the file holds the result of another configuration.
    """
    config = workdir.flat(configuration(cell, seed))
    file = out / 'cells' / f'{cell.name(seed)}.json'
    if file.exists():
        result = workdir.read_json(file)
        differ = workdir.differences(result['config'], config)
        if differ:
            raise InputError(
                f'{file} holds another configuration: {"; ".join(differ)}. Delete it '
                'or give another --out.'
            )
        return result
    done = folder(cell, seed, out) / 'summary.json'
    if not done.exists():
        return None
    there = workdir.flat(workdir.load_config(done.parent))
    if workdir.differences(there, config):
        return None  # of an earlier comparison; train refuses to go on in it
    file.parent.mkdir(parents=True, exist_ok=True)
    result = {
        'label': cell.label,
        'seed': seed,
        'command': shown(cell, seed, out),
        'machine': {'processor': machine.processor(), 'cores': os.cpu_count()},
        'summary': workdir.read_json(done),
        'config': config,
    }
    writers.write_json(file, result)
    return result


def shown(cell: Cell, seed: int, out: Path) -> str:
    """The command as one types it."""
    return shlex.join(['python', *command(cell, seed, out)[1:]])
