"""What a step costs when the same rows a device are trained on 1, 2, 4, 8 devices.

    python -m experiments.benchmarks.scaling

FixMatch with the views drawn inside the step, batch norm over the whole batch, a fixed
number of rows for each device, laid out by the compiler ('auto') and by hand
('shard_map'). On virtual devices of one processor all share the same cores, so the time
for n devices is n times the work: what is told is t(n) / (n t(1)), which would be 1 if
sharing cost nothing, beside what is sent, counted in the compiled program.
"""

from __future__ import annotations

import functools
import math
import re
import statistics
import time
from pathlib import Path

import jax
import numpy as np
import optax
from absl import app, flags

from experiments.machine import describe
from ssljax import methods, models, teachers, views
from ssljax.data import Arrays, in_memory
from ssljax.train import sharding, writers

ROWS = flags.DEFINE_integer('rows', 8, 'Labelled rows a device.')
RATIO = flags.DEFINE_integer('ratio', 3, 'Unlabelled rows for each.')
ROUNDS = flags.DEFINE_integer('rounds', 12, 'Timings of each layout, in turn.')
STEPS = flags.DEFINE_integer('steps', 4, 'Steps in one timing.')
DEVICES = flags.DEFINE_integer('devices', 8, 'At most; virtual ones on a CPU.')
OUT = flags.DEFINE_string('out', 'experiments/results/scaling.json', 'Result file.')

BYTES = {'pred': 1, 's8': 1, 'u8': 1, 'bf16': 2, 'f16': 2, 'f32': 4, 's32': 4, 'u32': 4}
KINDS = 'all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter'
VIEWS = {
    'weak': views.compose(views.flip_horizontal(), views.crop_pad(4)),
    'strong': views.compose(views.affine(degrees=20.0), views.cutout()),
}


def sent(text: str) -> dict[str, dict[str, int]]:
    """Returns {collective: {'messages', 'bytes'}} of a compiled program's text."""
    found: dict[str, dict[str, int]] = {}
    for shapes, kind in re.findall(rf'= (.*?) ({KINDS})(?:-start)?\(', text):
        one = found.setdefault(kind, {'messages': 0, 'bytes': 0})
        one['messages'] += 1
        for dtype, sizes in re.findall(r'(\w+)\[([\d,]*)\]', shapes):
            numbers = math.prod(map(int, filter(None, sizes.split(','))))
            one['bytes'] += numbers * BYTES.get(dtype, 4)
    return found


@functools.cache
def source() -> Arrays:
    """Noise of the size of CIFAR-10's images."""
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (512, 32, 32, 3)).astype(np.uint8)
    return Arrays({'image': image, 'label': random.integers(0, 10, 512)})


def prepared(devices: int, partition: str):
    """Returns (one timing, what is sent) of a layout."""
    network = models.wide_resnet(10, depth=10, width=1)
    bare = methods.fixmatch(
        network,
        optax.sgd(0.03, momentum=0.9, nesterov=True),
        num_classes=10,
        ratio=RATIO.value,
        teacher=teachers.ema(0.999),
    )
    method = methods.prepared(bare, views.prepare(bare.needs, VIEWS))
    rows = {'labelled': np.arange(256), 'unlabelled': np.arange(512)}
    size = ROWS.value * devices
    feed = in_memory(source(), rows, method.needs, batch_size=size, seed=0)
    layout = sharding.layout(jax.devices()[:devices], partition=partition)
    batch = sharding.place(layout, feed(0))
    state = sharding.init(layout, method.init, jax.random.key(0), batch)
    step = jax.jit(
        sharding.partitioned(layout, method.step),
        out_shardings=(sharding.shardings(layout, state), None),
        donate_argnums=0,
    )
    with jax.set_mesh(layout.mesh):
        compiled = step.lower(state, batch).compile()

    def timing() -> float:
        nonlocal state
        start = time.perf_counter()
        for _ in range(STEPS.value):
            state, _ = compiled(state, batch)
        jax.block_until_ready(state)
        return (time.perf_counter() - start) / STEPS.value

    timing()
    return timing, sent(compiled.as_text())


def main(_):
    """Measures, prints and writes."""
    jax.config.update('jax_num_cpu_devices', DEVICES.value)  # before they are looked at
    counts = [n for n in (1, 2, 4, 8) if n <= min(DEVICES.value, len(jax.devices()))]
    layouts = [(n, how) for n in counts for how in ('auto', 'shard_map')]
    ready = {one: prepared(*one) for one in layouts}
    seconds = {one: [] for one in layouts}
    for _ in range(ROUNDS.value):
        for one in layouts:
            seconds[one].append(ready[one][0]())
    table = []
    for devices, how in layouts:
        pairs = zip(seconds[devices, how], seconds[1, 'auto'], strict=True)
        ratios = [a / (devices * b) for a, b in pairs]
        low, _, high = statistics.quantiles(ratios, n=4)
        table.append(
            {
                'devices': devices,
                'partition': how,
                'milliseconds_median': 1e3 * statistics.median(seconds[devices, how]),
                'time_for_the_work': statistics.median(ratios),
                'quartiles': [low, high],
                'sent': ready[devices, how][1],
            }
        )
    print(f'{"devices":>7} {"partition":>10} {"ms/step":>9} {"t(n)/n t(1)":>12}  sent')
    for row in table:
        words = [
            f'{k} {v["messages"]} ({v["bytes"]} B)' for k, v in row['sent'].items()
        ]
        print(
            f'{row["devices"]:7} {row["partition"]:>10} '
            f'{row["milliseconds_median"]:9.1f} {row["time_for_the_work"]:12.3f}  '
            f'{", ".join(words)}'
        )
    found = {
        'what': f'FixMatch, WRN-10-1, 32x32x3, {ROWS.value} labelled and '
        f'{ROWS.value * RATIO.value} unlabelled rows a device, float32',
        'rows': table,
        **describe(),
    }
    writers.write_json(Path(OUT.value), found)


if __name__ == '__main__':
    app.run(main)
