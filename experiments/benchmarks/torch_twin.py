"""FixMatch's step beside its twin in PyTorch, in the same process, turn by turn.

    python -m experiments.benchmarks.torch_twin --batch=16

Both start from the same weights; first one step of each is compared (loss, parameters,
average), then they are timed in turn, A B A B ..., ours with the flags that the
launcher sets. A pass over all views together against the same, a pass a view against
the same. Views are drawn before the clock starts: they are measured in ``views``.
PyTorch is a development extra: ``pip install '.[bench]'``.
"""

from __future__ import annotations

import functools
import os
import statistics
from pathlib import Path

from absl import app, flags

from experiments.benchmarks.turns import in_turn, quotient

BATCH = flags.DEFINE_integer('batch', 16, 'Labelled rows.')
RATIO = flags.DEFINE_integer('ratio', 7, 'Unlabelled rows for each, mu.')
DEPTH = flags.DEFINE_integer('depth', 28, 'Of the WRN.')
WIDTH = flags.DEFINE_integer('width', 2, 'Of the WRN.')
PAIRS = flags.DEFINE_integer('pairs', 8, 'Interleaved pairs of steps.')
BF16 = flags.DEFINE_bool('bf16', False, 'Both in bfloat16.')
COMPILED = flags.DEFINE_bool('compiled', False, 'Also by torch.compile.')
OUT = flags.DEFINE_string('out', 'experiments/results/torch_twin.json', 'Result file.')
THRESHOLD = 0.2


def ours(weights, images, label, *, joint: bool):
    """Returns (one step, () -> (parameters, average)) of the library."""
    import jax
    import numpy as np
    import optax

    from experiments.benchmarks.torch_wrn import AVERAGE, MOMENTUM, RATE, WEIGHT_DECAY
    from ssljax import methods, models, teachers
    from ssljax.contracts import Variables
    from ssljax.train import sharding

    dtype = 'bfloat16' if BF16.value else 'float32'
    network = models.wide_resnet(10, depth=DEPTH.value, width=WIDTH.value, dtype=dtype)

    def matrices(params):
        return jax.tree.map(lambda x: x.ndim > 1, params)

    method = methods.fixmatch(
        network,
        optax.chain(
            optax.add_decayed_weights(WEIGHT_DECAY, mask=matrices),
            optax.sgd(RATE, momentum=MOMENTUM, nesterov=True),
        ),
        num_classes=10,
        ratio=RATIO.value,
        threshold=THRESHOLD,
        joint=joint,
        teacher=teachers.ema(AVERAGE, stats='copy'),
    )
    labelled, weak, strong = ({'image': x} for x in images)
    index = np.arange(len(images[1]), dtype=np.int32)
    layout = sharding.layout(jax.devices()[:1])
    batch = sharding.place(
        layout,
        {
            'labelled': {
                'index': index[: len(label)],
                'label': label,
                'weak': {**labelled, 'label': label},
            },
            'unlabelled': {'index': index, 'weak': weak, 'strong': strong},
        },
    )
    shapes = jax.eval_shape(network.init, jax.random.key(0), labelled['image'])
    start: Variables = models.load_usb_weights(shapes, weights)
    given = {'student': start}
    state = sharding.init(layout, method.init, jax.random.key(0), batch, given)
    step = sharding.jit(layout, method.step, state, donate=True)
    kept = [state]

    def run():
        kept[0], metrics = step(kept[0], batch)
        return float(metrics['loss'])

    def numbers():
        average = kept[0].memory['teacher'].variables.params
        return kept[0].params['student'], average

    return run, numbers


def agreement(numbers, theirs) -> float:
    """Returns the largest difference of parameters and averages after a step."""
    import jax
    import numpy as np

    from ssljax import models
    from ssljax.contracts import Variables

    largest = 0.0
    for mine, other in zip(numbers(), (theirs.arrays(), theirs.average()), strict=True):
        shapes = jax.eval_shape(
            models.wide_resnet(10, depth=DEPTH.value, width=WIDTH.value).init,
            jax.random.key(0),
            np.zeros((1, 32, 32, 3), np.float32),
        )
        loaded: Variables = models.load_usb_weights(shapes, other)
        for a, b in zip(
            jax.tree.leaves(mine), jax.tree.leaves(loaded.params), strict=True
        ):
            largest = max(largest, float(np.abs(np.asarray(a) - np.asarray(b)).max()))
    return largest


