"""How far a FixMatch step is from what the machine could do, in time and in memory.

    python -m experiments.benchmarks.roofline

First the machine: the FLOP/s of a large matrix product and of a convolution, and the
bytes/s of a triad that does not fit its caches. Then the step of FixMatch with WRN-28-2
(smaller by flags): its time, rows a second, its FLOPs and bytes as the compiler counts
them, each as a share of the roof; what it holds in memory against the least it must
(parameters, momentum, teacher and statistics once, and what one backward pass keeps);
the time to compile, and from the start of a process to its first finished step, with
and without compiled programs from an earlier start.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

from experiments.machine import describe
from ssljax import methods, models, teachers
from ssljax.train import sharding, writers

DEPTH = flags.DEFINE_integer('depth', 28, 'Of the WRN.')
WIDTH = flags.DEFINE_integer('width', 2, 'Of the WRN.')
BATCH = flags.DEFINE_integer('batch', 16, 'Labelled rows.')
RATIO = flags.DEFINE_integer('ratio', 7, 'Unlabelled rows for each.')
DTYPE = flags.DEFINE_string('dtype', 'float32', "Or 'bfloat16'.")
JOINT = flags.DEFINE_bool('joint', False, 'One pass over all views.')
STEPS = flags.DEFINE_integer('steps', 5, 'Timed one by one.')
FIRST = flags.DEFINE_bool('first', False, 'Only prints when the first step is done.')
OUT = flags.DEFINE_string('out', 'experiments/results/roofline.json', 'Result file.')


def fastest(run: Callable, *arguments) -> float:
    """Returns the seconds of the fastest of ten runs: other work only slows it."""
    jax.block_until_ready(run(*arguments))
    took = []
    for _ in range(10):
        start = time.perf_counter()
        jax.block_until_ready(run(*arguments))
        took.append(time.perf_counter() - start)
    return min(took)


def machine() -> dict[str, float]:
    """Returns the roofs: FLOP/s of two kinds, and bytes/s."""
    dtype, size = jnp.dtype(DTYPE.value), 2048
    square = jnp.ones((size, size), dtype)
    product = fastest(jax.jit(jnp.matmul), square, square)
    image, kernel = jnp.ones((64, 32, 32, 64), dtype), jnp.ones((3, 3, 64, 64), dtype)

    @jax.jit
    def convolve(x, w):
        layout = ('NHWC', 'HWIO', 'NHWC')
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), 'SAME', dimension_numbers=layout
        )

    convolution = fastest(convolve, image, kernel)
    long = jnp.ones(2**26, jnp.float32)  # 256 MiB each
    triad = fastest(jax.jit(lambda a, b: a + 2.0 * b), long, long)
    return {
        'product_flops': 2 * size**3 / product,
        'convolution_flops': 2 * image.size * 9 * 64 / convolution,
        'bytes': 3 * long.nbytes / triad,
    }


def step_of():
    """Returns (compiled step, state, batch, seconds to compile)."""
    network = models.wide_resnet(
        10, depth=DEPTH.value, width=WIDTH.value, dtype=DTYPE.value
    )
    method = methods.fixmatch(
        network,
        optax.sgd(0.03, momentum=0.9, nesterov=True),
        num_classes=10,
        ratio=RATIO.value,
        joint=JOINT.value,
        teacher=teachers.ema(0.999),
    )
    random, unlabelled = np.random.default_rng(0), BATCH.value * RATIO.value

    def view(rows):
        return {'image': random.random((rows, 32, 32, 3), np.float32)}

    index = np.arange(unlabelled, dtype=np.int32)
    label = index[: BATCH.value] % 10
    layout = sharding.layout(jax.devices()[:1])
    batch = sharding.place(
        layout,
        {
            'labelled': {
                'index': index[: BATCH.value],
                'label': label,
                'weak': {**view(BATCH.value), 'label': label},
            },
            'unlabelled': {
                'index': index,
                'weak': view(unlabelled),
                'strong': view(unlabelled),
            },
        },
    )
    state = sharding.init(layout, method.init, jax.random.key(0), batch)
    start = time.perf_counter()
    step = jax.jit(method.step, donate_argnums=0)
    compiled = step.lower(state, batch).compile()
    return compiled, state, batch, time.perf_counter() - start


def measure() -> dict:
    """Returns everything that main prints and writes."""
    roofs = machine()
    compiled, state, batch, seconds_to_compile = step_of()
    times = []
    for _ in range(STEPS.value + 1):
        start = time.perf_counter()
        state, _ = jax.block_until_ready(compiled(state, batch))
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[1:])
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    held = {
        'state': sum(x.nbytes for x in jax.tree.leaves(state)),
        'params': sum(x.nbytes for x in jax.tree.leaves(state.params)),
        'batch': sum(x.nbytes for x in jax.tree.leaves(batch)),
    }
    rows = sum(len(batch[name]['index']) for name in batch)
    return {
        'roofs': roofs,
        'seconds_a_step': seconds,
        'rows_a_second': rows / seconds,
        'flops': cost['flops'],
        'bytes': cost['bytes accessed'],
        'share_of_product_flops': cost['flops'] / seconds / roofs['product_flops'],
        'share_of_convolution_flops': cost['flops']
        / seconds
        / roofs['convolution_flops'],
        'share_of_bytes': cost['bytes accessed'] / seconds / roofs['bytes'],
        'memory': {
            **held,
            'state_over_params': held['state'] / held['params'],
            'held_twice': memory.output_size_in_bytes - memory.alias_size_in_bytes,
            'activations_and_scratch': memory.temp_size_in_bytes,
            'peak': memory.argument_size_in_bytes
            + memory.output_size_in_bytes
            - memory.alias_size_in_bytes
            + memory.temp_size_in_bytes,
        },
        'seconds_to_compile': seconds_to_compile,
    }


def first_steps() -> dict[str, float]:
    """Returns seconds from the start of a process to its first finished step."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, 'JAX_COMPILATION_CACHE_DIR': folder}
        command = [sys.executable, '-m', 'experiments.benchmarks.roofline', '--first']
        for how in ('nothing compiled before', 'compiled before'):
            start = time.perf_counter()
            subprocess.run([*command, *sys.argv[1:]], env=environment, check=True)
            found[how] = time.perf_counter() - start
    return found


