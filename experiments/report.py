"""Writes one page of HTML about one or several jobs: what came out, and why.

::

    python -m experiments.report --workdir=runs/digits/fixmatch-seed0
    python -m experiments.report --workdir=runs/a --workdir=runs/b --out=both.html

The verdict first, then what may be wrong and what to try (``ssljax.train.diagnosis``),
curves, what the network answers and where it is wrong, and what was run, with the
command that repeats it. Jobs stand side by side. Everything is inside the page, which
runs no script. The data of a job are read to draw its answers; a job whose data or
checkpoint are gone is shown without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from experiments import launch
from ssljax.contracts import InputError
from ssljax.train import writers

_WORKDIR = flags.DEFINE_multi_string(
    'workdir', [], 'Folders of jobs of experiments.train, side by side.'
)
_METHOD = flags.DEFINE_multi_string('method', [], 'Those of the jobs that files have.')
_OUT = flags.DEFINE_string('out', 'report.html', 'The page to write.')


def main() -> None:
    """Runs what the flags say."""
    if not _WORKDIR.value:
        raise InputError('Give --workdir=<folder of experiments.train> at least once.')
    folders = [Path(folder) for folder in _WORKDIR.value]
    write(folders, Path(_OUT.value), _METHOD.value)


def write(folders: list[Path], out: Path, methods: Sequence[str] = ()) -> None:
    """Writes the page of jobs, side by side.

    Args:
      folders: their workdirs.
      out: the page.
      methods: of files, which may be run.

    Raises:
      InputError: if a folder holds no job, or the page can not be written.
    """
    # Imported late: what is refused should not wait for flax and orbax.
    from experiments import report_answers, report_read, report_sections

    names = report_read.named_apart(folders)
    jobs = [
        report_read.told(folder, name)
        for folder, name in zip(folders, names, strict=True)
    ]
    looks: list[report_answers.Seen | str] = []
    for job in jobs:
        try:
            looks.append(report_answers.look(job, methods))
        except InputError as error:
            looks.append(f'What it answers can not be shown: {error}')
    page = report_sections.page(jobs, looks)
    try:
        with writers.replace(out) as file:
            file.write(page.encode(errors='backslashreplace'))
    except OSError as error:
        raise InputError(f'out {out} can not be written: {error}') from error
    print(f'Report of {len(jobs)} job{"s" * (len(jobs) > 1)} in {out}')


if __name__ == '__main__':
    launch.run(main)
