"""What a Method costs over the same mathematics written out by hand: nothing.

    python -m experiments.benchmarks.step_overhead
    python -m experiments.benchmarks.step_overhead --case=landmarks
    python -m experiments.benchmarks.step_overhead --case=volumes --inner=1

FixMatch on images of the digits' size, or Mean Teacher on heatmaps of ten landmarks or
on volumes, the library's step, laid out on all devices as the launcher does it, against
a step that imports nothing of ssljax but the network.
Both are jitted with the state donated and run in turn, A B A B ..., so that a machine
whose speed drifts slows both alike. Compared: the ratio of times, pair by pair; the
FLOPs of the compiled programs; the traces; what is held twice while the step runs.

Floor: the arithmetic is the network's; what a library could add is bytes and kernels,
which the compiled cost analysis would show.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from absl import app, flags

from experiments.benchmarks import landmarks_by_hand, volumes_by_hand
from experiments.benchmarks.turns import Steps, in_turn, quotient
from experiments.machine import describe
from ssljax import methods, models, teachers
from ssljax.train import sharding, writers

PAIRS = flags.DEFINE_integer('pairs', 40, 'Interleaved pairs of timings.')
INNER = flags.DEFINE_integer('inner', 10, 'Steps in one timing.')
CASE = flags.DEFINE_enum(
    'case', 'images', ['images', 'landmarks', 'volumes'], 'What is learnt.'
)
OUT = flags.DEFINE_string(
    'out', None, 'Result file; default experiments/results/step_overhead*.json.'
)
B, RATIO, TAU, DECAY = 32, 4, 0.95, 0.99


def library(network, optimizer):
    """FixMatch as a user of the library has it."""
    average = teachers.ema(DECAY)
    method = methods.fixmatch(
        network, optimizer, num_classes=10, ratio=RATIO, joint=False, teacher=average
    )
    return method.init, method.step


def by_hand(network, optimizer):
    """The same mathematics in one function, with nothing around it."""

    def init(key, batch):
        x = batch['labelled']['weak']['image']
        variables = network.init(key, x)
        params = jax.tree.map(jnp.copy, variables.params)
        slow = jax.tree.map(jnp.copy, variables.params)
        return jnp.zeros((), jnp.int32), key, params, slow, optimizer.init(params)

    def step(state, batch):
        count, key, params, slow, opt = state
        own = jax.random.fold_in(key, count)
        keys = jax.random.split(own, 3)

        def loss_fn(params):
            def run(x, i):
                variables = variables_of(params)
                noise = jax.random.fold_in(keys[0], i)
                return network.apply(variables, x, train=True, key=noise)[0]['logits']

            labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']
            log_p = jax.nn.log_softmax(run(labelled['image'], 0))
            rows = jnp.arange(B)
            supervised = -jnp.mean(log_p[rows, labelled['label']])
            weak = jax.lax.stop_gradient(run(unlabelled['weak']['image'], 1))
            probs = jax.nn.softmax(weak)
            mask = (probs.max(-1) >= TAU).astype(jnp.float32)
            log_q = jax.nn.log_softmax(run(unlabelled['strong']['image'], 2))
            taken = log_q[jnp.arange(B * RATIO), probs.argmax(-1)]
            unsupervised = -jnp.mean(taken * mask)
            return supervised + unsupervised, (supervised, unsupervised, mask.mean())

        (loss, aux), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
        updates, opt = optimizer.update(grads, opt, params)
        params = optax.apply_updates(params, updates)
        slow = jax.tree.map(lambda s, p: DECAY * s + (1 - DECAY) * p, slow, params)
        return (count + 1, key, params, slow, opt), (loss, *aux)

    return init, step


def variables_of(params):
    """The network's own container."""
    from ssljax.contracts import Variables

    return Variables(params)


