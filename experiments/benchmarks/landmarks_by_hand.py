"""Mean Teacher on heatmaps, by the library and written out, for ``step_overhead``."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import optax

from ssljax import methods, models, tasks, teachers
from ssljax.contracts import Variables

B, SIDE, STRIDE, K, SIGMA, DECAY = 16, 32, 4, 10, 4.0, 0.99


def library(network, optimizer):
    """As a user of the library has it."""
    method = methods.mean_teacher(
        network,
        optimizer,
        task=tasks.landmarks(K, (SIDE, SIDE, 1), sigma=SIGMA),
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
        return jnp.zeros((), jnp.int32), key, params, slow, optimizer.init(params)

    def run(params, x, key):
        found = network.apply(Variables(params), x, train=True, key=key)[0]
        return found['heatmaps']  # [B, S, h, w, K]

    def step(state, batch):
        count, key, params, slow, opt = state
        keys = jax.random.split(jax.random.fold_in(key, count), 3)

        def loss_fn(params):
            labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']
            first, second = (jax.random.fold_in(keys[0], i) for i in (0, 1))
            stages = run(params, labelled['image'], first)
            cells = (jnp.arange(SIDE // STRIDE) * STRIDE + (STRIDE - 1) / 2)[:, None]
            at = labelled['landmarks']
            across, down = (
                jnp.exp(-0.5 * ((cells[None] - at[:, None, :, i]) / SIGMA) ** 2)
                for i in (0, 1)
            )
            drawn = down[:, :, None] * across[:, None]
            shown = labelled['visible'][:, None, None]
            drawn = jnp.where(shown & (drawn >= 0.01), drawn, 0.0)
            squares = 0.5 * ((stages - drawn[:, None]) ** 2).sum((1, 2, 3))
            supervised = jnp.where(labelled['visible'], squares, 0.0).sum(-1).mean() / K

            answer = run(slow, unlabelled['weak']['image'], keys[1])[:, -1]
            answer = jax.lax.stop_gradient(answer)
            taught = run(params, unlabelled['strong']['image'], second)
            squares = 0.5 * ((taught - answer[:, None]) ** 2).sum((1, 2, 3))
            unsupervised = squares.mean()
            return supervised + unsupervised, (supervised, unsupervised)

        (loss, aux), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
        updates, opt = optimizer.update(grads, opt, params)
        params = optax.apply_updates(params, updates)
        slow = jax.tree.map(lambda s, p: DECAY * s + (1 - DECAY) * p, slow, params)
        return (count + 1, key, params, slow, opt), (loss, *aux)

    return init, step


def mean_teacher():
    """Mean Teacher on noise, its views photometric, so that nothing is carried."""
    draw = partial(jax.random.uniform, dtype=jnp.float32)
    images = [draw(jax.random.key(i), (B, SIDE, SIDE, 1)) for i in range(3)]
    index = jnp.arange(B, dtype=jnp.int32)
    labelled = {
        'image': images[0],
        'landmarks': draw(jax.random.key(3), (B, K, 2), maxval=SIDE - 1),
        'visible': jnp.ones((B, K), bool),
    }
    weak, strong = ({'image': x} for x in images[1:])
    return (
        f'Mean Teacher step, landmark_cnn (16, 32), {SIDE}x{SIDE}x1, {K} landmarks, B '
        f'and U {B}, float32',
        models.landmark_cnn(K, channels=(16, 32)),
        {'library': library, 'by hand': by_hand},
        {
            'labelled': {'index': index, 'weak': labelled},
            'unlabelled': {'index': index, 'weak': weak, 'strong': strong},
        },
    )
