"""Landmarks: their losses, what carries them between views, methods that learn them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, targets, tasks, teachers, views
from ssljax.contracts import InputError, Network, Targets, Variables
from ssljax.solvers import heatmaps

SIDE, STRIDE, SIGMA, K = 32, 4, 6.0, 3
SHAPE, SIZE = (SIDE, SIDE, 1), (8, 8)
# Compiling is most of the time of these tests.
run = functools.partial(jax.jit)


def task_of(**options):
    return tasks.landmarks(K, SHAPE, **{'sigma': SIGMA, **options})


@pytest.fixture
def example():
    random = np.random.default_rng(0)
    return {
        'image': random.random((4, *SHAPE), np.float32),
        'landmarks': random.uniform(6, SIDE - 6, (4, K, 2)).astype(np.float32),
        'visible': np.array([[1, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]], bool),
    }


def drawn(landmarks, *, stages=1, background=False):
    """Outputs of a network that is right, but for what its maps can't show."""
    maps = heatmaps.draw(
        landmarks,
        np.ones(landmarks.shape[:-1], bool),
        SIZE,
        STRIDE,
        SIGMA,
        background=background,
    )
    maps = jnp.expand_dims(maps, -4)
    return {
        'heatmaps': jnp.broadcast_to(
            maps, (*maps.shape[:-4], stages, *SIZE, maps.shape[-1])
        )
    }


@pytest.mark.parametrize('background', [False, True])
def test_what_is_drawn_is_read(example, background):
    task = task_of(background=background)
    outputs = drawn(example['landmarks'], stages=2, background=background)
    found = run(task.decode)(jax.tree.map(lambda x: x.astype(jnp.float32), outputs))
    np.testing.assert_allclose(found['landmarks'], example['landmarks'], atol=0.05)
    assert found['heatmaps'].shape == (4, *SIZE, K) and found['score'].shape == (4, K)
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(found))
    assert task.score == '-nme' and task.inputs == ('image',)
    rows = jax.device_get(task.metrics['nme'].rows(found, example))
    assert task.metrics['nme'].result(rows)['nme'] < 0.01


def test_heatmap_loss_of_the_visible_landmarks(example):
    """Half a sum of squares over cells and stages, mean over K; hidden ones are 0."""
    task = task_of()
    outputs = {'heatmaps': jnp.zeros((4, 2, *SIZE, K))}
    found = run(task.supervised)(outputs, example)
    assert set(found) == {'heatmap'}
    target = drawn(example['landmarks'])['heatmaps'][:, 0]
    each = 0.5 * 2 * np.sum(np.square(target), axis=(1, 2)) * example['visible']
    np.testing.assert_allclose(found['heatmap'], each.sum(-1) / K, rtol=1e-5)
    assert found['heatmap'][2] == 0 and (found['heatmap'][:2] > 1).all()
    slope = jax.grad(lambda x: task.supervised({'heatmaps': x}, example)['heatmap'][1])(
        outputs['heatmaps']
    )
    assert (slope[1, ..., 1] == 0).all() and (slope[1, ..., 0] != 0).any()


def clip_of(example):
    clip = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), example)
    return {**clip, 'annotated': np.array([[True, False], [False, False]])}


def centred(example, noise=0.0):
    """Outputs with a branch whose offsets are right up to noise."""
    at = example['landmarks'].shape[:-2]
    random = np.random.default_rng(1)
    maps, cell, offsets, _ = heatmaps.centre_targets(
        example['landmarks'], example['visible'], SIZE, STRIDE, 1, radius=2
    )
    flat = jnp.asarray(offsets).reshape(*at, 1, 1, 2 * K)
    everywhere = jnp.broadcast_to(flat, (*at, *SIZE, 2 * K))
    return {
        **drawn(example['landmarks']),
        'centre': 20.0 * maps[..., None] - 10.0,
        'offsets': everywhere + noise * random.normal(size=everywhere.shape),
    }


def test_terms_of_a_centre(example):
    task = task_of(centre=1, offset_weight=2.0)
    found = run(task.supervised)(centred(example), example)
    assert set(found) == {'heatmap', 'centre', 'offset'}
    np.testing.assert_allclose(found['offset'], 0, atol=1e-9)
    assert (found['centre'][jnp.array([1, 2])] == 0).all()  # there is no centre
    assert (found['centre'][jnp.array([0, 3])] > 0).all()
    outputs = centred(example)
    outputs['offsets'] = outputs['offsets'] + 2.0
    found = run(task.supervised)(outputs, example)
    np.testing.assert_allclose(found['offset'], [3, 0, 0, 3], rtol=1e-5)  # 2 (2 - 1/2)


