"""Mean Teacher on volumes, by the library and written out, for ``step_overhead``."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import optax

from ssljax import methods, models, tasks, teachers
from ssljax.contracts import Variables

B, SIDE, C, DECAY = 2, 32, 2, 0.99


def library(network, optimizer):
    """As a user of the library has it."""
    method = methods.mean_teacher(
        network,
        optimizer,
        task=tasks.segmentation(C, (SIDE, SIDE, SIDE, 1)),
        teacher=teachers.ema(DECAY),
        student_view='strong',
        weight=1.0,
    )
    return method.init, method.step


def by_hand(network, optimizer):
    """The same mathematics in one function, with nothing around it."""

    def init(key, batch):
        variables = network.init(key, batch['labelled']['weak']['image'])
        params = jax.tree.map(jnp.copy, variables.params)
        slow = jax.tree.map(jnp.copy, variables.params)
        stats, slow_stats = variables.stats, jax.tree.map(jnp.copy, variables.stats)
        opt = optimizer.init(params)
        return jnp.zeros((), jnp.int32), key, params, stats, slow, slow_stats, opt

    def step(state, batch):
        count, key, params, stats, slow, slow_stats, opt = state
        keys = jax.random.split(jax.random.fold_in(key, count), 3)

        def run(params, stats, x, key):
            variables = Variables(params, stats)
            return network.apply(variables, x, train=True, key=key)

        def loss_fn(params):
            labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']
            first, second = (jax.random.fold_in(keys[0], i) for i in (0, 1))
            found, new = run(params, stats, labelled['image'], first)
            log_p = jax.nn.log_softmax(found['logits'])
            y = jax.nn.one_hot(labelled['mask'], C)
            p = jnp.exp(log_p)
            sites = tuple(range(y.ndim - 1))
            both = 2 * (p * y).sum(sites) + 1e-5
            dice = 1 - both / ((p * p).sum(sites) + (y * y).sum(sites) + 1e-5)
            supervised = 0.5 * (dice.mean() - (log_p * y).sum(-1).mean())

            weak = unlabelled['weak']['image']
            answer, _ = run(slow, slow_stats, weak, keys[1])
            answer = jax.nn.softmax(jax.lax.stop_gradient(answer['logits']))
            found, new = run(params, new, unlabelled['strong']['image'], second)
            unsupervised = ((jax.nn.softmax(found['logits']) - answer) ** 2).mean()
            return supervised + unsupervised, (supervised, unsupervised, new)

        slope = jax.value_and_grad(loss_fn, has_aux=True)
        (loss, (*aux, new)), grads = slope(params)
        updates, opt = optimizer.update(grads, opt, params)
        params = optax.apply_updates(params, updates)

        slow = jax.tree.map(lambda s, p: DECAY * s + (1 - DECAY) * p, slow, params)
        slow_stats = jax.tree.map(jnp.copy, new)
        return (count + 1, key, params, new, slow, slow_stats, opt), (loss, *aux)

    return init, step


def mean_teacher():
    """Mean Teacher on noise, its views photometric, so that nothing is carried."""
    draw = partial(jax.random.uniform, dtype=jnp.float32)
    shape = (B, SIDE, SIDE, SIDE, 1)
    images = [draw(jax.random.key(i), shape) for i in range(3)]
    mask = jax.random.randint(jax.random.key(3), shape[:-1], 0, C, jnp.int32)
    index = jnp.arange(B, dtype=jnp.int32)
    weak, strong = ({'image': x} for x in images[1:])
    return (
        f'Mean Teacher step, unet (8, 16, 32) of three axes, {SIDE}x{SIDE}x{SIDE}x1, '
        f'B and U {B}, float32',
        models.unet(C, axes=3, channels=(8, 16, 32), dropout=0.0),
        {'library': library, 'by hand': by_hand},
        {
            'labelled': {'index': index, 'weak': {'image': images[0], 'mask': mask}},
            'unlabelled': {'index': index, 'weak': weak, 'strong': strong},
        },
    )
