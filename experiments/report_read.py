"""What a workdir tells without its data: configuration, scores, rows, findings."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from experiments import own, workdir
from ssljax.contracts import InputError
from ssljax.train import diagnosis
from ssljax.train.diagnosis import Finding

SCORES = ('accuracy', '-nme', '-mae', 'dice')
"""What a task is judged by; with a minus, the lower the better."""

ROOT = Path(__file__).parent.parent


PARTS = ('test_', 'validation_')
"""What names of scores begin with."""

NEEDED: Mapping[str, Any] = {
    **dict.fromkeys(('method', 'data'), str),
    **dict.fromkeys(('labels', 'steps', 'seed'), int),
    **{'wall_seconds': (int, float), 'devices': list},
    **dict.fromkeys(('split', 'versions'), dict),
}
"""What every summary has, and of which type."""


class Told(NamedTuple):
    """A job, as its folder has it."""

    name: str  # unique on the page
    folder: Path
    config: ConfigDict
    summary: dict[str, Any]  # {} of a job that is not finished
    units: dict[str, list[dict[str, Any]]]  # rows of each fit, by its name
    findings: list[tuple[str, Finding]]  # with the fit that they are of

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows of the fit that is drawn: the main one, else the last."""
        last = next(reversed(self.units.values()), [])
        return self.units.get('main', last)

    @property
    def judged(self) -> str:
        """What the job is judged by, as in ``SCORES``."""
        known = {*self.summary, *(name for row in self.rows for name in row)}
        for score in SCORES:
            name = score.removeprefix('-')
            if known & {f'test_{name}', f'validation_{name}'}:
                return score
        return SCORES[0]

    @property
    def best(self) -> str:
        """The score that watchers look at."""
        sign = '-' if self.judged.startswith('-') else ''
        return f'{sign}validation_{self.judged.removeprefix("-")}'

    @property
    def scored(self) -> tuple[str, float] | None:
        """The score of the shipped weights, by its name; None before the end."""
        for part in ('test', 'validation'):
            name = f'{part}_{self.judged.removeprefix("-")}'
            if self.summary.get(name) is not None:
                return name, self.summary[name]
        return None


def told(folder: Path, name: str) -> Told:
    """Reads a workdir.

    Raises:
      InputError: if the folder holds no job, or a file that a job did not write.
    """
    config = workdir.load_config(folder, whole=True)
    done = folder / 'summary.json'
    summary = summary_of(done) if done.exists() else {}
    found = Told(name, folder, config, summary, diagnosis.logged(folder), [])
    args = config.get('args', {})
    seen = diagnosis.of_folder(folder, settings=args, best=found.best)
    each = [(unit, one) for unit, findings in seen.items() for one in findings]
    return found._replace(findings=each)


def summary_of(path: Path) -> dict[str, Any]:
    """Reads what a job wrote at its end.

    Raises:
      InputError: if it is not what a job writes.
    """
    try:
        summary = workdir.read_json(path)
        known = all(isinstance(summary[name], kind) for name, kind in NEEDED.items())
        counts = [summary['split'][name] for name in ('test', 'unlabelled')]
        scores = [x for name, x in summary.items() if name.startswith(PARTS)]
        if known and all(
            isinstance(x, (int, float, NoneType)) for x in counts + scores
        ):
            return summary
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(f'{path} is no summary of a job: {error!r}.') from error
    raise InputError(f'{path} is no summary of a job: a field has another type.')


def named_apart(folders: list[Path]) -> list[str]:
    """Returns short names of folders: as much of the paths as tells them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ['/'.join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f'{folder.name} ({number})' for number, folder in enumerate(folders, 1)]


def command(config: ConfigDict) -> tuple[str, list[str]]:
    """Returns the command that trains a configuration, and the fields it can't give.

    It names the configuration of the method that is nearest, and what differs.

    Args:
      config: of a job.
    """
    fields = {**workdir.LATER, **workdir.flat(config)}

    def compared(path: str) -> tuple[list[str], list[str]]:
        module = importlib.import_module(path.removesuffix('.py').replace('/', '.'))
        base = workdir.flat(module.get_config().copy_and_resolve_references())
        base = {**workdir.LATER, **base}
        if mine:  # --method says it, and takes away the arguments of another
            base = {n: x for n, x in base.items() if not n.startswith('args.')}
            base['method'] = config.method
        changed = [n for n in base if n in fields and base[n] != fields[n]]
        # A flag sets no field that is not there, nor one that is None.
        lost = [
            *(base.keys() ^ fields.keys()),
            *(n for n in changed if base[n] is None),
        ]
        return sorted(set(changed) - set(lost)), sorted(lost)

    mine = own.of_file(config.method)
    usual = own.CONFIG if mine else own.find(config.method).config
    name = Path(usual).stem if mine else config.method
    files = (ROOT / 'experiments' / 'configs').glob(f'*/{name}.py')
    paths = {file.relative_to(ROOT).as_posix() for file in files}
    found = {x: compared(x) for x in sorted({*paths, usual})}
    path = min(found, key=lambda x: (len(found[x][1]), len(found[x][0])))
    changed, lost = found[path]
    words = ['python', '-m', 'experiments.train', f'--config={path}', '--workdir=...']
    words += [f'--method={config.method}'] if mine else []
    words += [f'--config.{name}={_typed(fields[name])}' for name in changed]
    first = shlex.join(words[:3])
    return ' \\\n  '.join([first, *map(shlex.quote, words[3:])]), lost


def interval(share: float, count: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share of ``count`` rows.

    Source: Wilson 1927.
    """
    z = 1.96
    centre = share + z * z / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2))
    scale = 1 + z * z / count
    return float((centre - half) / scale), float((centre + half) / scale)


def _typed(value: Any) -> str:
    """A value as a flag takes it: lists are tuples there."""
    if isinstance(value, list):
        return str(tuple(value)).replace(' ', '')
    return str(value)
