"""TraCoCo: who teaches whom, and what a network that leans on its crop pays."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks, views
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.tracoco import Pasting

TASK = tasks.segmentation(2, (12, 12, 1), surfaces=False)
CROPS = views.overlapping_crops((8, 8), share=0.5)


def pointwise():
    """Each site by itself, and by its place in the crop as far as 'place' says."""

    def apply(variables, images, *, train, key=None):
        p = variables.params
        place = jnp.arange(images.shape[1]).reshape(1, -1, 1, 1) * p['place']
        return {
            'logits': jnp.concatenate([p['gain'] * images, place + 0 * images], -1)
        }, {}

    def init(key, images):
        return Variables({'gain': jax.random.normal(key), 'place': jnp.zeros(())})

    return Network(init, apply)


@pytest.fixture(scope='module')
def batch():
    def seen(seed, **more):
        image = jax.random.normal(jax.random.key(seed), (4, 12, 12, 1))
        keys = jax.random.split(jax.random.key(seed + 1), 4)
        crops = jax.jit(jax.vmap(CROPS))(keys, {'image': image, **more})
        return {'crops': crops, 'index': jnp.arange(4)}

    mask = jax.random.randint(jax.random.key(9), (4, 12, 12), 0, 2)
    return {'labelled': seen(0, mask=mask), 'unlabelled': seen(5)}


def step(batch, gains, places=(0.0, 0.0), **options):
    method = methods.tracoco(
        pointwise(), optax.sgd(1.0), task=TASK, noise=0.0, lowest=0.3, **options
    )
    state = method.init(jax.random.key(0), batch)
    both = zip(('student', 'partner'), gains, places, strict=True)
    params = {
        name: {'gain': jnp.asarray(gain), 'place': jnp.asarray(place)}
        for name, gain, place in both
    }
    return jax.jit(method.step)(state._replace(params=params), batch)


def test_each_learns_what_the_other_says(batch):
    _, metrics = step(batch, (2.0, -1.0), mixed=())
    image = batch['unlabelled']['crops']['image']
    logits = {
        name: jnp.concatenate([gain * image, 0 * image], -1)
        for name, gain in (('student', 2.0), ('partner', -1.0))
    }
    for name, other in (('student', 'partner'), ('partner', 'student')):
        pair = losses.confident_pair(logits[name], logits[other], lowest=0.3)
        for term, x in pair.items():
            found = metrics[f'loss/{name}_{term}']
            np.testing.assert_allclose(found, x, rtol=1e-5, err_msg=f'{name} {term}')
            assert x > 0


def test_only_a_network_that_leans_on_its_crop_pays(batch):
    """Also where columns are pasted: these sites show something else."""
    for mixed in ((), ('student', 'partner')):
        _, metrics = step(batch, (2.0, 2.0), (0.0, 0.3), mixed=mixed)
        assert metrics['loss/student_translation'] < 1e-6
        assert metrics['loss/partner_translation'] > 1e-3
        assert metrics['loss/student_saddle'] < 0


def test_an_answer_is_pasted_as_its_image(batch):
    image = batch['unlabelled']['crops']['image']
    pasting = Pasting(jax.random.key(3), image, 4.0)
    changed = np.asarray((pasting(image) != image)[..., 0])
    others = np.asarray(pasting.others)
    np.testing.assert_array_equal(
        changed, pasting.region & (others != np.arange(4)).reshape(-1, 1, 1)
    )
    np.testing.assert_array_equal(
        pasting(3 * image),
        jnp.where(pasting.region[..., None], 3 * image[others], 3 * image),
    )
    assert changed.any()


def test_refusals(batch):
    with pytest.raises(InputError, match='mixed has'):
        step(batch, (1.0, 1.0), mixed=('teacher',))
    plain = {name: {**x, 'crops': {**x['crops']}} for name, x in batch.items()}
    del plain['unlabelled']['crops']['neighbour']
    with pytest.raises(InputError, match='overlapping_crops'):
        step(plain, (1.0, 1.0))
