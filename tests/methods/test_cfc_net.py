"""CFC-Net: each band its student, one teacher of the whole, cubes of the surer band."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks, views
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.cfc_net import even

TASK = tasks.segmentation(2, (8, 8, 1), surfaces=False)


def pointwise():
    """Logits (gain * image, 0); it counts the means that it has seen."""

    def apply(variables, images, *, train, key=None):
        logits = variables.params['gain'] * images
        stats = {'square': jnp.mean(images**2)} if train else variables.stats
        return {'logits': jnp.concatenate([logits, 0 * logits], -1)}, stats

    def init(key, images):
        return Variables({'gain': jax.random.normal(key)}, {'square': jnp.zeros(())})

    return Network(init, apply)


@pytest.fixture(scope='module')
def batch():
    image = 3 + jax.random.normal(jax.random.key(0), (4, 8, 8, 1))
    labelled = {'image': image[:2], 'mask': jnp.zeros((2, 8, 8), jnp.int32)}
    return {
        'labelled': {'weak': labelled, 'index': jnp.arange(2)},
        'unlabelled': {'weak': {'image': image[2:]}, 'index': jnp.arange(2)},
    }


def stepped(batch, gains, teacher=2.0):
    method = methods.cfc_net(
        pointwise(), optax.sgd(1.0), task=TASK, decay=0.75, side=4, weight=0.5
    )
    state = method.init(jax.random.key(0), batch)
    params = dict(zip(('student', 'partner'), gains, strict=True))
    params = {name: {'gain': jnp.asarray(x)} for name, x in params.items()}
    above = state.memory['teacher']
    variables = above.variables._replace(params={'gain': jnp.asarray(teacher)})
    memory = {'teacher': above._replace(variables=variables)}
    state = state._replace(params=params, memory=memory)
    return method, *jax.jit(method.step)(state, batch)


def test_terms_and_teacher(batch):
    method, new, metrics = stepped(batch, (4.0, 0.5))
    image = batch['unlabelled']['weak']['image']
    low, high = (even(x) for x in views.split_frequencies(image, 0.1))
    whole = jax.nn.softmax(two(2.0 * even(image)))
    trust = jnp.exp(jnp.sum(whole * jnp.log(whole), -1))
    sure, hard = whole.max(-1) >= 0.75, whole.argmax(-1)
    logits = {'student': two(4.0 * low), 'partner': two(0.5 * high)}
    for name, other in (('student', 'partner'), ('partner', 'student')):
        squares = ((jax.nn.softmax(logits[name]) - whole) ** 2).mean(-1)
        cross = losses.cross_entropy(logits[name], logits[other].argmax(-1))
        # The student is surer everywhere: the mix has its band alone.
        seen = two((4.0 if name == 'student' else 0.5) * low)
        mix = jnp.where(sure, losses.cross_entropy(seen, hard), 0.0)
        wanted = {'cross': cross.mean(), 'full': (trust * squares).mean()}
        for term, x in (wanted | {'mix': mix.mean()}).items():
            found = metrics[f'loss/{name}_{term}']
            np.testing.assert_allclose(found, x, rtol=1e-4, err_msg=f'{name} {term}')
    assert metrics['high_cubes'] == 0

    average = new.memory['teacher'].variables
    gains = [new.params[name]['gain'] for name in ('student', 'partner')]
    np.testing.assert_allclose(
        average.params['gain'], 0.75 * 2.0 + 0.25 * sum(gains) / 2, rtol=1e-5
    )
    # Its statistics are of the whole image, and so are its answers.
    np.testing.assert_allclose(average.stats['square'], 1.0, rtol=1e-4)
    answer = method.predict(new, image)['logits'][..., :1]
    np.testing.assert_allclose(answer, average.params['gain'] * even(image), rtol=1e-4)


def test_networks_start_alike(batch):
    """Or the teacher, their mean, would be the mean of two unrelated networks."""
    method = methods.cfc_net(pointwise(), optax.sgd(1.0), task=TASK, side=4)
    state = method.init(jax.random.key(0), batch)
    gain = state.params['student']['gain']
    assert state.params['partner']['gain'] == gain
    assert state.memory['teacher'].variables.params['gain'] == gain


def test_labels_are_learnt_on_the_whole_too(batch):
    """Or the teacher would be asked for what neither student has seen."""
    _, _, metrics = stepped(batch, (4.0, 0.5))
    logits = two(0.5 * even(batch['labelled']['weak']['image']))
    supervised = TASK.supervised({'logits': logits}, batch['labelled']['weak'])
    assert supervised
    for term, rows in supervised.items():
        found = metrics[f'loss/partner_whole_{term}']
        np.testing.assert_allclose(found, rows.mean(), rtol=1e-4, err_msg=term)
    method = methods.cfc_net(
        pointwise(), optax.sgd(1.0), task=TASK, side=4, whole_labels=False
    )
    _, metrics = method.step(method.init(jax.random.key(0), batch), batch)
    assert not [name for name in metrics if 'whole' in name]


def test_without_bands_both_see_the_whole(batch):
    method = methods.cfc_net(
        pointwise(), optax.sgd(1.0), task=TASK, cutoff=None, side=4, mix_weight=0.0
    )
    new, metrics = jax.jit(method.step)(method.init(jax.random.key(0), batch), batch)
    assert metrics['loss/student_cross'] == metrics['loss/partner_cross']
    image = batch['unlabelled']['weak']['image']
    gain = new.params['partner']['gain']
    answer = method.answers['partner'](new, image)['logits'][..., :1]
    np.testing.assert_allclose(answer, gain * even(image), rtol=1e-4)


def test_cubes_are_of_the_surer_band(batch):
    _, _, metrics = stepped(batch, (0.0, 4.0))
    assert metrics['high_cubes'] == 1


def test_a_threshold_is_a_probability():
    with pytest.raises(InputError, match='threshold is 2'):
        methods.cfc_net(pointwise(), optax.sgd(1.0), task=TASK, threshold=2)


def two(x):
    return jnp.concatenate([x, 0 * x], -1)
