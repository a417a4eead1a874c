"""TreeFormer: what it learns without a label."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.treeformer import nested

TASK = tasks.density((32, 32, 1), 3, iterations=2)


def _network(grows):
    """Heads that answer numbers of their own, whatever the image shows.

    The number is of an image of 32x32; of smaller ones it is less if ``grows``, and
    more if not.
    """

    def apply(variables, images, *, train, key=None):
        rows, height, width, _ = images.shape
        share = height * width / 32**2
        cells = (height // 4) * (width // 4)
        count = variables.params['counts'] * (share if grows else 1 / share)
        flat = jnp.broadcast_to((count / cells)[None, :, None, None, None],
                                (rows, 3, height // 4, width // 4, 1))  # fmt: skip
        return {
            'densities': flat,
            'counts': jnp.broadcast_to(variables.params['tokens'][None], (rows, 3)),
        }, variables.stats

    return Network(lambda key, images: Variables({}), apply)


def _moves(grows=True, **weights):
    """Where a step of the unlabelled losses alone moves the numbers."""
    weights = (
        dict.fromkeys(('consistency_weight', 'rank_weight', 'token_weight'), 0.0)
        | weights
    )
    method = methods.treeformer(
        _network(grows), optax.sgd(1.0), task=TASK, crops=(1, 0.5), **weights
    )
    image = np.zeros((2, 32, 32, 1), np.float32)
    none = {'points': np.zeros((2, 3, 2), np.float32), 'valid': np.zeros((2, 3), bool)}
    batch = {
        'labelled': {'weak': {'image': image, **none}, 'index': np.arange(2)},
        'unlabelled': {'weak': {'image': image}, 'index': np.arange(2)},
    }
    params = {
        'counts': jnp.array([3.0, 6.0, 9.0]),
        'tokens': jnp.array([1.0, 2.0, 6.0]),
    }
    # What the labels teach is taken away again.
    start = methods.treeformer(
        _network(grows), optax.sgd(1.0), task=TASK, crops=(1, 0.5), weight=0.0
    )

    def moved(method):
        # The network has no parameters until they are given, so put them in.
        state = method.init(jax.random.key(0), batch)
        state = state._replace(params={'student': params})
        new, metrics = jax.jit(method.step)(state, batch)
        change = jax.tree.map(jnp.subtract, new.params['student'], params)
        return change, metrics

    by_labels, _ = moved(start)
    both, metrics = moved(method)
    return jax.tree.map(lambda a, b: np.asarray(a - b), both, by_labels), metrics


def test_heads_draw_near_to_their_mean():
    change, metrics = _moves(consistency_weight=1.0)
    assert metrics['loss/consistency'] > 0
    low, middle, high = change['counts']
    assert low > 1e-4 and abs(middle) < 1e-5 and high < -1e-4
    assert not change['tokens'].any()


def test_counters_agree():
    change, metrics = _moves(token_weight=1.0)
    np.testing.assert_allclose(metrics['loss/token_agreement'], 2.0)  # (2 + 1 + 3) / 3
    assert change['tokens'][2] < 0 < change['tokens'][1]
    assert not change['counts'].any()


def test_what_lies_inside_holds_no_more():
    change, metrics = _moves(grows=False, rank_weight=1.0)
    # A quarter of the image counts 12 where the whole counts 3.
    np.testing.assert_allclose(metrics['loss/rank'], 9.0, rtol=1e-5)
    assert metrics['rank_violations'] == 1
    assert change['counts'][0] < 0 and not change['counts'][1:].any()
    change, metrics = _moves(grows=True, rank_weight=1.0)
    assert metrics['loss/rank'] == 0 and not change['counts'].any()


def test_crops_lie_in_each_other():
    pixels = np.arange(2 * 48 * 64, dtype=np.float32).reshape(2, 48, 64, 1)
    outer, inner = nested(jax.random.key(3), jnp.asarray(pixels), (0.75, 0.4), 16)
    assert outer.shape == (2, 32, 48, 1) and inner.shape == (2, 16, 32, 1)
    for row in range(2):
        assert set(np.ravel(inner[row])) < set(np.ravel(outer[row]))
        y, x = divmod(int(outer[row, 0, 0, 0]) - row * 48 * 64, 64)
        np.testing.assert_array_equal(outer[row], pixels[row, y : y + 32, x : x + 48])


def test_crops_that_can_not_be():
    network = _network(True)
    with pytest.raises(InputError, match='smaller and smaller'):
        methods.treeformer(network, optax.sgd(1.0), task=TASK, crops=(1, 0.5, 0.5))
    with pytest.raises(InputError, match='must have 16'):
        nested(jax.random.key(0), jnp.zeros((1, 32, 32, 1)), (0.2,), 16)
