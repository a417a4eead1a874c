import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, teachers
from ssljax.contracts import InputError, Variables

T = 2.0


@pytest.fixture
def logits():
    """Of a student and of a teacher, 2 labelled rows and 4 unlabelled ones."""
    return jax.random.normal(jax.random.key(3), (2, 6, 3))


@pytest.fixture
def batch(tiny):
    labelled, unlabelled = tiny.rows(2, 4)
    return tiny.batch(labelled, [0, 2], {'weak': unlabelled})


def build(tiny, logits, **options):
    student, teacher = map(tiny.table, logits)
    options = {'num_classes': 3, 'temperature': T} | options
    return methods.distil(student, teacher, optax.sgd(1.0), **options)


def given(logits):
    return {'teacher': Variables({'logits': logits[1]})}


def test_moves_towards_the_teachers_soft_answer(tiny, logits, batch):
    method = build(tiny, logits)
    state = method.init(jax.random.key(0), batch, given(logits))
    new, metrics = jax.jit(method.step)(state, batch)

    q, p = jax.nn.softmax(logits[1, 2:] / T), jax.nn.softmax(logits[0, 2:] / T)
    kl = jnp.sum(q * (jnp.log(q) - jnp.log(p)), axis=-1)
    np.testing.assert_allclose(metrics['loss'], T**2 * kl.mean(), rtol=1e-5)
    agreement = np.mean(np.argmax(q, -1) == np.argmax(p, -1))
    np.testing.assert_allclose(metrics['agreement'], agreement)
    moved = new.params['student']['logits'] - logits[0]
    np.testing.assert_allclose(moved[2:], T * (q - p) / 4, atol=1e-6)
    np.testing.assert_array_equal(moved[:2], 0)
    np.testing.assert_array_equal(new.frozen['teacher'].params['logits'], logits[1])


def test_an_equal_student_rests(tiny, logits, batch):
    method = build(tiny, logits)
    variables = given(logits)['teacher']
    state = method.init(
        jax.random.key(0), batch, {'teacher': variables, 'student': variables}
    )
    new, metrics = jax.jit(method.step)(state, batch)
    np.testing.assert_allclose(metrics['loss'], 0, atol=1e-6)
    assert metrics['agreement'] == 1
    np.testing.assert_allclose(new.params['student']['logits'], logits[1], atol=1e-6)


def test_labels_are_read_only_where_they_count(tiny, logits, batch):
    assert set(build(tiny, logits).needs) == {'unlabelled'}
    method = build(tiny, logits, label_weight=0.5)
    assert method.needs['labelled'].fields == ('image', 'label')
    state = method.init(jax.random.key(0), batch, given(logits))
    _, metrics = jax.jit(method.step)(state, batch)
    supervised = losses.cross_entropy(logits[0, :2], jnp.array([0, 2])).mean()
    np.testing.assert_allclose(metrics['loss/supervised'], supervised, rtol=1e-5)
    np.testing.assert_allclose(
        metrics['loss'], metrics['loss/distillation'] + 0.5 * supervised, rtol=1e-5
    )


def test_the_teacher_answers_as_it_does_in_a_test(tiny, batch):
    network = tiny.mlp(statistics=True, noise=1.0)
    method = methods.distil(
        tiny.mlp(), network, optax.sgd(0.1), num_classes=3, teacher=teachers.ema(0.9)
    )
    inputs = batch['unlabelled']['weak']['image']
    fresh = network.init(jax.random.key(5), inputs)
    teacher = fresh._replace(stats={'mean': jnp.full(6, 0.3)})
    state = method.init(jax.random.key(0), batch, {'teacher': teacher})
    _, metrics = jax.jit(method.step)(state, batch)
    lesson, _ = network.apply(teacher, inputs, train=False)
    taught, _ = tiny.mlp().apply(Variables(state.params['student']), inputs, train=True)
    expected = losses.distillation(taught['logits'], lesson['logits']).mean()
    np.testing.assert_allclose(metrics['loss'], expected, rtol=1e-5)
    assert set(method.answers) == {'student', 'teacher'} and method.ship == 'teacher'


def test_refuses_without_its_teacher(tiny, logits, batch):
    method = build(tiny, logits)
    with pytest.raises(InputError, match="given has no 'teacher'"):
        method.init(jax.random.key(0), batch)
    other = Variables({'logits': logits[1, :, :2]})
    with pytest.raises(InputError, match=r"'logits'\] has shape \(6, 2\).*\(6, 3\)"):
        method.init(jax.random.key(0), batch, {'teacher': other})
    lacking = Variables({})
    with pytest.raises(InputError, match=r"'logits'\] has shape None"):
        method.init(jax.random.key(0), batch, {'teacher': lacking})


@pytest.mark.parametrize('loss', ['symmetric_kl', 'js', 'dkd'])
def test_other_losses_of_answers_on_labelled_rows(tiny, logits, batch, loss):
    options = {'other_weight': 2.0} if loss == 'dkd' else {}
    method = build(tiny, logits, loss=loss, options=options, on='labelled')
    assert set(method.needs) == {'labelled'}
    state = method.init(jax.random.key(0), batch, given(logits))
    new, metrics = jax.jit(method.step)(state, batch)
    own, theirs = logits[:, :2]
    expected = {
        'symmetric_kl': lambda: losses.symmetric_kl(own, theirs, temperature=T),
        'js': lambda: T**2 * losses.jensen_shannon(own / T, theirs / T),
        'dkd': lambda: losses.decoupled_distillation(
            own, theirs, jnp.array([0, 2]), temperature=T, other_weight=2.0
        ),
    }[loss]()
    np.testing.assert_allclose(metrics['loss'], expected.mean(), rtol=1e-5)
    moved = new.params['student']['logits'] - logits[0]
    assert (moved[:2] != 0).any() and not moved[2:].any()


def test_the_teacher_is_no_part_of_the_gradient(tiny, batch):
    network = tiny.mlp()
    method = methods.distil(network, network, optax.sgd(0.1), num_classes=3)
    inputs = batch['unlabelled']['weak']['image']
    teacher = network.init(jax.random.key(5), inputs)
    state = method.init(jax.random.key(0), batch, {'teacher': teacher})

    def loss(frozen):
        return method.step(state._replace(frozen=frozen), batch)[1]['loss']

    slopes = jax.jit(jax.grad(loss))(state.frozen)
    assert not any(x.any() for x in jax.tree.leaves(slopes))


def test_refuses_other_classes_losses_and_options(tiny, logits, batch):
    teacher = tiny.mlp(classes=4)
    method = methods.distil(tiny.mlp(), teacher, optax.sgd(0.1), num_classes=3)
    inputs = batch['unlabelled']['weak']['image']
    weights = {'teacher': teacher.init(jax.random.key(0), inputs)}
    state = method.init(jax.random.key(0), batch, weights)
    with pytest.raises(InputError, match='answers 4 classes and the student 3'):
        method.step(state, batch)
    for options, message in [
        ({'loss': 'dk'}, "loss is 'dk'; here it can be 'kd' or"),
        ({'loss': 'dkd', 'options': {'beta': 1}}, "'beta'; .*'target_weight'"),
        ({'on': 'all'}, "on is 'all'"),
        ({'target_from': 'file'}, "target_from is 'file'"),
        ({'temperature': 0.0}, 'temperature is 0.0'),
    ]:
        with pytest.raises(InputError, match=message):
            build(tiny, logits, **options)