def test_frames_of_a_clip_that_are_not_annotated_teach_nothing(example):
    task = task_of(clip=2, centre=1)
    clip = clip_of(example)
    assert task.example['landmarks'].shape == (2, K, 2)
    assert task.example['annotated'].shape == (2,)
    outputs = centred(clip, noise=0.1)
    outputs['heatmaps'] *= 0.5
    found = run(task.supervised)(outputs, clip)
    assert set(found) == {'heatmap', 'centre', 'offset', 'shape'}
    single = run(task_of(centre=1).supervised)(
        jax.tree.map(lambda x: x[0, :1], outputs),
        jax.tree.map(lambda x: x[0, :1], clip),
    )
    for name, value in found.items():
        assert value.shape == (2,) and value[1] == 0
        if name in single:
            np.testing.assert_allclose(value[0], single[name][0], rtol=1e-5)

    clip['annotated'][:] = clip['visible'][:] = True
    both = run(task.supervised)(centred(clip, noise=0.1), clip)
    assert (both['shape'] > 0).all()


def view_of(flip, degrees, swap):
    turn = views.affine(degrees=degrees, translate=0.1)
    return views.compose(views.flip_horizontal(flip, swap=swap), turn)


@pytest.mark.parametrize('swap', [None, (1, 0, 2)])
def test_an_answer_is_carried_to_the_other_view(example, swap):
    """Heatmaps in cells, landmarks in pixels, left and right changed by a mirror."""
    task = task_of(swap=swap)
    raw = {**example, 'visible': np.ones((4, K), bool)}
    keys = jax.random.split(jax.random.key(0), (2, 4))
    one = jax.vmap(view_of(0.0, 20.0, swap))(keys[0], raw)
    two = jax.vmap(view_of(1.0, 20.0, swap))(keys[1], raw)
    answer = task.decode(drawn(one['landmarks']))
    moved = run(task.transport)(answer, one['warp'], two['warp'])
    np.testing.assert_allclose(moved['landmarks'], two['landmarks'], atol=0.1)
    seen = np.asarray(moved['seen'])
    assert 0.3 < seen.mean() < 1
    wanted = drawn(two['landmarks'])['heatmaps'][:, 0]
    error = np.abs(moved['heatmaps'] - wanted) * seen[..., None]
    assert error.max() < 0.13  # the price of one resample; half a cell off is 0.2
    shown = np.asarray(one['visible'] & two['visible'])
    if swap:
        shown = shown & np.asarray(one['visible'])[:, list(swap)]
    np.testing.assert_array_equal((np.asarray(moved['score']) > 0)[shown], True)

    same = task.transport(answer, None, None)
    jax.tree.map(np.testing.assert_array_equal, same, answer)
    again = run(task.transport)(moved, two['warp'], one['warp'])
    np.testing.assert_allclose(again['landmarks'], answer['landmarks'], atol=0.1)


def test_a_clip_is_carried_by_one_warp_or_one_a_frame(example):
    task = task_of(clip=2)
    answer = task.decode(drawn(clip_of(example)['landmarks']))
    warp = jnp.stack([jnp.eye(3).at[0, 2].set(x) for x in (4.0, 8.0)])
    whole = run(task.transport)(answer, None, warp)
    each = run(task.transport)(answer, None, jnp.repeat(warp[:, None], 2, axis=1))
    jax.tree.map(np.testing.assert_array_equal, whole, each)
    by = np.float32([[4, 0], [8, 0]])[:, None, None]
    np.testing.assert_allclose(whole['landmarks'], answer['landmarks'] + by, atol=1e-4)


def test_nothing_is_taught_where_the_teacher_saw_nothing(example):
    task = task_of()
    answer = task.decode(drawn(example['landmarks']))
    away = jnp.broadcast_to(jnp.eye(3).at[0, 2].set(16.0), (4, 3, 3))
    moved = run(task.transport)(answer, None, away)
    blind = np.asarray(moved['seen'])[0, 0] == 0
    np.testing.assert_array_equal(blind, np.arange(8) < 4)
    outputs = {'heatmaps': moved['heatmaps'][:, None]}
    wrong = outputs['heatmaps'].at[:, :, :, :4].add(1.0)
    found = task.consistency({'heatmaps': wrong}, targets.from_prediction(moved))
    np.testing.assert_allclose(found['consistency'], 0, atol=1e-9)
    outside = np.asarray(moved['landmarks'])[..., 0] > SIDE - 0.5
    assert outside.any()
    np.testing.assert_array_equal(moved['score'][outside], 0)
    places = task_of(consistency='landmarks')
    found = places.consistency(drawn(example['landmarks']), Targets(moved, 1.0))
    assert (found['consistency'][outside] == 0).all()
    # 16 pixels away, of which a soft-argmax near a border sees a part.
    assert (found['consistency'][~outside] > 40).all()