def fixmatch():
    """Returns what is measured, its network, both makers, and a batch."""
    draw = partial(jax.random.uniform, dtype=jnp.float32)
    views = [
        {'image': draw(jax.random.key(i), (n, 8, 8, 1))}
        for i, n in enumerate((B, B * RATIO, B * RATIO))
    ]
    views[0]['label'] = jnp.arange(B, dtype=jnp.int32) % 10
    index = jnp.arange(B * RATIO, dtype=jnp.int32)
    batch = {
        'labelled': {'index': index[:B], 'weak': views[0]},
        'unlabelled': {'index': index, 'weak': views[1], 'strong': views[2]},
    }
    return (
        'FixMatch step, small_cnn (16, 32), 8x8x1, B 32, U 128, float32',
        models.small_cnn(10, channels=(16, 32)),
        {'library': library, 'by hand': by_hand},
        batch,
    )


def measure(case: tuple, pairs: int, inner: int) -> dict:
    """Returns ratios, FLOPs, bytes and traces of both."""
    what, network, makers, batch = case
    optimizer = optax.adam(2e-3)
    layout = sharding.layout()
    placed = {'library': sharding.place(layout, batch), 'by hand': batch}
    runs, costs, traces = {}, {}, {'library': 0, 'by hand': 0}
    for name, make in makers.items():
        init, step = make(network, optimizer)

        def counted(state, batch, name=name, step=step):
            traces[name] += 1
            return step(state, batch)

        if name == 'library':
            state = sharding.init(layout, init, jax.random.key(0), placed[name])
            jitted = sharding.jit(layout, counted, state, donate=True)
        else:
            state = init(jax.random.key(0), batch)
            jitted = jax.jit(counted, donate_argnums=0)
        lowered = jax.jit(step, donate_argnums=0).lower(state, placed[name])
        compiled = lowered.compile()
        cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
        held = sum(x.nbytes for x in jax.tree.leaves(state))
        costs[name] = {
            'flops': cost['flops'],
            'bytes': cost['bytes accessed'],
            'state_bytes': held,
            'state_bytes_not_overwritten': held - memory.alias_size_in_bytes,
        }
        runs[name] = Steps(jitted, state, placed[name], inner)

    seconds = in_turn(runs, pairs)
    median, quartiles = quotient(seconds['library'], seconds['by hand'])
    return {
        'what': what,
        'pairs': pairs,
        'steps_a_timing': inner,
        'ratio_median': median,
        'ratio_quartiles': quartiles,
        'milliseconds_median': {
            name: 1e3 * statistics.median(x) / inner for name, x in seconds.items()
        },
        'cost': costs,
        'traces': traces,
        **describe(),
    }


CASES = {
    'images': (fixmatch, 'step_overhead'),
    'landmarks': (landmarks_by_hand.mean_teacher, 'step_overhead_landmarks'),
    'volumes': (volumes_by_hand.mean_teacher, 'step_overhead_volumes'),
}
"""What is measured, and the name of its result file."""


def main(_):
    """Measures, prints and writes."""
    case, file = CASES[CASE.value]
    found = measure(case(), PAIRS.value, INNER.value)
    print(f'{"":10} {"ms/step":>9} {"MFLOP":>9} {"MB":>8} {"traces":>7}')
    for name, cost in found['cost'].items():
        print(
            f'{name:10} {found["milliseconds_median"][name]:9.2f} '
            f'{cost["flops"] / 1e6:9.1f} {cost["bytes"] / 1e6:8.1f} '
            f'{found["traces"][name]:7}'
        )
    low, high = found['ratio_quartiles']
    print(
        f'ratio library / by hand: median {found["ratio_median"]:.3f}, quartiles '
        f'{low:.3f} to {high:.3f}, over {found["pairs"]} pairs'
    )
    out = Path(OUT.value or f'experiments/results/{file}.json')
    out.parent.mkdir(parents=True, exist_ok=True)
    writers.write_json(out, found)


if __name__ == '__main__':
    app.run(main)
