"""Labels images by the last checkpoint of a job.

::

    python -m experiments.predict --workdir=runs/digits/fixmatch-seed0 \
        --input=scans/ --output=labels.csv

``--input`` is a folder of images, which are converted and resized to what the network
was trained on, or an .npz with ``image``. The output has a line an item: its path or
index, the class number, and the probability that the network gives it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import jax
import numpy as np
from absl import flags
from tqdm import tqdm

from experiments import build, items, launch
from ssljax.contracts import InputError

_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a job of experiments.train.')
_INPUT = flags.DEFINE_string('input', None, 'Folder of images, or an .npz with image.')
_OUTPUT = flags.DEFINE_string('output', 'labels.csv', 'The file to write.')
flags.mark_flags_as_required(['workdir', 'input'])


def main() -> None:
    """Runs what the flags say."""
    job, method, state = build.trained(Path(_WORKDIR.value))
    size = job.config.eval_batch_size
    shape = job.task.example['image'].shape
    count, batches = items.batches(_INPUT.value, shape, size)

    @jax.jit
    def probabilities(state, images):
        return job.task.decode(method.predict(state, images))

    kind = 'path' if Path(_INPUT.value).is_dir() else 'index'
    output = Path(_OUTPUT.value)
    part = output.with_name(output.name + '.part')
    try:
        with (
            open(part, 'w', newline='') as file,
            tqdm(total=count, unit='image') as bar,
        ):
            table = csv.writer(file)
            table.writerow([kind, 'label', 'confidence'])
            for names, images in batches:
                # Filled up, so that the last batch does not compile anew.
                filled = np.resize(images, (min(size, count), *shape))
                found = np.asarray(probabilities(state, filled))[: len(images)]
                for name, one in zip(names, found, strict=True):
                    table.writerow([name, one.argmax(), f'{one.max():.6f}'])
                bar.update(len(images))
    except InputError:
        part.unlink()
        raise
    except OSError as error:
        raise InputError(f'output {output} can not be written: {error}') from error
    part.replace(output)
    print(f'{count} labels in {output}')


if __name__ == '__main__':
    launch.run(main)
