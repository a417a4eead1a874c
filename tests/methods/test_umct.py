"""UMCT: frames there and back, and who is believed."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, tasks, views
from ssljax.contracts import InputError, Network, Variables

TASK = tasks.segmentation(2, (4, 4, 1), surfaces=False)
FRAMES = (((0, 1), ()), ((1, 0), ()), ((0, 1), (0,)))


def wavering():
    """Logits (bias + what was left of here, own noise)."""

    def apply(variables, images, *, train, key=None):
        p, drawn = variables.params, jnp.zeros(images.shape)
        if key is not None:
            drawn = p['noise'] * jax.random.normal(key, images.shape)
        left = jnp.roll(images, 1, axis=2)
        return {'logits': jnp.concatenate([p['bias'] + left, drawn], -1)}, {}

    def init(key, images):
        return Variables({'bias': jnp.zeros(()), 'noise': jnp.zeros(())})

    return Network(init, apply)


@pytest.fixture(scope='module')
def batch():
    image = jnp.zeros((2, 4, 4, 1))
    labelled = {'image': image, 'mask': jnp.zeros((2, 4, 4), jnp.int32)}
    return {
        'labelled': {'weak': labelled, 'index': jnp.arange(2)},
        'unlabelled': {'weak': {'image': image}, 'index': jnp.arange(2)},
    }


def begun(batch, biases=(1.0, -4.0, 1.0), noises=(0.0, 2.0, 0.0), **options):
    method = methods.umct(
        wavering(), optax.sgd(1.0), task=TASK, frames=FRAMES, noise=0.0, **options
    )
    state = method.init(jax.random.key(0), batch)
    params = {
        name: {'bias': jnp.asarray(bias), 'noise': jnp.asarray(noise)}
        for name, bias, noise in zip(state.params, biases, noises, strict=True)
    }
    return method, state._replace(params=params)


@pytest.mark.parametrize('weighted', [True, False])
def test_a_view_that_wavers_is_not_believed(batch, weighted):
    """The second one is surer on average, and more of its mind; but not always."""
    method, state = begun(batch, weighted=weighted)
    _, metrics = jax.jit(method.step)(state, batch)
    right, wrong = np.log1p(np.exp(-1.0)), np.log1p(np.exp(1.0))
    found = metrics['loss/student3_others_cross_entropy']
    if weighted:
        np.testing.assert_allclose(found, 0.5 * right, rtol=1e-5)
    else:  # on nearly all sites
        np.testing.assert_allclose(found, 0.5 * wrong, rtol=0.2)
    if weighted:
        assert metrics['sureness/student2'] < metrics['sureness/student'] - 3


def test_answers_stand_where_the_image_does(batch):
    method, state = begun(batch)
    image = jax.random.normal(jax.random.key(1), (1, 4, 4, 1))
    for name, frame in zip(state.params, FRAMES, strict=True):
        frame = views.AxisFrame(*frame)
        inside = jnp.roll(views.into_frame(image, frame), 1, axis=2)
        answer = method.answers[name](state, image)['logits'][..., :1]
        np.testing.assert_allclose(
            answer - state.params[name]['bias'],
            views.out_of_frame(inside, frame),
            atol=1e-6,
        )
    together = jax.nn.softmax(method.predict(state, image)['logits'])
    each = [
        jax.nn.softmax(method.answers[n](state, image)['logits']) for n in state.params
    ]
    np.testing.assert_allclose(together, sum(each) / 3, rtol=1e-5)


def test_the_first_stage_is_of_labels_alone(batch):
    method, state = begun(batch, alone=1)
    step = jax.jit(method.step)
    for number, weight in ((0, 0.0), (1, 0.2)):
        _, metrics = step(state._replace(step=jnp.asarray(number)), batch)
        np.testing.assert_allclose(metrics['weight'], weight, rtol=1e-6)
        terms = {n: x for n, x in metrics.items() if n.startswith('loss/')}
        others = sum(x for n, x in terms.items() if '_others_' in n)
        rest = sum(terms.values()) - others
        np.testing.assert_allclose(metrics['loss'], rest + weight * others, rtol=1e-5)


def test_refusals():
    for options, word in (
        ({'passes': 1}, 'passes'),
        ({'frames': FRAMES[:1]}, 'frames'),
    ):
        with pytest.raises(InputError, match=word):
            methods.umct(wavering(), optax.sgd(1.0), task=TASK, **options)
