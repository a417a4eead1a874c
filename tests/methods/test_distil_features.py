import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, models
from ssljax.contracts import InputError, Variables


@pytest.fixture
def pair(tiny):
    """A student of 4 features, a teacher of 6 with its weights, and a batch."""
    network, teacher = tiny.mlp(hidden=4), tiny.mlp(hidden=6)
    image = jax.random.normal(jax.random.key(1), (6, 5))
    batch = tiny.batch(image[:2], [0, 2], {'weak': image[2:]})
    return network, teacher, teacher.init(jax.random.key(2), image), batch


def one_step(pair, given=None, **options):
    network, teacher, weights, batch = pair
    method = methods.distil_features(
        network, teacher, optax.sgd(0.1), num_classes=3, **options
    )
    given = {'teacher': weights, **(given or {})}
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    images = batch['unlabelled']['weak']['image']
    own, _ = network.apply(Variables(state.params['student']), images, train=True)
    theirs, _ = teacher.apply(weights, images, train=False)
    return state, new, metrics, own, theirs


def test_a_projector_brings_features_to_the_teachers_width(pair):
    projector = models.mlp(6, hidden=())
    state, new, metrics, own, theirs = one_step(
        pair, loss='hint', projector=projector, answer_weight=0.5
    )
    ours, _ = projector.apply(
        Variables(state.params['projector']), own['features'], train=True
    )
    squares = jnp.mean((ours['logits'] - theirs['features']) ** 2)
    answers = losses.distillation(own['logits'], theirs['logits'], temperature=4.0)
    np.testing.assert_allclose(metrics['loss/features'], squares, rtol=1e-5)
    np.testing.assert_allclose(
        metrics['loss'], 100 * squares + 0.5 * answers.mean(), rtol=1e-5
    )
    for name in ('student', 'projector'):
        moves = jax.tree.map(
            lambda a, b: (a != b).any(), *(x.params[name] for x in (state, new))
        )
        assert any(jax.tree.leaves(moves))


def test_norm_direction_takes_the_mean_of_the_class_that_the_teacher_names(tiny, pair):
    means = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    same = (tiny.mlp(hidden=6), *pair[1:])
    _, _, metrics, own, theirs = one_step(
        same, {'class_means': means}, loss='norm_direction', answer_weight=0.0
    )
    expected = losses.norm_direction(
        own['features'], theirs['features'], means, jnp.argmax(theirs['logits'], -1)
    ).mean()
    np.testing.assert_allclose(metrics['loss'], 2 * expected, rtol=1e-5)
    with pytest.raises(InputError, match="no 'class_means'"):
        one_step(same, loss='norm_direction')


def test_relations_and_cosine_are_the_losses_of_these_names(tiny, pair):
    _, _, metrics, own, theirs = one_step(pair, loss='relations')
    both = own['features'], theirs['features']
    expected = 25 * losses.relational_distance(*both)
    expected += 50 * losses.relational_angle(*both)
    np.testing.assert_allclose(metrics['loss/features'], expected, rtol=1e-4)
    _, _, metrics, own, theirs = one_step(
        (tiny.mlp(hidden=6), *pair[1:]), loss='cosine', weight=3.0, answer_weight=0.0
    )
    expected = losses.cosine_alignment(own['features'], theirs['features']).mean()
    np.testing.assert_allclose(metrics['loss'], 3 * expected, rtol=1e-5)


@pytest.mark.parametrize('loss', ['attention', 'hidden'])
def test_maps_are_tapped_by_name(tiny, loss):
    """Of a convolutional network, by its part 'taps'; its sites are tokens too."""
    network, teacher = (models.small_cnn(3, channels=(c, c)) for c in (4, 8))
    image = jax.random.normal(jax.random.key(1), (5, 8, 8, 1))
    batch = tiny.batch(image[:1], [0], {'weak': image[1:]})
    weights = teacher.init(jax.random.key(2), image)
    projector = models.mlp(8, hidden=()) if loss == 'hidden' else None
    method = methods.distil_features(
        network,
        teacher,
        optax.sgd(0.1),
        num_classes=3,
        loss=loss,
        projector=projector,
        taps={'stage2': 'stage2'} if projector else ('stage1', 'stage2'),
        answer_weight=0.0,
    )
    state = method.init(jax.random.key(0), batch, {'teacher': weights})
    _, metrics = jax.jit(method.step)(state, batch)
    student = Variables(state.params['student'], state.stats['student'])
    own, _ = network.parts['taps'](student, image[1:], train=True)
    theirs, _ = teacher.parts['taps'](weights, image[1:], train=False)
    if projector is None:
        expected = 1000 * sum(
            losses.attention_transfer(own[tap], theirs[tap]).mean()
            for tap in ('stage1', 'stage2')
        )
    else:
        head = Variables(state.params['projector'])
        ours, _ = projector.apply(head, own['stage2'], train=True)
        expected = jnp.mean((ours['logits'] - theirs['stage2']) ** 2)
    np.testing.assert_allclose(metrics['loss'], expected, rtol=1e-4)


def test_refuses_a_tap_that_does_not_exist(pair):
    with pytest.raises(InputError, match="'feature', which the student .*'features'"):
        one_step(pair, taps=('feature',))
    with pytest.raises(InputError, match="'logit', which the teacher .*'logits'"):
        one_step(pair, taps={'features': 'logit'})
    with pytest.raises(InputError, match='taps is empty'):
        one_step(pair, taps=())
    with pytest.raises(InputError, match="loss is 'hints'"):
        one_step(pair, loss='hints')


def test_contrast_learns_by_the_memories_of_both(pair):
    network, teacher, weights, batch = pair
    heads = [models.mlp(4, hidden=()) for _ in range(2)]
    method = methods.distil_contrast(
        network, teacher, *heads, optax.sgd(0.05), 9, num_classes=3, negatives=5
    )
    state = method.init(jax.random.key(0), batch, {'teacher': weights})
    assert set(state.params) == {'student', 'embedder', 'teacher_embedder'}
    before = state.memory['contrast']
    assert before.student.shape == (9, 4)
    step, found = jax.jit(method.step), []
    for _ in range(8):
        state, metrics = step(state, batch)
        found.append(float(metrics['loss/contrast']))
    assert found[-1] < found[0]
    after = state.memory['contrast']
    seen = np.asarray(batch['unlabelled']['index'])
    moved = np.any(np.asarray(after.teacher != before.teacher), axis=1)
    assert moved[seen].all() and moved.sum() == len(seen)
    lengths = np.linalg.norm(after.student[seen], axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    assert np.isfinite(after.log_normalisers).all()