def test_what_answers_alike_is_not_pulled_away_at_a_border():
    task = task_of(consistency='landmarks', sigma=SIGMA)
    corner = np.full((1, K, 2), 3.0, np.float32)  # a soft-argmax sees it further in
    maps = heatmaps.draw(corner, np.ones((1, K), bool), (8, 8), STRIDE, SIGMA)
    outputs = {'heatmaps': maps[:, None]}
    lesson = targets.from_prediction(task.decode(outputs))
    np.testing.assert_allclose(lesson.value['landmarks'], corner, atol=0.05)
    found = task.consistency(outputs, lesson)['consistency']
    np.testing.assert_array_equal(found, 0)


def test_a_task_with_a_centre_needs_a_network_with_one():
    task = task_of(centre=0)
    example = {n: jnp.zeros((1, *x.shape), x.dtype) for n, x in task.example.items()}
    outputs = {
        'heatmaps': jnp.zeros((1, 1, 8, 8, K)),
        'centre': jnp.zeros((1, 8, 8, 1)),
    }
    with pytest.raises(InputError, match=r"lacks \['offsets'\]"):
        task.supervised(outputs, example)


def network_of():
    """Linear in the pixels under each cell; blind to all else, so quick to compile."""

    def init(key, inputs):
        shape = (STRIDE * STRIDE, K)
        return Variables({'w': 0.1 * jax.random.normal(key, shape), 'b': jnp.zeros(K)})

    def apply(variables, inputs, *, train, key=None):
        rows = inputs.shape[0]
        cells = inputs.reshape(rows, 8, STRIDE, 8, STRIDE).swapaxes(2, 3)
        cells = cells.reshape(rows, 8, 8, STRIDE * STRIDE)
        bias = variables.params['b'].reshape(1, 1, 1, K)
        return {'heatmaps': (cells @ variables.params['w'] + bias)[:, None]}, {}

    return Network(init, apply)


def spots(rows, seed):
    """Images whose brightness is the sum of what the heatmaps shall be."""
    random = np.random.default_rng(seed)
    places = random.uniform(8, SIDE - 8, (rows, K, 2)).astype(np.float32)
    visible = np.ones((rows, K), bool)
    maps = heatmaps.draw(places, visible, (SIDE, SIDE), 1, SIGMA)
    image = np.asarray(maps @ jnp.ones((K, 1)))
    return {'image': image, 'landmarks': places, 'visible': visible}


def test_mean_teacher_on_heatmaps_with_sure_landmarks_only():
    task = task_of(sigma=SIGMA)
    method = methods.mean_teacher(
        network_of(),
        optax.adam(1e-2),
        task=task,
        weight=1.0,
        student_view='strong',
        rule=targets.threshold(0.1, by='score'),
        teacher=teachers.ema(0.5),
    )
    assert method.needs['labelled'].fields == ('image', 'landmarks', 'visible')
    seen = {'weak': views.shift(2), 'strong': views.affine(degrees=20.0)}
    method = methods.prepared(method, views.prepare(method.needs, seen))
    index = np.arange(8)
    batch = {
        'labelled': {**spots(8, 0), 'index': index},
        'unlabelled': {'image': spots(8, 1)['image'], 'index': index},
    }
    state = method.init(jax.random.key(0), batch)
    step = run(method.step, donate_argnums=0)
    history = []
    for _ in range(60):
        state, metrics = step(state, batch)
        history.append({name: float(x) for name, x in metrics.items()})
    first, last = history[0], history[-1]
    assert last['loss/heatmap'] < 0.8 * first['loss/heatmap']
    assert 0 < last['utilisation'] <= 1
    assert all(np.isfinite(x) for x in last.values())
    assert last['loss/consistency'] > 0


def test_refusals():
    for options, found in {
        (('num_landmarks', 0),): 'num_landmarks is 0',
        (('centre', 3),): 'centre is 3; the landmarks are 0 to 2',
        (('consistency', 'maps'),): "give 'heatmaps' or 'landmarks'",
        (('swap', (1, 2, 0)),): 'give each of 3 landmarks its mirror',
    }.items():
        arguments = {'num_landmarks': K, 'shape': SHAPE, 'sigma': 4.0, **dict(options)}
        with pytest.raises(InputError, match=found):
            tasks.landmarks(**arguments)
    task = task_of()
    for shape, found in {
        (2, 1, 8, 8, 4): r"needs 'heatmaps' \[..., S, h, w, 3\]",
        (2, 1, 8, 16, 3): 'must be a whole number, the same',
    }.items():
        with pytest.raises(InputError, match=found):
            jax.eval_shape(task.decode, {'heatmaps': jnp.zeros(shape)})