def main(_):
    """Compares, measures, prints and writes."""
    from experiments import xla_flags

    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # or it spins in our turn
    xla_flags.apply()
    import jax
    import numpy as np
    import torch

    from experiments.benchmarks import torch_wrn
    from experiments.machine import describe
    from ssljax.train import writers

    random, device = np.random.default_rng(0), jax.default_backend()
    device = 'cuda' if device == 'gpu' else device
    unlabelled = BATCH.value * RATIO.value
    images = [
        random.normal(size=(rows, 32, 32, 3)).astype(np.float32)
        for rows in (BATCH.value, unlabelled, unlabelled)
    ]
    label = random.integers(0, 10, BATCH.value).astype(np.int32)
    torch.manual_seed(0)
    network = torch_wrn.WideResNet(10, DEPTH.value, WIDTH.value)
    weights = torch_wrn.arrays(network)
    tensors = [torch.from_numpy(x.transpose(0, 3, 1, 2).copy()) for x in images]
    labels = torch.from_numpy(label.astype(np.int64))
    ways = {
        'channels last': {'layout': torch.channels_last},
        'contiguous': {'layout': torch.contiguous_format},
    }
    if COMPILED.value:
        ways['compiled'] = {'layout': torch.channels_last, 'compiled': True}
    rows = []
    for joint in (True, False):
        mine, numbers = ours(weights, images, label, joint=joint)
        loss, theirs = mine(), {}
        for name, how in ways.items():
            twin = torch_wrn.twin(
                weights,
                threshold=THRESHOLD,
                joint=joint,
                bf16=BF16.value,
                device=device,
                depth=DEPTH.value,
                width=WIDTH.value,
                **how,
            )
            other = twin.step(tensors[0], labels, *tensors[1:]).item()
            theirs[name] = functools.partial(
                lambda twin: twin.step(tensors[0], labels, *tensors[1:]).item(), twin
            )
            found = {
                'passes': 'one' if joint else 'one a view',
                'torch': name,
                'loss_difference': abs(loss - other),
                'largest_difference': agreement(numbers, twin),
            }
            rows.append(found)
        runs = {'ours': mine, **theirs}
        took = in_turn(runs, PAIRS.value)
        for found in rows[-len(ways) :]:
            speed, quartiles = quotient(took[found['torch']], took['ours'])
            found |= {
                'seconds_ours': statistics.median(took['ours']),
                'seconds_torch': statistics.median(took[found['torch']]),
                'speed_against_torch': speed,
                'quartiles': quartiles,
            }
    print(f'{"passes":>10} {"torch":>14} {"ours s":>7} {"torch s":>8} {"speed":>6}')
    for found in rows:
        print(
            f'{found["passes"]:>10} {found["torch"]:>14} {found["seconds_ours"]:7.2f} '
            f'{found["seconds_torch"]:8.2f} {found["speed_against_torch"]:6.2f}  '
            f'(loss differs by {found["loss_difference"]:.1e}, weights by '
            f'{found["largest_difference"]:.1e})'
        )
    content = {
        'what': f'FixMatch, WRN-{DEPTH.value}-{WIDTH.value}, B {BATCH.value}, mu '
        f'{RATIO.value}, {"bfloat16" if BF16.value else "float32"}, views not included',
        'pairs': PAIRS.value,
        'threads_of_torch': torch.get_num_threads(),
        'xla_flags': os.environ.get('XLA_FLAGS', ''),
        'torch': torch.__version__,
        'rows': rows,
        **describe(),
    }
    writers.write_json(Path(OUT.value), content)


if __name__ == '__main__':
    app.run(main)
