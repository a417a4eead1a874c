"""Images a second of the feeds, and whether memory stays flat.

    python -m experiments.benchmarks.feeds

CIFAR-10 through ``in_memory``, ``stream`` and ``resident`` (the 5,000 lossless images
of ../shared/data, left out where that is missing), and a folder of PNGs that the script
writes, through ``stream``: ten epochs in threads, with the memory of the process after
each, then two in worker processes, without their start. A batch counts once it lies on
the device, gathered; nothing is computed with it.

Floor: in_memory and resident copy bytes; a stream decodes, so it is held against the
same files read and decoded in a plain loop.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from absl import app, flags
from PIL import Image

from experiments.machine import describe
from ssljax import data, views
from ssljax.contracts import Stream
from ssljax.train import writers

FILES = flags.DEFINE_integer('files', 20_000, 'PNGs to write and to read.')
SIDE = flags.DEFINE_integer('side', 32, 'Height and width of a PNG.')
EPOCHS = flags.DEFINE_integer('epochs', 10, 'Epochs over the PNGs.')
BATCH = flags.DEFINE_integer('batch', 256, 'Images a batch.')
THREADS = flags.DEFINE_integer('threads', 4, 'Threads of a stream.')
WORKERS = flags.DEFINE_integer('workers', 2, 'Processes of the last measurement.')
OUT = flags.DEFINE_string('out', 'experiments/results/feeds.json', 'Result file.')

NEEDS = {'unlabelled': Stream(('image',))}
CIFAR = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'cifar10'


def rows_of(source) -> dict[str, np.ndarray]:
    """All rows of a source, for the one stream."""
    return {'unlabelled': np.arange(len(source))}


def pace(feed, steps: range) -> float:
    """Images a second over steps, after one that is not counted."""
    prepare = jax.jit(views.prepare(NEEDS, {}))
    key = jax.random.key(0)

    def arrive(step):
        return jax.block_until_ready(prepare(key, feed(step))['unlabelled']['image'])

    # Twice: a stream starts to decode ahead at the second step in sequence.
    for step in (0, 1):
        arrive(steps[step])
    began = time.perf_counter()
    images = sum(len(arrive(step)) for step in steps[2:])
    return images / (time.perf_counter() - began)


def cifar() -> dict:
    """Images a second of the 5,000 lossless images, by feed."""
    path = CIFAR / 'cifar10_lossless_5k_1k.npz'
    if not path.exists():
        return {}
    with np.load(path) as file:
        image = undone(file['x_train__d2'])
    source = data.Arrays({'image': image})
    asked = {'batch_size': BATCH.value, 'seed': 0}
    steps = range(5 * len(image) // BATCH.value)
    found = {}
    for name, make in (
        ('in_memory', data.in_memory),
        ('stream', data.stream),
        ('resident', data.resident),
    ):
        feed = make(source, rows_of(source), NEEDS, **asked)
        found[name] = pace(feed, steps)
        if name == 'stream':
            feed.close()
    return found


def undone(delta: np.ndarray) -> np.ndarray:
    """[N, 3, H, W] differences, as the shared file has them, to [N, H, W, 3] uint8."""
    summed = delta.cumsum(axis=2, dtype=np.uint8).cumsum(axis=3, dtype=np.uint8)
    summed[:, [0, 2]] += summed[:, [1]]
    return np.ascontiguousarray(summed.transpose(0, 2, 3, 1))


def write(folder: Path, files: int, side: int) -> None:
    """Writes PNGs of blurred noise: neither flat nor incompressible."""
    random = np.random.default_rng(0)
    for number in range(files):
        coarse = random.integers(0, 256, (side // 4, side // 4, 3), np.uint8)
        image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR)
        image.save(folder / f'{number:06d}.png', compress_level=1)


def folder() -> dict:
    """Images a second and memory of a folder of PNGs."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        write(path, FILES.value, SIDE.value)
        read = data.sources.Pictures(size=(SIDE.value, SIDE.value), channels=3)
        source = data.sources.flat_folder(path, read)
        began = time.perf_counter()
        for row in range(0, len(source), 10):
            source[row]
        plain = len(range(0, len(source), 10)) / (time.perf_counter() - began)

        asked = {'batch_size': BATCH.value, 'seed': 0, 'threads': THREADS.value}
        feed = data.stream(source, rows_of(source), NEEDS, **asked)
        epoch = len(source) // BATCH.value
        paces, memory = [], [resident_mib()]
        for number in range(EPOCHS.value):
            steps = range(number * epoch, (number + 1) * epoch)
            paces.append(pace(feed, steps))
            memory.append(resident_mib())
        feed.close()

        asked['threads'] = 1
        feed = data.stream(
            source, rows_of(source), NEEDS, workers=WORKERS.value, **asked
        )
        workers = pace(feed, range(2 * epoch))
        feed.close()
    return {
        'files': FILES.value,
        'shape': [SIDE.value, SIDE.value, 3],
        'plain_loop': plain,
        'stream_threads': float(np.median(paces)),
        'stream_threads_by_epoch': paces,
        f'stream_{WORKERS.value}_workers': workers,
        'memory_mib_before_and_after_each_epoch': memory,
        'memory_growth_mib_after_the_first_epoch': memory[-1] - memory[1],
    }


def resident_mib() -> float:
    """Memory of this process that lies in RAM, in MiB."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * 4096 / 2**20


def main(_):
    """Measures, prints and writes."""
    found = {
        'what': 'images a second that reach the device, nothing computed',
        'batch': BATCH.value,
        'threads': THREADS.value,
        'load_before': os.getloadavg()[0],  # of the machine; 0 is idle
        'cifar10': cifar(),
        'png_folder': folder(),
        **describe(),
    }
    for part in ('cifar10', 'png_folder'):
        for name, value in found[part].items():
            print(f'{part:10} {name:40} {value}')
    Path(OUT.value).parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(Path(OUT.value), found)


if __name__ == '__main__':
    app.run(main)
