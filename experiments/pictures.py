"""Draws what a job's network answers: landmarks on their pictures, and how far off.

::

    python -m experiments.pictures --workdir=runs/faces/trs-seed0 [--part=validation]

Writes into ``<workdir>/pictures``, of the test part unless another is named: of
landmarks ``overlays.png``, the worst frames first, then frames of all ranks (true
places as rings, answers as dots), and ``errors.png``, the share of frames below each
error, by every set of weights; of counts ``overlays.png``, densities over pictures, and
``counts.png``, found against true; of masks ``overlays.png``, the worst cases first,
then cases of all ranks (true outlines and found ones, of a volume its fullest slice),
and ``cases.csv``, the scores of each case and class by every set of weights.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from experiments import build, drawings, launch, masks
from ssljax.contracts import InputError
from ssljax.data import checks

_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a job of experiments.train.')
_METHOD = flags.DEFINE_string('method', None, 'That of the job, if a file has it.')
_PART = flags.DEFINE_string('part', 'test', 'Or validation.')
_COUNT = flags.DEFINE_integer('count', 12, 'Pictures of a kind.')
flags.mark_flag_as_required('workdir')


def main() -> None:
    """Runs what the flags say."""
    job, method, state = build.trained(
        Path(_WORKDIR.value), scored=True, method=_METHOD.value
    )
    checks.known('part', _PART.value, job.data.rows)
    if _COUNT.value < 1:
        raise InputError(f'count is {_COUNT.value}; give a number above 0.')
    out = Path(_WORKDIR.value) / 'pictures'
    rows = job.data.rows[_PART.value]
    if not len(rows):
        raise InputError(
            f'part {_PART.value} of {_WORKDIR.value} has no rows; give another --part.'
        )
    found = {
        who: drawings.answered(job, method, state, who, rows) for who in method.answers
    }
    out.mkdir(exist_ok=True)
    if 'nme' in job.task.metrics:
        errors = {who: rows['errors'] for who, rows in found.items()}
        drawings.curves(out / 'errors.png', errors)
        drawings.faces(out / 'overlays.png', found[method.ship], _COUNT.value)
    elif 'count' in found[method.ship]:
        drawings.counts(out / 'counts.png', found)
        drawings.densities(out / 'overlays.png', found[method.ship], _COUNT.value)
    elif 'overlap' in job.task.metrics:
        classes = job.data.classes
        for one in found.values():
            one['scores'] = masks.scored(job.task, one)
            one['name'] = [job.data.source.name(int(row)) for row in rows]
        masks.table(out / 'cases.csv', found, classes)
        drawings.outlines(out / 'overlays.png', found[method.ship], _COUNT.value)
    else:
        raise InputError(
            f'{_WORKDIR.value} answers neither landmarks, counts nor masks; there is '
            'nothing to draw.'
        )
    print(f'Pictures of {_PART.value} in {out}')


if __name__ == '__main__':
    launch.run(main)
