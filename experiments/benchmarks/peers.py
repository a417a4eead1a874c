"""Images a second of FixMatch with its views: ours, and PyTorch as its peers run it.

    python -m experiments.benchmarks.peers --batch=64 --bf16

Ours draws the views inside the step, of images that lie on the device. The twin has a
DataLoader whose workers make the same views by Pillow, an image at a time, and steps
eagerly in channels last; with ``--on_device`` instead it gets views that were drawn
before and lie on the device, and is compiled: all that PyTorch could gain. Both start
from the same weights and take turns; a turn's first step is not timed, as it fills what
is made ahead.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from absl import app, flags
from torch.utils import data

from experiments.benchmarks.pillow_views import strong_by_pillow, weak_by_pillow

BATCH = flags.DEFINE_integer('batch', 64, 'Labelled rows.')
RATIO = flags.DEFINE_integer('ratio', 7, 'Unlabelled rows for each, mu.')
DEPTH = flags.DEFINE_integer('depth', 28, 'Of the WRN.')
WIDTH = flags.DEFINE_integer('width', 2, 'Of the WRN.')
BF16 = flags.DEFINE_bool('bf16', False, 'Both in bfloat16.')
JOINT = flags.DEFINE_bool('joint', True, 'One pass over all views.')
ON_DEVICE = flags.DEFINE_bool('on_device', False, 'The twin compiled, without loader.')
WORKERS = flags.DEFINE_integer('workers', -1, 'Of the DataLoader; -1: a core each.')
TURNS = flags.DEFINE_integer('turns', 5, 'Of each.')
STEPS = flags.DEFINE_integer('steps', 10, 'Timed in a turn.')
OUT = flags.DEFINE_string('out', 'experiments/results/peers.json', 'Result file.')
N = 5000  # images of noise, as many as a tenth of CIFAR-10


class Views(data.Dataset):
    """What a step needs of a row: a label and views, as tensors."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, strong: bool):
        self.images, self.labels, self.strong = images, labels, strong

    def __len__(self):
        return len(self.images)

    def __getitem__(self, row):
        seen = [weak_by_pillow(self.images[row])]
        if self.strong:
            seen.append(strong_by_pillow(self.images[row]))
        tensors = [torch.from_numpy(x.transpose(2, 0, 1).copy()) for x in seen]
        return int(self.labels[row]), *(x.float() / 255 for x in tensors)


def ours(images, labels):
    """Returns ``() -> seconds`` of a turn of the library."""
    import jax
    import optax

    from ssljax import methods, models, teachers, views
    from ssljax.data import Arrays, resident
    from ssljax.train import sharding

    network = models.wide_resnet(
        10,
        depth=DEPTH.value,
        width=WIDTH.value,
        dtype='bfloat16' if BF16.value else 'float32',
    )
    bare = methods.fixmatch(
        network,
        optax.chain(
            optax.add_decayed_weights(5e-4),
            optax.sgd(0.03, momentum=0.9, nesterov=True),
        ),
        num_classes=10,
        ratio=RATIO.value,
        joint=JOINT.value,
        teacher=teachers.ema(0.999),
    )
    weak = views.compose(views.crop_pad(4), views.flip_horizontal())
    drawn = {'weak': weak, 'strong': views.compose(weak, views.randaugment(2))}
    method = methods.prepared(bare, views.prepare(bare.needs, drawn))
    layout = sharding.layout(jax.devices()[:1])
    every = np.arange(N)
    feed = resident(
        Arrays({'image': images, 'label': labels}),
        {'labelled': every, 'unlabelled': every},
        method.needs,
        batch_size=BATCH.value,
        seed=0,
    )
    beside = sharding.place(layout, {'resident': feed(0)['resident']})

    def batch(step):
        streams = {k: v for k, v in feed(step).items() if k != 'resident'}
        return sharding.place(layout, streams) | beside

    state = sharding.init(layout, method.init, jax.random.key(0), batch(0))
    run = sharding.jit(layout, method.step, state, donate=True)
    kept = [state, 0]

    def turn():
        for step in range(STEPS.value + 1):
            kept[0], _ = run(kept[0], batch(kept[1]))
            kept[1] += 1
            if step == 0:
                jax.block_until_ready(kept[0])
                start = time.perf_counter()
        jax.block_until_ready(kept[0])
        return time.perf_counter() - start

    return turn


