"""From raw batches to views: which keys, which streams."""

import zlib

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

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


def test_a_stream_may_have_views_of_its_own():
    own = {**VIEWS, 'unlabelled_weak': shown('moved')}
    run, plainly = (jax.jit(views.prepare(NEEDS, x)) for x in (own, VIEWS))
    batch, other = run(jax.random.key(0), RAW), plainly(jax.random.key(0), RAW)
    assert 'weak' in batch['labelled']['weak']
    # All draws of it, by the keys that they had, and no other view.
    for name in ('weak', 'weak2'):
        assert set(batch['unlabelled'][name]) == {'image', 'key', 'moved'}
        np.testing.assert_array_equal(
            batch['unlabelled'][name]['key'], other['unlabelled'][name]['key']
        )
    assert 'strong' in batch['unlabelled']['strong']
    # Where every stream that asks has its own, the plain name is not missed.
    alone = {'unlabelled_strong': shown('mine')}
    seen = views.prepare(ONE, alone)(jax.random.key(0), RAW)
    assert 'mine' in seen['unlabelled']['strong']


def test_rows_draw_by_their_number():
    run = views.prepare(ONE, {'strong': shown('strong')})
    drawn = run(jax.random.key(0), RAW)['unlabelled']['strong']['key']
    tagged = jax.random.fold_in(jax.random.key(0), zlib.crc32(b'unlabelled/strong'))
    expected = jax.random.key_data(jax.random.split(tagged, 4))
    np.testing.assert_array_equal(drawn, expected)  # the bits of older jobs
    mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
    spec = PartitionSpec('data')
    apart = jax.shard_map(
        run, mesh=mesh, in_specs=(PartitionSpec(), spec), out_specs=spec
    )
    with jax.set_mesh(mesh):
        found = [fn(jax.random.key(0), RAW) for fn in (apart, jax.jit(run))]
    for batch in found:
        np.testing.assert_array_equal(batch['unlabelled']['strong']['key'], drawn)


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


@pytest.mark.parametrize('size', [(4, 5), (3, 4, 5)], ids=['image', 'volume'])
def test_maybe_leaves_all_of_an_example_and_adds_what_geometry_adds(size):
    d = len(size)
    example = {
        'image': np.ones((*size, 1), np.float32),
        'landmarks': np.ones((2, d), np.float32),
        'boxes': np.tile(np.float32([[0] * d + [2] * d]), (3, 1)),
    }

    def move(key, one):
        by = np.eye(d + 1, dtype=np.float32)
        by[0, d] = 2
        return views.move(one, by)

    for probability, x in ((0.0, 1), (1.0, 3)):
        view = jax.jit(views.maybe(probability, move))
        got = view(jax.random.key(0), example)
        np.testing.assert_array_equal(got['landmarks'][:, 0], [x, x])
        assert got['warp'].shape == (d + 1, d + 1) and got['warp'][0, d] == x - 1
        assert got['visible'].shape == (2,) and got['visible'].all()
        assert got['valid'].shape == (3,) and got['valid'].all()


@pytest.mark.parametrize(
    'view, message',
    [
        (views.resized_crop(size=(2, 2)), r"'image' \(2, 2, 1\) of \(4, 4, 1\)"),
        (shown('weak'), "'key' .* of nothing"),
    ],
)
def test_maybe_refuses_what_changes_fields(view, message):
    with pytest.raises(InputError, match=message):
        example = {'image': np.ones((4, 4, 1), np.float32)}
        jax.eval_shape(views.maybe(0.5, view), jax.random.key(0), example)


def test_what_is_missing_is_named():
    needs = {'unlabelled': Stream(('image',), ('weak2',))}
    with pytest.raises(InputError, match="'weak2'.*add views\\['weak'\\]"):
        views.prepare(needs, {'strong': views.identity})
    with pytest.raises(InputError, match="needs 'unlabelled'"):
        views.prepare(ONE, VIEWS)(jax.random.key(0), {'labelled': RAW['labelled']})
