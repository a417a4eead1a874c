"""From raw batches to views: which keys, which streams."""

import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError, Stream

NEEDS = {
    'labelled': Stream(('image', 'label'), ('weak',)),
    'unlabelled': Stream(('image',), ('weak', 'weak2', 'strong'), 2.0),
}
ONE = {'unlabelled': Stream(('image',), ('strong',))}


def shown(kind):
    """A view that shows the key it drew, so that draws are told apart exactly."""
    return lambda key, example: {**example, 'key': jax.random.key_data(key), kind: 1}


VIEWS = {'weak': shown('weak'), 'strong': shown('strong')}


def stream(rows, **fields):
    image = np.zeros((rows, 4, 4, 1), np.float32)
    return {'image': image, 'index': np.arange(rows, dtype=np.int32), **fields}


RAW = {'labelled': stream(2, label=np.array([1, 0])), 'unlabelled': stream(4)}


def test_every_view_of_every_row_is_its_own_draw():
    run = jax.jit(views.prepare(NEEDS, VIEWS))
    batch = run(jax.random.key(0), RAW)
    labelled, unlabelled = batch['labelled'], batch['unlabelled']
    assert set(labelled) == {'image', 'label', 'index', 'weak'}
    assert set(unlabelled) == {'image', 'index', 'weak', 'weak2', 'strong'}
    # 'weak2' is the view 'weak', drawn again.
    assert set(unlabelled['weak2']) == {'image', 'key', 'weak'}
    np.testing.assert_array_equal(labelled['weak']['label'], [1, 0])
    np.testing.assert_array_equal(unlabelled['index'], np.arange(4))
    drawn = [labelled['weak'], *(unlabelled[v] for v in ('weak', 'weak2', 'strong'))]
    keys = np.concatenate([view['key'] for view in drawn])
    assert len(np.unique(keys, axis=0)) == len(keys) == 14
    # The key decides, and nothing else that is in the batch.
    jax.tree.map(np.testing.assert_array_equal, run(jax.random.key(0), RAW), batch)
    other = run(jax.random.key(1), RAW)['unlabelled']['strong']['key']
    assert not np.array_equal(other, unlabelled['strong']['key'])
    alone = views.prepare(ONE, VIEWS)(jax.random.key(0), {'unlabelled': stream(4)})
    np.testing.assert_array_equal(
        alone['unlabelled']['strong']['key'], unlabelled['strong']['key']
    )


def test_prepare_maps_over_seeds():
    keys = jax.random.split(jax.random.key(0), 3)
    run = views.prepare(ONE, VIEWS)
    many = jax.jit(jax.vmap(run, in_axes=(0, None)))(keys, RAW)['unlabelled']
    one = run(keys[1], RAW)['unlabelled']
    np.testing.assert_array_equal(many['strong']['key'][1], one['strong']['key'])


def test_a_view_says_what_it_moved_and_the_raw_example_stands():
    run = views.prepare(ONE, {'strong': views.shift(1)})
    batch = jax.eval_shape(run, jax.random.key(0), RAW)['unlabelled']
    assert batch['strong']['warp'].shape == (4, 3, 3)
    assert 'warp' not in batch


def test_composed_views_draw_independently():
    """The same noise twice would have the deviation 2, not the root of 2."""
    view = jax.jit(views.compose(views.noise(1.0), views.noise(1.0), views.identity))
    got = view(jax.random.key(0), {'image': np.zeros((64, 64, 3), np.float32)})
    assert abs(got['image'].std() - np.sqrt(2)) < 0.05


def test_what_is_missing_is_named():
    needs = {'unlabelled': Stream(('image',), ('weak2',))}
    with pytest.raises(InputError, match="'weak2'.*add views\\['weak'\\]"):
        views.prepare(needs, {'strong': views.identity})
    with pytest.raises(InputError, match="needs 'unlabelled'"):
        views.prepare(ONE, VIEWS)(jax.random.key(0), {'labelled': RAW['labelled']})