def theirs(images, labels, device: str):
    """Returns ``() -> seconds`` of a turn of the twin."""
    from experiments.benchmarks import torch_wrn

    torch.manual_seed(0)
    weights = torch_wrn.arrays(torch_wrn.WideResNet(10, DEPTH.value, WIDTH.value))
    twin = torch_wrn.twin(
        weights,
        threshold=0.95,
        joint=JOINT.value,
        bf16=BF16.value,
        compiled=ON_DEVICE.value,
        device=device,
        depth=DEPTH.value,
        width=WIDTH.value,
    )
    workers = len(os.sched_getaffinity(0)) if WORKERS.value < 0 else WORKERS.value

    def endless(strong, size, workers):
        options = {}
        if workers:  # forked, they would have XLA's threads
            options = {
                'persistent_workers': True,
                'multiprocessing_context': 'forkserver',
            }
        loader = data.DataLoader(
            Views(images, labels, strong),
            size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            pin_memory=device == 'cuda',
            **options,
        )
        while True:
            yield from loader

    unlabelled = BATCH.value * RATIO.value
    few = workers // 8
    known, others = (
        endless(False, BATCH.value, few),
        endless(True, unlabelled, workers - few),
    )
    made = [x.to(device) for x in (*next(known), *next(others)[1:])]

    def turn():
        for step in range(STEPS.value + 1):
            if ON_DEVICE.value:
                label, labelled, weak, strong = made
            else:
                (label, labelled), (_, weak, strong) = next(known), next(others)
            loss = twin.step(labelled, label, weak, strong)
            if step == 0:
                loss.item()
                start = time.perf_counter()
        loss.item()
        return time.perf_counter() - start

    return turn


def main(_):
    """Measures, prints and writes."""
    from experiments import xla_flags

    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    xla_flags.apply()
    import jax

    from experiments.machine import describe
    from ssljax.train import writers

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, 32, 32, 3)).astype(np.uint8)
    labels = rng.integers(0, 10, N).astype(np.int32)
    device = 'cuda' if jax.default_backend() == 'gpu' else 'cpu'
    turns = {'torch': theirs(images, labels, device), 'ours': ours(images, labels)}
    took: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(TURNS.value + 1):
        for name, turn in turns.items():
            seconds = turn()
            if number:  # the first compiles
                took[name].append(seconds)
    rows = BATCH.value * (1 + RATIO.value) * STEPS.value
    ratios = [a / b for a, b in zip(took['torch'], took['ours'], strict=True)]
    found = {
        'what': f'FixMatch, WRN-{DEPTH.value}-{WIDTH.value}, B {BATCH.value}, mu '
        f'{RATIO.value}, {"bfloat16" if BF16.value else "float32"}, views included, '
        f'the twin {"compiled on views made before" if ON_DEVICE.value else "eager"}',
        'images_a_second': {k: rows / statistics.median(v) for k, v in took.items()},
        'speed_against_torch': statistics.median(ratios),
        'least_and_most': [min(ratios), max(ratios)],
        'torch': torch.__version__,
        **describe(),
    }
    print(found['what'])
    print(
        ', '.join(f'{k} {v:.0f} images/s' for k, v in found['images_a_second'].items())
        + f': {found["speed_against_torch"]:.2f} times the speed of the twin'
    )
    writers.write_json(Path(OUT.value), found)


if __name__ == '__main__':
    app.run(main)
