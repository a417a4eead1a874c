"""The pyramid of densities: shapes, sums, and disturbances that need a key."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError
from ssljax.models.counting import _HideStrongest, nnx

KEY = jax.random.key(0, impl='rbg')


@pytest.fixture(scope='module')
def answers():
    network = models.pyramid_counter(channels=(4, 8, 8))
    images = jax.random.uniform(KEY, (2, 32, 48, 1))
    variables = network.init(KEY, images)

    def run(key):
        return network.apply(variables, images, train=True, key=key)[0]

    keyed = jax.jit(run)
    return run(None), keyed(jax.random.key(1)), keyed(jax.random.key(2))


def test_three_densities_and_three_counts(answers):
    plain = answers[0]
    assert plain['densities'].shape == (2, 3, 8, 12, 1)
    assert plain['counts'].shape == (2, 3)
    assert all(x.dtype == jnp.float32 for x in plain.values())
    assert (plain['densities'] >= 0).all()
    # Coarser maps were enlarged: they change more slowly.
    rough = [np.abs(np.diff(plain['densities'][:, t, :, :, 0])).mean() for t in (0, 2)]
    assert rough[0] > rough[1]


def test_all_levels_begin_with_as_many_things(answers):
    begin = 0.001 * 32 * 48
    for found in answers[0]['densities'].sum((2, 3, 4)), answers[0]['counts']:
        ratio = np.asarray(found) / begin
        assert (ratio > 1 / 8).all() and (ratio < 8).all()
        assert 0.4 < np.exp(np.log(ratio).mean()) < 2.5


def test_heads_are_disturbed_by_the_key_alone(answers):
    plain, one, two = answers
    for name in ('densities', 'counts'):
        for t in range(3):
            assert np.abs(one[name][:, t] - plain[name][:, t]).max() > 1e-6
        for t in (0, 2):  # so few cells of the middle may well be hidden alike
            assert np.abs(one[name][:, t] - two[name][:, t]).max() > 1e-6


def test_the_strongest_places_are_hidden():
    layer = _HideStrongest(rngs=nnx.Rngs(0))
    strength = jnp.linspace(0, 1, 101).reshape(1, 1, -1, 1)
    features = jnp.concatenate([strength, strength], axis=-1).repeat(16, axis=0)
    kept = np.asarray(layer(features))[:, 0, :, 0] > 0
    assert kept[:, 1:70].all() and not kept[:, 90:].any()
    assert len({row.sum() for row in kept}) > 4  # each image has a limit of its own


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match='channels'):
        models.pyramid_counter(channels=(4, 4))
    with pytest.raises(InputError, match='begin'):
        models.pyramid_counter(begin=0.0)
    with pytest.raises(InputError, match='noise'):
        models.pyramid_counter(noise=1.0)
    network = models.pyramid_counter(channels=(4, 4, 4))
    variables = network.init(KEY, None)
    with pytest.raises(InputError, match='multiples of 16'):
        network.apply(variables, jnp.ones((1, 32, 40, 1)), train=False)
