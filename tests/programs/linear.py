"""A tiny noisy regression with every kind of state; as a script, one fit that dies."""

import json
import os
import signal
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ssljax.contracts import Method, State, Stream, Variables
from ssljax.programs import Run
from ssljax.train import checkpoints, writers

STEPS = 30
CADENCE = {'log_every': 4, 'eval_every': 6, 'checkpoint_every': 10}
WEIGHTS = np.float32([1.0, -2.0, 0.5])


def feed(step):
    random = np.random.default_rng(step)
    x = random.normal(size=(4, 3)).astype(np.float32)
    index = random.integers(0, 16, 4).astype(np.int32)
    return {'labelled': {'x': x, 'y': x @ WEIGHTS, 'index': index}}


def method(optimizer=None, *, width=3, traces=None):
    """Returns the Method; each trace of its step is appended to ``traces``."""
    optimizer = optimizer or optax.adam(0.05)

    def init(key, batch, given=None):
        params = {'w': jax.random.normal(key, (width,)), 'b': jnp.zeros(())}
        if given:
            params = {**params, **given['student'].params}
        return State(
            step=jnp.zeros((), jnp.int32),
            key=key,
            params={'student': params},
            stats={'student': {'mean': jnp.zeros(3)}},
            opt={'student': optimizer.init(params)},
            # The average aliases the parameters, and 1. is weakly typed.
            memory={'average': params, 'seen': jnp.zeros(16, jnp.int32), 'one': 1.0},
            frozen={'scale': Variables({'x': jnp.full(3, 0.5)})},
        )

    def step(state, batch):
        if traces is not None:
            traces.append(1)
        key = jax.random.fold_in(state.key, state.step)
        x, y = batch['labelled']['x'], batch['labelled']['y']
        x = (
            x
            + 0.1
            * jax.random.normal(key, x.shape)
            * state.frozen['scale'].params['x'][None]
        )

        def loss(params):
            rows = (x @ params['w'] + params['b'] - y) ** 2
            decay = 1e-3 * jnp.sum(params['w'] ** 2)
            return rows.mean() + decay, (rows, decay)

        (total, (rows, decay)), grads = jax.value_and_grad(loss, has_aux=True)(
            state.params['student']
        )
        updates, opt = optimizer.update(
            grads, state.opt['student'], state.params['student']
        )
        params = optax.apply_updates(state.params['student'], updates)
        average = jax.tree.map(
            lambda a, p: 0.9 * a + 0.1 * p, state.memory['average'], params
        )
        metrics = {
            'loss': total,
            'loss/fit': rows.mean(),
            'loss/decay': decay,
            'utilisation': jax.random.uniform(key),
            'rows': rows,
        }
        new = state._replace(
            step=state.step + 1,
            params={'student': params},
            stats={'student': {'mean': x.mean(0)}},
            opt={'student': opt},
            memory={
                'average': average,
                'seen': state.memory['seen'].at[batch['labelled']['index']].add(1),
                'one': jnp.asarray(1.0),
            },
        )
        return new, metrics

    def predict(state, inputs, *, key=None):
        p = state.params['student']
        return {'logits': inputs @ p['w'] + p['b']}

    needs = {'labelled': Stream(('x', 'y'))}
    return Method(init, step, predict, needs, {'student': predict}, 'student')


METHOD = method()  # compiled once for all that use it


def evaluate(method, state):
    error = jnp.abs(state.memory['average']['w'] - WEIGHTS).mean()
    return {'validation_accuracy': 1.0 - error, 'validation_steps': state.step}


def _dying(how, at):
    """Returns a feed that ends the process, or sets a trap elsewhere that does."""

    def die(signum=signal.SIGKILL):
        os.kill(os.getpid(), signum)

    def traitor(step):
        if how in ('feed', 'term') and step == at:
            die(signal.SIGTERM if how == 'term' else signal.SIGKILL)
        return feed(step)

    append, checksum = writers.append, checkpoints._checksum

    def torn(path, row):
        if how == 'row' and row['step'] == at:
            with open(path, 'ab') as file:
                file.write(json.dumps(row).encode()[:9])
            die()
        append(path, row)

    def before_the_json(path):
        if how == 'checkpoint' and f'{at}' in path.parts:
            die()
        return checksum(path)

    writers.append, checkpoints._checksum = torn, before_the_json
    return traitor


if __name__ == '__main__':
    folder, how, at = sys.argv[1:]
    run = Run(folder, **CADENCE, progress=False)
    run.fit('main', METHOD, _dying(how, int(at)), STEPS, evaluate=evaluate)
