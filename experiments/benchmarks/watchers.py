"""Whether the watchers are silent where nothing is wrong.

    C=experiments/configs/digits
    python -m experiments.compare --run --seeds=0,1,2 --out=scratch/watchers \
        --cell=supervised=$C/supervised.py --cell=fixmatch=$C/fixmatch.py \
        --cell=mean_teacher=$C/mean_teacher.py --cell=flexmatch=$C/flexmatch.py \
        --cell=pi_model=$C/pi_model.py
    S='steps=400 networks.network.channels=(8,16) log_every=10 eval_every=50'
    python -m experiments.compare --run --seeds=0,1,2 --out=scratch/short \
        --cell="fixmatch=$C/fixmatch.py $S" --cell="softmatch=$C/softmatch.py $S" \
        --cell="mean_teacher=$C/mean_teacher.py $S" \
        --cell="pseudo_label=$C/pseudo_label.py $S" \
        --cell="freematch=$C/freematch.py $S"
    python -m experiments.benchmarks.watchers --runs=runs/compare/watchers \
        --runs=runs/compare/short  # and any other comparison's

Writes what ``ssljax.train.diagnosis`` finds in the log of each finished run, with the
score that says whether the run is healthy, and ends with status 1 if it finds anything.
On 72 of 74 runs, of digits, CIFAR-10 and masks, they were silent; the two are an
ablation at 10 labels, CoMatch without its graph, where no pseudo-label passed in any
logged step. That watchers speak where something is wrong is shown by
tests/train/test_diagnosis.py, on rows, and tests/experiments/test_findings.py, on
trainings.
"""

from __future__ import annotations

import sys
from pathlib import Path

from absl import app, flags

from experiments import report_read
from experiments.machine import describe
from ssljax.train import writers

RUNS = flags.DEFINE_multi_string('runs', [], 'Folders of workdirs.')
OUT = flags.DEFINE_string('out', 'experiments/results/watchers.json', 'Result file.')


def main(_):
    """Reads, prints and writes."""
    runs = {}
    folders = [Path(folder) for folder in RUNS.value]
    for summary in sorted(x for f in folders for x in f.glob('*/summary.json')):
        job = report_read.told(summary.parent, summary.parent.name)
        network = job.config.networks.network.to_dict()
        runs[f'{summary.parents[1].name}/{job.name}'] = {
            'network': network,
            'steps': job.summary['steps'],
            'rows': len(job.rows),
            'watched': sorted({name for row in job.rows for name in row} & WATCHED),
            job.scored[0]: job.scored[1],
            'findings': [one._asdict() for _, one in job.findings],
        }
    spoke = [name for name, run in runs.items() if run['findings']]
    found = {
        'what': 'findings of the watchers in the logs of healthy runs',
        'silent': len(runs) - len(spoke),
        'spoke': spoke,
        'runs': runs,
        **describe(),
    }
    Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(Path(OUT.value), found)
    print(f'silent on {found["silent"]} of {len(runs)} runs', *spoke)
    sys.exit(bool(spoke or not runs))


WATCHED = {
    'utilisation',
    'targets/largest_class',
    'teacher/distance',
    'labels/accuracy',
    'loss/consistency',
    'validation_accuracy',
}
"""What watchers look at, where a method logs it."""

if __name__ == '__main__':
    app.run(main)
