"""Compute in bfloat16 changes what layers multiply, and no type that is kept."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from ssljax import models
from ssljax.contracts import InputError

DTYPES = ('float32', 'bfloat16')
KEY = jax.random.key(0, impl='rbg')
TOKENS = {
    'tokens': jnp.array([[3, 4, 5, 0], [8, 7, 6, 5]]),
    'length': jnp.array([3, 4]),
}


def noise(*shape):
    return jax.random.normal(jax.random.key(1), shape)


BUILDERS = {  # with inputs, and how many layers compute in the type that is asked for
    'wide_resnet': (
        functools.partial(models.wide_resnet, 3, depth=10, width=1),
        noise(8, 8, 8, 3),
        9,
    ),
    'wide_resnet again': (
        functools.partial(models.wide_resnet, 3, depth=10, width=1, remat=True),
        noise(8, 8, 8, 3),
        9,
    ),
    'small_cnn': (functools.partial(models.small_cnn, 3), noise(4, 8, 8, 1), 4),
    'small_cnn batch': (
        functools.partial(models.small_cnn, 3, norm='batch', dropout=0.1),
        noise(16, 8, 8, 1),
        4,
    ),
    'series_cnn': (functools.partial(models.series_cnn, 3), noise(4, 16, 1), 4),
    'text_cnn': (functools.partial(models.text_cnn, 3, vocabulary=9), TOKENS, 1),
    'mlp': (functools.partial(models.mlp, 3, hidden=(8, 8)), noise(4, 5), 2),
}


def products(jaxpr, found=()):
    """Types of the operands of convolutions and matrix products, also inner ones."""
    found = list(found)
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in ('conv_general_dilated', 'dot_general'):
            found.append({v.aval.dtype.name for v in eqn.invars})
        for inner in jaxprs_in_params(eqn.params):
            found = products(inner, found)
    return found


@pytest.mark.parametrize('name', BUILDERS)
def test_bfloat16_is_what_layers_compute_in_and_nothing_else(name):
    build, inputs, layers = BUILDERS[name]

    def answer(network, variables):
        return network.apply(variables, inputs, train=True)

    answers = {n: functools.partial(answer, build(dtype=n)) for n in DTYPES}
    variables = jax.jit(build(dtype='bfloat16').init)(KEY, inputs)
    found = products(jax.make_jaxpr(answers['bfloat16'])(variables).jaxpr)
    assert found.count({'bfloat16'}) == layers
    assert {'bfloat16', 'float32'} not in found
    kept = jax.eval_shape(answers['bfloat16'], variables)
    assert {x.dtype.name for x in jax.tree.leaves((variables, kept))} == {'float32'}

    exact, near = (jax.jit(answers[n])(variables) for n in DTYPES)
    for a, b in zip(*map(jax.tree.leaves, (near, exact)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0.05, atol=0.05)
    assert (near[0]['logits'] != exact[0]['logits']).any()


@pytest.mark.parametrize('dtype', ['bf16', 'int8', 'half precision'])
def test_other_types_are_refused(dtype):
    with pytest.raises(InputError, match=f"dtype is '{dtype}'; give 'float32' or"):
        models.mlp(3, dtype=dtype)
