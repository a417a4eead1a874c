"""A teacher in anybody's optax loop: nnx, linen and plain dicts as they come."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

from ssljax import teachers

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def plain():
    params = {'kernel': jnp.zeros((3, 1)), 'bias': jnp.zeros((1, 1))}
    return params, lambda params, x: x @ params['kernel'] + params['bias']


def of_linen():
    module = linen.Dense(1)
    return module.init(jax.random.key(0), X), module.apply


def of_nnx():
    graph, params = nnx.split(nnx.Linear(3, 1, rngs=nnx.Rngs(0)))
    return params, lambda params, x: nnx.merge(graph, params)(x)


@pytest.mark.parametrize('make', [plain, of_linen, of_nnx])
def test_average_in_a_plain_loop(make):
    params, apply = make()
    optimizer = optax.sgd(0.1, momentum=0.9)
    teacher = teachers.ema(teachers.tenth_warmup(0.9))

    def train(params, opt, slow, step):
        grads = jax.grad(lambda p: jnp.mean((apply(p, X) - Y) ** 2))(params)
        updates, opt = optimizer.update(grads, opt, params)
        params = optax.apply_updates(params, updates)
        return params, opt, teacher.update(slow, params, step=step)

    train = jax.jit(train, donate_argnums=(0, 1, 2))
    opt, slow = optimizer.init(params), teacher.init(params)
    structure = jax.tree.structure(params)
    expected = [np.array(x, float) for x in jax.tree.leaves(params)]
    for step in range(12):
        params, opt, slow = train(params, opt, slow, step)
        d = min(0.9, (1 + step) / (10 + step))
        seen = jax.tree.leaves(params)
        expected = [
            d * e + (1 - d) * np.array(s) for e, s in zip(expected, seen, strict=True)
        ]
    weights = teacher.variables(slow)
    assert jax.tree.structure(weights) == structure
    for got, own in zip(jax.tree.leaves(weights), expected, strict=True):
        np.testing.assert_allclose(got, own, rtol=1e-5, atol=1e-6)
    # It answers, as itself: not yet where the student is.
    assert apply(weights, X).shape == (8, 1)
    assert not np.allclose(apply(weights, X), apply(params, X), atol=1e-3)
