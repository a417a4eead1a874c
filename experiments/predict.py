"""Answers examples by the last checkpoint of a job.

::

    python -m experiments.predict --workdir=runs/digits/fixmatch-seed0 \
        --input=scans/ --output=labels.csv

``--input`` is a folder of pictures or sounds, which are converted to what the network
was trained on, or an .npz with its input (``image``, ``series``, ``tokens`` ...). The
output has a line an item, its path or index first. Of classification: its class, and
the probability that the network gives it. Of landmarks: x, y in pixels of the network's
input and the score of each, and of a clip a line a frame. Of masks: how many sites each
class has; the masks themselves lie beside it, in ``<output>.npz``: ``mask`` [n, *S]
uint8 and ``name`` [n].
"""

from __future__ import annotations

import csv
from pathlib import Path

import jax
import numpy as np
from absl import flags
from tqdm import tqdm

from experiments import answers, build, items, launch
from ssljax.contracts import InputError
from ssljax.data import collate
from ssljax.programs.job import answering

_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a job of experiments.train.')
_METHOD = flags.DEFINE_string('method', None, 'That of the job, if a file has it.')
_INPUT = flags.DEFINE_string('input', None, 'Folder of files, or an .npz.')
_OUTPUT = flags.DEFINE_string('output', 'labels.csv', 'The file to write.')
flags.mark_flags_as_required(['workdir', 'input'])


def main() -> None:
    """Runs what the flags say."""
    job, method, state = build.trained(Path(_WORKDIR.value), method=_METHOD.value)
    source = items.opened(_INPUT.value, job.task, job.config.get('reading', {}))
    answer, count = answering(job, method), len(source)
    size = min(job.config.eval_batch_size, count)
    kind = 'path' if Path(_INPUT.value).is_dir() else 'index'
    output = Path(_OUTPUT.value)
    part = output.with_name(output.name + '.part')
    try:
        with (
            # Names of files are bytes; those that are no text come out as they were.
            open(
                part, 'w', newline='', encoding='utf-8', errors='surrogateescape'
            ) as file,
            tqdm(total=count, unit='item') as bar,
        ):
            table = csv.writer(file)
            write = None
            masks = []
            for first in range(0, count, size):
                rows = np.arange(first, min(first + size, count))
                # Filled up, so that the last batch does not compile anew.
                batch = collate(source, np.resize(rows, size), job.task.inputs)
                found = answer(state, batch)
                if write is None:
                    heads, write = answers.writer(found, job.data.classes)
                    table.writerow([kind, *heads])
                for row in rows:
                    one = jax.tree.map(lambda x, at=row - first: x[at], found)
                    for line in write(one):
                        table.writerow([source.name(int(row)), *line])
                if answers.of_sites(found):
                    ids = found[: len(rows)].argmax(-1)
                    masks.append(ids.astype(np.uint8))
                bar.update(len(rows))
        if masks:
            names = [str(source.name(row)) for row in range(count)]
            beside = output.with_name(output.name + '.npz')
            np.savez_compressed(beside, mask=np.concatenate(masks), name=names)
    except InputError:
        part.unlink()
        raise
    except OSError as error:
        raise InputError(f'output {output} can not be written: {error}') from error
    part.replace(output)
    print(f'{count} examples in {output}')


if __name__ == '__main__':
    launch.run(main)
