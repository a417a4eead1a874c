"""Anatomy-aware uncertainty: the official step, and the autoencoder of masks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, schedules, tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.mask_autoencoder import mask_autoencoder
from ssljax.teachers import ema
from ssljax.teachers.ema import EmaState

SHAPE = (5, 5, 4)
TASK = tasks.segmentation(3, (*SHAPE, 1), background=False, surfaces=False)


def last(x):
    return jnp.moveaxis(jnp.asarray(x, jnp.float32), 1, -1)


def table(logits):
    """A network whose parameters are its answers; images are row numbers."""

    def apply(variables, images, *, train, key=None):
        rows = images.reshape(len(images), -1)[:, 0].astype(jnp.int32)
        return {'logits': variables.params['logits'][rows]}, variables.stats

    return Network(lambda key, images: Variables({'logits': logits}), apply)


def recalled(masks):
    """An autoencoder that has learnt the answers to two masks by heart."""

    def apply(variables, ids, *, train, key=None):
        known = (ids[:, None] == masks[None]).all(range(2, ids.ndim + 1))
        row = jnp.where(known.any(1), jnp.argmax(known, axis=1), -1)
        logits = variables.params['logits'][row]
        return {
            'logits': jnp.where(row.reshape(-1, 1, 1, 1, 1) < 0, jnp.nan, logits)
        }, {}

    return Network(lambda key, ids: None, apply)


def batch(mask):
    image = jnp.arange(2.0).reshape(2, 1, 1, 1, 1) * jnp.ones((1, *SHAPE, 1))
    return {
        'labelled': {
            'weak': {'image': image[:1], 'mask': mask},
            'index': jnp.arange(1),
        },
        'unlabelled': {'weak': {'image': image[1:]}, 'index': jnp.arange(1)},
    }


def test_official_step(golden):
    case = golden('segmentation_anatomy_uncertainty_consistency')
    student, teacher, plausible = (
        last(case[f'in_{name}_logits']) for name in ('student', 'teacher', 'dae')
    )
    step, every = int(case['hp_iter']), 200
    ramp = schedules.sigmoid_ramp(40, 0.1)
    method = methods.anatomy(
        table(student),
        optax.sgd(1.0),
        autoencoder=recalled(last(case['out_official_dae_input'])),
        task=TASK,
        teacher=ema(0.5),
        gamma=float(case['hp_gamma']),
        noise=0.0,
        weight=lambda t: ramp(t // every),
    )
    data = batch(jnp.asarray(case['in_labels'][:1], jnp.int32))
    given = {'autoencoder': Variables({'logits': plausible})}
    state = method.init(jax.random.key(0), data, given)
    memory = {'teacher': EmaState(Variables({'logits': teacher}))}
    state = state._replace(step=jnp.asarray(step), memory=memory)
    new, metrics = jax.jit(method.step)(state, data)
    wanted = {
        'loss': 'loss',
        'loss/consistency': 'consistency_dist',
        'weight': 'consistency_weight',
    }
    for name, official in wanted.items():
        np.testing.assert_allclose(
            metrics[name], case[f'out_official_{official}'], rtol=1e-5, err_msg=name
        )
    np.testing.assert_allclose(
        metrics['trust'], case['out_official_weight'].mean(), rtol=1e-5
    )
    slope = state.params['student']['logits'] - new.params['student']['logits']
    np.testing.assert_allclose(
        slope, last(case['out_official_dstudent']), rtol=1e-4, atol=2e-7
    )
    # Neither the autoencoder nor the teacher is taught; the teacher follows.
    for x, y in zip(given['autoencoder'], new.frozen['autoencoder'], strict=True):
        jax.tree.map(np.testing.assert_array_equal, x, y)
    np.testing.assert_allclose(
        new.memory['teacher'].variables.params['logits'],
        0.5 * (teacher + new.params['student']['logits']),
        rtol=1e-6,
    )


def test_without_the_given_autoencoder_it_is_refused():
    method = methods.anatomy(
        table(jnp.zeros((2, *SHAPE, 3))),
        optax.sgd(1.0),
        autoencoder=recalled(jnp.zeros((1, *SHAPE, 1))),
        task=TASK,
    )
    with pytest.raises(InputError, match="no 'autoencoder'"):
        method.init(jax.random.key(0), batch(jnp.zeros((1, *SHAPE), jnp.int32)))


def test_masks_are_learnt_from_damaged_ones():
    """Its input is the damaged mask, its target the whole one, ignored sites apart."""
    seen = []

    def apply(variables, ids, *, train, key=None):
        seen.append(ids.shape)
        logits = variables.params['gain'] * jnp.stack(
            [ids[..., 0] == c for c in range(3)], -1
        )
        return {'logits': logits - 1.0}, variables.stats

    network = Network(lambda key, ids: Variables({'gain': jnp.asarray(3.0)}), apply)
    method = mask_autoencoder(network, optax.sgd(1.0), task=TASK, noise=0.0)
    rng = np.random.default_rng(0)
    mask, damaged = rng.integers(0, 3, (2, 2, *SHAPE))
    mask[0, 0], damaged[0, 1] = 255, 255
    views = {'image': jnp.zeros((2, *SHAPE, 1)), 'mask': mask, 'damaged': damaged}
    views = {name: jnp.asarray(x) for name, x in views.items()}
    data = {'labelled': {'damaged': views, 'index': jnp.arange(2)}}
    state = method.init(jax.random.key(0), data)
    _, metrics = method.step(state, data)
    assert seen[0] == (2, *SHAPE, 1) and not method.answers
    ids = np.where(damaged == 255, 0, damaged)
    probs = 1 / (1 + np.exp(1 - 3.0 * (ids[..., None] == np.arange(3))))
    kept, truth = mask != 255, mask[..., None] == np.arange(3)
    squares = ((probs - truth) ** 2).mean(-1)[kept].mean()
    p, y = probs[kept], truth[kept]
    dice = 1 - (2 * (p * y).sum(0) + 1e-5) / ((p**2).sum(0) + y.sum(0) + 1e-5)
    np.testing.assert_allclose(metrics['loss/squares'], 0.5 * squares, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss/dice'], 0.5 * dice[1:].mean(), rtol=1e-5)