def main(_):
    """Measures, prints and writes."""
    if FIRST.value:
        compiled, state, batch, _ = step_of()
        jax.block_until_ready(compiled(state, batch))
        return
    found = {
        'what': f'FixMatch, WRN-{DEPTH.value}-{WIDTH.value}, 32x32x3, B '
        f'{BATCH.value}, mu {RATIO.value}, {DTYPE.value}, '
        f'{"one pass" if JOINT.value else "a pass a view"}, views not included',
        **measure(),
        'seconds_to_first_step': first_steps(),
        **describe(),
    }
    memory = found['memory']
    print(found['what'])
    print(
        f'{found["seconds_a_step"]:.3f} s a step, {found["rows_a_second"]:.0f} rows/s, '
        f'{found["flops"] / 1e9:.1f} GFLOP, {found["bytes"] / 1e9:.2f} GB'
    )
    print(
        f'{found["share_of_product_flops"]:.2f} of the FLOP/s of a matrix product, '
        f'{found["share_of_convolution_flops"]:.2f} of a convolution alone, '
        f'{found["share_of_bytes"]:.2f} of the bytes/s of a triad'
    )
    print(
        f'state {memory["state"] / 2**20:.1f} MiB, {memory["state_over_params"]:.2f} '
        f'times the parameters; held twice {memory["held_twice"]} B; activations and '
        f'scratch {memory["activations_and_scratch"] / 2**20:.0f} MiB'
    )
    print(
        f'compiled in {found["seconds_to_compile"]:.1f} s; first step after '
        + ', '.join(
            f'{s:.1f} s ({n})' for n, s in found['seconds_to_first_step'].items()
        )
    )
    writers.write_json(Path(OUT.value), found)


if __name__ == '__main__':
    app.run(main)
