"""C3S3: the official losses and gradients, whoever wins; contrast by its definition."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, schedules, tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.losses.region_contrast import region_contrast

SHAPE = (5, 4, 3)
TASK = tasks.segmentation(2, (*SHAPE, 1), background=False, surfaces=False)
HEAD = Network(
    lambda key, rows: Variables({}),
    lambda variables, rows, *, train, key=None: ({'logits': rows}, variables.stats),
)


def last(x):
    return jnp.moveaxis(jnp.asarray(x, jnp.float32), 1, -1)


def answers(case, name):
    """Of both views, [2, B, ...]: a network's parameters."""
    return {
        kind: jnp.stack([last(case[f'in_{prefix}{name}{view}']) for view in (1, 2)])
        for kind, prefix in (('logits', ''), ('feature_map', 'f'))
    }


def recalled(params):
    """A network that answers the first view, the second, the first and so on."""
    calls = itertools.count(1)  # init asks once

    def apply(variables, images, *, train, key=None):
        view = next(calls) % 2
        return {name: x[view] for name, x in variables.params.items()}, {}

    return Network(lambda key, images: Variables(params), apply)


def along_depth(logits):
    """The cosine as the official code has it."""
    a, b = logits
    lengths = jnp.linalg.norm(a, axis=3) * jnp.linalg.norm(b, axis=3)
    return jnp.mean(1 - jnp.sum(a * b, axis=3) / lengths)


@pytest.mark.parametrize('order', ['AB', 'BA'])
def test_official_step(golden, order):
    case = golden('segmentation_c3s3_selection_contrast')
    networks = {
        name: answers(case, letter)
        for name, letter in zip(('student', 'partner'), order, strict=True)
    }
    ramp = schedules.sigmoid_ramp(40, float(case['hp_consistency']))
    method = methods.c3s3(
        recalled(networks['student']),
        optax.sgd(1.0),
        projector=HEAD,
        partner=recalled(networks['partner']),
        task=TASK,
        share=float(case['hp_alpha']),
        agreement_weight=0.0,  # theirs is not over classes
        noise=0.0,
        weight=lambda step: ramp(step // 150),
    )
    image = jnp.zeros((2, *SHAPE, 1))
    mask = jnp.asarray(case['in_label'][:1], jnp.int32)
    labelled = {'image': image[:1], 'mask': mask}
    batch = {
        'labelled': {'weak': labelled, 'index': jnp.arange(1)},
        'unlabelled': {'weak': {'image': image[1:]}, 'index': jnp.arange(1)},
    }
    state = method.init(jax.random.key(0), batch)
    state = state._replace(step=jnp.asarray(int(case['hp_iter'])))
    new, metrics = jax.jit(method.step)(state, batch)

    good = f'out_official_{order[0]}_good_'
    assert metrics['student_wins'] == (order == 'AB')
    for name, letter in (('student', 'v'), ('partner', 'r')):
        found = metrics[f'loss/{name}_cross_entropy'] + metrics[f'loss/{name}_dice']
        np.testing.assert_allclose(found, case[f'{good}sup_{letter}'], rtol=1e-5)
    weighed = metrics['weight'] * case[f'{good}cons']
    np.testing.assert_allclose(metrics['loss/drawn'], weighed, rtol=1e-5)
    total = 2 * case[f'{good}contrast'].sum()
    np.testing.assert_allclose(metrics['loss/contrast'], total, rtol=1e-5)

    theirs = jax.jit(jax.grad(along_depth))
    for name, letter in zip(('student', 'partner'), order, strict=True):
        old, moved = state.params[name], new.params[name]
        slope = {kind: np.asarray(old[kind] - moved[kind]) for kind in old}
        slope['logits'] = slope['logits'] + np.asarray(theirs(old['logits']))
        for kind, prefix in (('logits', ''), ('feature_map', 'f')):
            wanted = [last(case[f'{good}dsum_{prefix}{letter}{n}']) for n in (1, 2)]
            np.testing.assert_allclose(
                slope[kind], wanted, rtol=1e-4, atol=5e-6, err_msg=f'{name} {kind}'
            )


def test_the_cosine_is_over_classes(golden):
    case = golden('segmentation_c3s3_selection_contrast')
    params = answers(case, 'A')
    method = methods.c3s3(
        recalled(params),
        optax.sgd(1.0),
        projector=HEAD,
        partner=recalled(params),
        task=TASK,
        noise=0.0,
        contrast_weight=0.0,
    )
    image = jnp.zeros((1, *SHAPE, 1))
    labelled = {'image': image, 'mask': jnp.zeros((1, *SHAPE), jnp.int32)}
    batch = {
        'labelled': {'weak': labelled, 'index': jnp.arange(1)},
        'unlabelled': {'weak': {'image': image}, 'index': jnp.arange(1)},
    }
    state = method.init(jax.random.key(0), batch)
    _, metrics = jax.jit(method.step)(state, batch)
    wanted = case['out_paper_cos_A_class_axis']
    np.testing.assert_allclose(metrics['loss/student_agreement'], wanted, rtol=1e-5)


@pytest.mark.parametrize('masked', [False, True])
def test_contrast_by_its_definition(masked):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2, 3, 4, 5)).astype(np.float32)
    mask_a, mask_b = rng.random((2, 2, 3, 4)) < 0.6
    s = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1) / 0.2
    expected = 0.0
    for region in (mask_a & mask_b, ~(mask_a | mask_b)):
        if masked:
            below = np.exp(s[~region]).sum()
            lost = -np.log(np.exp(s) / (np.exp(s) + below))[region]
        else:
            below = np.exp(np.where(region, 0, s)).sum()
            own = np.exp(np.where(region, s, 0))
            lost = -np.log(own / (own + below))
        expected += lost.mean()
    found = jax.jit(region_contrast, static_argnames=('temperature', 'masked'))(
        a, b, mask_a, mask_b, temperature=0.2, masked=masked
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_refusals():
    with pytest.raises(InputError, match='share is 2'):
        methods.c3s3(HEAD, optax.sgd(1.0), projector=HEAD, task=TASK, share=2)
    with pytest.raises(InputError, match='same sites'):
        region_contrast(
            jnp.ones((1, 2, 3)), jnp.ones((1, 2, 3)), jnp.ones((1, 3)), jnp.ones((1, 2))
        )
