"""POST: answers on two views meet on the image itself."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, tasks, teachers, views
from ssljax.contracts import InputError, Network, Variables
from ssljax.solvers import heatmaps

SIDE = 32
PLACES = np.array([[12.0, 14.0], [19.0, 18.0]])
TASK = tasks.landmarks(2, (SIDE, SIDE, 2), sigma=2.0)


def _network():
    """Sees the landmark of each channel where the channel is bright."""

    def apply(variables, images, *, train, key=None):
        p = variables.params
        maps = images * p['head']
        return {'heatmaps': maps[:, None], 'feature_map': images + p['body']}, {}

    params = {'head': jnp.ones(()), 'body': jnp.zeros(())}
    return Network(lambda key, images: Variables(params), apply)


def _prior():
    """Says how far a bone is from pointing to the right."""

    def apply(variables, bones, *, train, key=None):
        return {'distance': 1 - bones[:, 0, 0]}, variables.stats

    return Network(lambda key, bones: Variables({'idle': jnp.zeros(())}), apply)


def _images(rows=4):
    spots = heatmaps.draw(PLACES, jnp.ones(2, bool), (SIDE, SIDE), 1, 2.0)
    return jnp.broadcast_to(spots[None], (rows, SIDE, SIDE, 2))


def _run(view, rows=4, prior=False, network=None, **options):
    network = network or _network()
    given = {'student': network.init(None, None)}
    if prior:
        options['prior'] = _prior()
        given['prior'] = _prior().init(None, None)
    method = methods.post(
        network,
        **{
            'optimizer': optax.sgd(0.1),
            'task': TASK,
            'teacher': teachers.ema(0.9),
            'bones': ((0, 1),),
            'share': 1.0,
            'occluded': 0.0,
            **options,
        },
    )
    prepare = views.prepare(method.needs, {'weak': view, 'strong': view})
    raw = {'unlabelled': {'image': _images(rows), 'index': jnp.arange(rows)}}
    batch = jax.jit(prepare)(jax.random.key(1), raw)
    state = method.init(jax.random.key(0), batch, given)
    return state, *jax.jit(method.step)(state, batch)


def test_two_views_are_carried_back_before_they_are_compared():
    view = views.affine(degrees=60.0, scale=(0.9, 1.2), translate=0.05)
    _, _, metrics = _run(view, feature_weight=1.0)
    # The pictures are the same; a resample or two apart.
    assert metrics['loss/consistency'] < 2e-3
    unmoved = np.mean(np.asarray(_images()) ** 2)  # as if a view saw nothing there
    assert unmoved > 4 * metrics['loss/consistency']


def test_left_and_right_change_places_in_a_mirror():
    """A network that tells them by their brightness is right in every view."""
    mirrored = tasks.landmarks(2, (SIDE, SIDE, 2), sigma=2.0, swap=(1, 0))

    def apply(variables, images, *, train, key=None):
        # The first landmark is the one further left.
        columns = jnp.arange(SIDE, dtype=jnp.float32)[None, None, :, None]
        across = (images * columns).sum((1, 2)) / images.sum((1, 2))
        turned = (across[:, 0] > across[:, 1])[:, None, None, None]
        maps = jnp.where(turned, images[..., ::-1], images) * variables.params['head']
        return {'heatmaps': maps[:, None], 'feature_map': images}, {}

    network = Network(lambda key, x: Variables({'head': jnp.ones(())}), apply)
    for view in (views.identity, views.flip_horizontal(1.0, swap=(1, 0))):
        _, _, metrics = _run(
            view,
            network=network,
            task=mirrored,
            prior=True,
            prior_weight=1.0,
        )
        assert metrics['loss/consistency'] < 1e-4
        direction = (PLACES[1] - PLACES[0]) / np.linalg.norm(PLACES[1] - PLACES[0])
        np.testing.assert_allclose(metrics['loss/pose'], 1 - direction[0], atol=0.02)


def test_the_pose_is_judged_on_the_image_itself():
    direction = (PLACES[1] - PLACES[0]) / np.linalg.norm(PLACES[1] - PLACES[0])
    for view in (views.identity, views.affine(degrees=60.0)):
        _, _, metrics = _run(view, prior=True, prior_weight=1.0)
        np.testing.assert_allclose(metrics['loss/pose'], 1 - direction[0], atol=0.02)


def test_a_covered_joint_is_what_the_student_does_not_see():
    _, _, plain = _run(views.identity)
    _, _, covered = _run(views.identity, occluded=1.0)
    assert covered['loss/consistency'] > plain['loss/consistency'] + 1e-3


def test_the_head_stays():
    start, new, _ = _run(
        views.affine(degrees=30.0), still=('head',), feature_weight=1.0
    )
    before, after = (s.params['student'] for s in (start, new))
    assert after['head'] == before['head']
    decayed = optax.adamw(0.1, weight_decay=0.5)  # moves what has no gradient
    start, new, _ = _run(views.identity, still=('head',), optimizer=decayed)
    assert new.params['student']['head'] == start.params['student']['head']
    _, new, _ = _run(views.affine(degrees=30.0), feature_weight=1.0)
    assert new.params['student']['head'] != before['head']


def test_what_it_starts_from():
    method = methods.post(
        *(_network(), optax.sgd(1.0)),
        task=TASK,
        teacher=teachers.ema(0.9),
        bones=((0, 1),),
    )
    batch = {'unlabelled': {'weak': {'image': _images()}}}
    with pytest.raises(InputError, match="no 'student'"):
        method.init(jax.random.key(0), batch)
    given = {'student': _network().init(None, None)}
    for options, message in (
        ({'prior': _prior()}, "no 'prior'"),
        ({'still': ('hat',)}, "still has \\['hat'\\]"),
    ):
        method = methods.post(
            *(_network(), optax.sgd(1.0)),
            task=TASK,
            teacher=teachers.ema(0.9),
            bones=((0, 1),),
            **options,
        )
        with pytest.raises(InputError, match=message):
            method.init(jax.random.key(0), batch, given)
    with pytest.raises(InputError, match='a pose has 0 to 1'):  # bones of MPII
        methods.post(_network(), optax.sgd(1.0), task=TASK, teacher=teachers.ema(0.9))
