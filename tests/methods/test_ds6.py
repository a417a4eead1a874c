"""DS6: scales by their weights, soft bent masks, and what leans on its place."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks
from ssljax.contracts import InputError, Network, Variables

TASK = tasks.segmentation(2, (12, 12, 1), surfaces=False)


def two_scales():
    """Logits (0, gain * image + place), and half of them on a second scale."""

    def apply(variables, images, *, train, key=None):
        p = variables.params
        place = p['place'] * jnp.cos(2.0 * jnp.arange(12)).reshape(1, -1, 1, 1)
        z = p['gain'] * images + place
        logits = jnp.concatenate([0 * z, z], -1)
        return {'logits': logits, 'scales': (logits, 0.5 * logits)}, {}

    def init(key, images):
        return Variables({'gain': jnp.ones(()), 'place': jnp.zeros(())})

    return Network(init, apply)


@pytest.fixture(scope='module')
def batch():
    grid = jnp.stack(jnp.meshgrid(jnp.arange(12), jnp.arange(12), indexing='ij'))
    image = jnp.sin(0.3 * jnp.arange(1, 5).reshape(-1, 1, 1) + 0.5 * grid.sum(0)[None])
    mask = (image[:2] > 0.3).astype(jnp.int32).at[0, :3].set(losses.IGNORED)
    labelled = {'image': image[:2, ..., None], 'mask': mask}
    return {
        'labelled': {'weak': labelled, 'index': jnp.arange(2)},
        'unlabelled': {'weak': {'image': image[2:, ..., None]}, 'index': jnp.arange(2)},
    }


def stepped(batch, place=0.0, **options):
    options = {'scale_weights': (1.0, 0.66), 'spacing': (2,), **options}
    method = methods.ds6(two_scales(), optax.sgd(1.0), task=TASK, **options)
    state = method.init(jax.random.key(0), batch)
    params = {'student': {'gain': jnp.asarray(2.0), 'place': jnp.asarray(place)}}
    return jax.jit(method.step)(state._replace(params=params), batch)[1]


def test_where_nothing_bends(batch):
    metrics = stepped(batch, most=(0.0, 0.0))
    labelled = batch['labelled']['weak']
    z = np.asarray(2.0 * labelled['image'][..., 0])
    kept, y = np.asarray(labelled['mask']) != 255, np.asarray(labelled['mask']) == 1

    def lost(p, y):
        hit, missed, wrong = (p * y).sum(), ((1 - p) * y).sum(), (p * (1 - y)).sum()
        return (1 - (hit + 1) / (hit + 0.7 * missed + 0.3 * wrong + 1)) ** 0.75

    scales = [lost((1 / (1 + np.exp(-s * z)))[kept], y[kept]) for s in (1.0, 0.5)]
    wanted = scales[0] + 0.66 * scales[1]
    np.testing.assert_allclose(metrics['loss/straight'], wanted, rtol=1e-4)
    np.testing.assert_allclose(metrics['loss/bent'], wanted, rtol=1e-4)
    both = [x['weak']['image'] for x in batch.values()]
    p = 1 / (1 + np.exp(-2.0 * np.concatenate(both)))
    np.testing.assert_allclose(metrics['loss/alike'], lost(p, p), rtol=1e-4)


def test_leaning_on_a_place_costs_where_it_bends(batch):
    """Of answers that are as sure: against the same network with nothing bent."""
    costs = {}
    for place in (0.0, 2.0):
        still = stepped(batch, place, most=(0.0, 0.0))['loss/alike']
        costs[place] = stepped(batch, place, most=(0.3, 0.3))['loss/alike'] - still
    assert costs[2.0] > 2 * abs(costs[0.0]), costs


def test_refusals(batch):
    with pytest.raises(InputError, match='answers 2 scales'):
        stepped(batch, scale_weights=(1.0,))
    with pytest.raises(InputError, match='scale_weights is empty'):
        stepped(batch, scale_weights=())
