"""Scores the last checkpoint of a job, by every set of weights that it has.

::

    python -m experiments.evaluate --workdir=runs/digits/fixmatch-seed0
    python -m experiments.evaluate --workdir=... --data=mine.npz   # input and label

Prints one JSON object: ``test_accuracy`` is of the weights that the method ships,
``test_accuracy_student`` and ``test_accuracy_teacher`` of each.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from absl import flags

from experiments import build, items, launch
from ssljax.programs.job import scorer

_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a job of experiments.train.')
_METHOD = flags.DEFINE_string('method', None, 'That of the job, if a file has it.')
_DATA = flags.DEFINE_string(
    'data', None, 'An .npz with labels, instead of validation and test.'
)
flags.mark_flag_as_required('workdir')


def main() -> None:
    """Runs what the flags say."""
    job, method, state = build.trained(
        Path(_WORKDIR.value), scored=not _DATA.value, method=_METHOD.value
    )
    parts = [part for part in ('validation', 'test') if len(job.data.rows[part])]
    if _DATA.value:
        source = items.examples(_DATA.value, job.task, job.data.num_classes)
        rows = {'data': np.arange(len(source))}
        job = job._replace(data=job.data._replace(source=source, rows=rows))
        parts = ['data']
    scores = {}
    for part in parts:
        scores |= scorer(job, part)(method, state)
    print(json.dumps({'step': int(state.step), **scores}, indent=1))


if __name__ == '__main__':
    launch.run(main)
