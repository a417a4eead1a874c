"""MultiAugs: the official losses and gradients, and views that move with targets."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.multiaugs import multiaugs

H, W = 16, 12


def table(maps):
    """A network whose parameters are its heatmaps: images are row numbers."""

    def apply(variables, images, *, train, key=None):
        rows = images[:, 0, 0, 0].astype(jnp.int32)
        return {'heatmaps': variables.params['maps'][rows][:, None]}, variables.stats

    maps = jnp.asarray(maps)
    return Network(lambda key, images: Variables({'maps': maps}), apply)


def rows(start, count=4):
    return jnp.arange(start, start + count, dtype=jnp.float32).reshape(-1, 1, 1, 1)


def later(by):
    """A hard view: other rows of the table."""
    return lambda key, images, places, score: images + by


def official(case, suffix=''):
    """Rows of labels, of the easy view, and of two hard versions."""
    names = ('sup_pred', 'teacher_warped', 'cons_pred1', 'cons_pred2')
    maps = [case[f'in_{name}{suffix}'] for name in names]
    return np.moveaxis(np.concatenate(maps), 1, -1)


def given_targets(case):
    """The task with heatmaps and weights as they were recorded."""
    target = jnp.asarray(np.moveaxis(case['in_sup_target'], 1, -1))
    weight = jnp.asarray(case['in_sup_weight'][..., 0])

    def supervised(outputs, example):
        squares = losses.heatmap_squares(outputs['heatmaps'], target)
        return {'heatmap': (weight * squares).mean(-1)}

    task = tasks.landmarks(5, (4 * H, 4 * W, 1), sigma=8.0)
    return task._replace(supervised=supervised)


@pytest.mark.parametrize('kind', ['single', 'dual'])
def test_official_losses(tiny, golden, kind):
    case = golden('landmarks_multiaugs_losses')
    count = 1 + (kind == 'dual')
    tables = [official(case), official(case, '_b')][:count]
    cells = H * W  # ours are sums over the cells, theirs means
    method = multiaugs(
        table(tables[0]),
        optax.sgd(1 / cells),
        task=given_targets(case),
        paths=(later(4), later(8)),
        networks=count,
        degrees=0,
        scale=0,
    )
    batch = {
        'labelled': {'weak': {'image': rows(0)}, 'index': jnp.arange(4)},
        'unlabelled': {'weak': {'image': rows(4)}, 'index': jnp.arange(4)},
    }
    given = {
        name: Variables({'maps': jnp.asarray(maps)})
        for name, maps in zip(('student', 'partner'), tables, strict=False)
    }
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    np.testing.assert_allclose(
        metrics['loss'] / cells, case[f'out_official_{kind}_loss'], rtol=1e-5
    )
    supervised = sum(x for n, x in metrics.items() if n.endswith('heatmap')) / cells
    np.testing.assert_allclose(supervised, case[f'out_official_{kind}_pose'], rtol=1e-5)

    def gradient(name, start):
        moved = state.params[name]['maps'] - new.params[name]['maps']
        return np.moveaxis(moved[start : start + 4], -1, 1)

    expected = {
        'single': {
            ('student', 0): 'dsup',
            ('student', 8): 'dcons1',
            ('student', 12): 'dcons2',
        },
        'dual': {
            ('student', 0): 'dsup1',
            ('student', 8): 'dcons_net1_path1',
            ('partner', 12): 'dcons_net2_path2',
        },
    }
    for place, name in expected[kind].items():
        np.testing.assert_allclose(
            gradient(*place), case[f'out_official_{kind}_{name}'], atol=1e-7
        )
    for name in given:  # no gradient reaches what answers on the easy view
        assert not gradient(name, 4).any()


def seeing():
    """A network whose heatmaps are the image: what moves an image moves its answer."""

    def apply(variables, images, *, train, key=None):
        return {'heatmaps': variables.params['gain'] * images[:, None]}, {}

    return Network(lambda key, images: Variables({'gain': jnp.float32(0.9)}), apply)


def spots(key, count=6, side=24):
    """Images [count, side, side, 2] of a soft spot a landmark, and where it is."""
    places = jax.random.uniform(key, (count, 2, 2), minval=8, maxval=side - 9)
    at = jnp.arange(side, dtype=jnp.float32)[None, None]
    x, y = (jnp.exp(-((at - places[..., k, None]) ** 2) / 8) for k in (0, 1))
    image = jnp.einsum('bkh,bkw->bhwk', y, x)
    return {
        'image': image,
        'landmarks': places,
        'visible': jnp.ones((count, 2), bool),
    }


@pytest.mark.parametrize('equal', [False, True])
def test_one_affine_moves_hard_views_and_answers(tiny, equal):
    labelled, unlabelled = (spots(jax.random.key(k)) for k in (1, 2))
    index = jnp.arange(6)
    batch = {
        'labelled': {'weak': labelled, 'index': index},
        'unlabelled': {'weak': {'image': unlabelled['image']}, 'index': index},
    }
    method = multiaugs(
        seeing(),
        optax.sgd(0.1),
        task=tasks.landmarks(2, (24, 24, 2), sigma=2.0),
        paths=('A60', 'JC'),
        equal=equal,
    )
    state = method.init(jax.random.key(0), batch)
    _, metrics = jax.jit(method.step)(state, batch)
    size = 0.5 * 0.81 * (unlabelled['image'] ** 2).sum((1, 2)).mean()
    # What the affine alone moved is answered as it was foretold; what is cut is not.
    assert metrics['loss/consistency_A60'] < 0.02 * size
    assert metrics['loss/consistency_JC'] > 0.1 * size
    assert 0.8 < metrics['peak'] < 1


def test_a_path_that_comes_twice_is_drawn_twice():
    seen = spots(jax.random.key(1))
    both = {'weak': seen, 'index': jnp.arange(6)}
    batch = {'labelled': both, 'unlabelled': both}
    task = tasks.landmarks(2, (24, 24, 2), sigma=2.0)
    method = multiaugs(seeing(), optax.sgd(0.1), task=task, paths=('JC', 'JC'))
    state = method.init(jax.random.key(0), batch)
    metrics = jax.jit(method.step)(state, batch)[1]
    first, second = (metrics[f'loss/consistency_{name}'] for name in ('JC', 'JC_1'))
    assert first > 0 and second > 0 and first != second


def test_what_means_nothing_is_refused():
    task = tasks.landmarks(2, (24, 24, 2), sigma=2.0)
    for wrong in ({'networks': 3}, {'paths': ()}, {'paths': ('XX',)}):
        with pytest.raises(InputError, match=next(iter(wrong))[:4]):
            multiaugs(seeing(), optax.sgd(0.1), task=task, **wrong)
