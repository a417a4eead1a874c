"""What a new user waits for: from a clone to predictions for pictures of one's own.

    python -m experiments.benchmarks.new_user
    python -m experiments.benchmarks.new_user --steps=200  # of each training

README's commands, word for word, in a new folder with a new environment and empty
caches: the clone, the install, the first run, and then a folder of 60 pictures, 20 of
them with a class, to a table of predictions and a report. It prints the seconds of each
phase, and ends with status 1 where one fails or a picture has no prediction.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags

from experiments.machine import describe
from ssljax.train import writers

REPOSITORY = flags.DEFINE_string('repository', '.', 'What is cloned: a path or an URL.')
STEPS = flags.DEFINE_integer('steps', None, "Of each training; default README's.")
OUT = flags.DEFINE_string('out', 'experiments/results/new_user.json', 'Result file.')

PICTURES, KNOWN = 60, 20
CLASSES = ('cat', 'dog')


def block(readme: str, marker: str) -> str:
    """Returns the fenced block of README that follows ``<!-- marker -->``."""
    found = re.search(rf'<!-- {marker} -->\s*```\w*\n(.*?)```', readme, re.DOTALL)
    assert found, f'README has no block marked {marker}'
    return found[1].strip()


def photograph(folder: Path) -> dict[str, str]:
    """Draws pictures, reddish cats and bluish dogs, and a table of some.

    Returns:
      The class of each, by its name.
    """
    from PIL import Image

    folder.mkdir()
    random, truth = np.random.default_rng(0), {}
    for i in range(PICTURES):
        pixels = random.integers(0, 160, (40, 48, 3), np.uint8)
        pixels[8:32, 8:40, 2 * (i % 2)] += 90
        Image.fromarray(pixels).save(folder / f'{i:02}.png')
        truth[f'{i:02}.png'] = CLASSES[i % 2]
    lines = [f'{name},{label}' for name, label in list(truth.items())[:KNOWN]]
    (folder / 'labels.csv').write_text('\n'.join(['path,label', *lines, '']))
    return truth


def shorter(command: str) -> str:
    """A training's command with fewer steps, if they are asked for."""
    if STEPS.value is None or 'experiments.train' not in command:
        return command
    return f'{command} --config.steps={STEPS.value}'


def main(_):
    """Measures, prints and writes."""
    source = REPOSITORY.value
    if Path(source).exists():
        source = str(Path(source).resolve())
    seconds, phases = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / 'ssljax'
        environment = {
            **{k: x for k, x in os.environ.items() if not k.startswith('PYTHON')},
            'XDG_CACHE_HOME': f'{scratch}/cache',
        }

        def phase(name: str, command: str, where: Path = home) -> None:
            phases[name] = command
            start = time.perf_counter()
            done = subprocess.run(command, shell=True, cwd=where, env=environment)
            seconds[name] = round(time.perf_counter() - start, 1)
            print(f'{name}: {seconds[name]} s', flush=True)
            if done.returncode:
                sys.exit(f'{name} failed: {command}')

        phase('clone', f'git clone -q {source} ssljax', Path(scratch))
        readme = (home / 'README.md').read_text()
        make, install, first = block(readme, 'command: train').split(' && ')
        phase('environment', make)
        phase('install', install)
        phase('first run', shorter(first))
        truth = photograph(home / 'photos')
        train, predict = (
            f'.venv/bin/{line}' for line in block(readme, 'own: commands').splitlines()
        )
        phase('own pictures: train', shorter(train))
        phase('own pictures: predict', predict)
        report = '.venv/bin/python -m experiments.report --workdir=runs/photos'
        phase('own pictures: report', report)
        with open(home / 'predictions.csv', newline='') as file:
            said = {row['path']: row['label'] for row in csv.DictReader(file)}
    if said.keys() != truth.keys():
        sys.exit(f'{len(said)} predictions of {len(truth)} pictures.')
    unseen = [name for name in list(truth)[KNOWN:] if said[name] == truth[name]]
    found = {
        'what': 'seconds of each phase, from a clone to predictions for own pictures',
        'seconds': seconds,
        'total_seconds': round(sum(seconds.values()), 1),
        'commands': {n: x.replace(source, '<repository>') for n, x in phases.items()},
        'steps': STEPS.value or "README's",
        'pictures': PICTURES,
        'labels': KNOWN,
        'share_right_of_the_others': len(unseen) / (PICTURES - KNOWN),
        'load_average_at_the_end': os.getloadavg()[0],
        **describe(),
    }
    Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(Path(OUT.value), found)
    print(f'{found["total_seconds"]} s in all; written to {OUT.value}')


if __name__ == '__main__':
    app.run(main)
