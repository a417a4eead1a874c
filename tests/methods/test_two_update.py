import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks
from ssljax.contracts import InputError, State, Variables
from ssljax.methods.two_update import average

LABELS = jnp.array([0, 2])
TAU = 0.5
SEED = 7  # of answers of which TAU keeps some
PLAIN = tasks.classification(3, consistency=losses.cross_entropy)
# Each view shows the classes in another order: the answer must follow.
TURNED = PLAIN._replace(transport=lambda p, warp_from, warp_to: p[..., ::-1])


def step(tiny, task=PLAIN, **options):
    """One step on tables of labelled and unlabelled rows, a part for each view.

    There are 2 rows of each labelled view and 3 of each unlabelled one.
    """
    tables = 2 * jax.random.normal(jax.random.key(SEED), (2, 13, 3))
    labelled, labelled_strong, *views = tiny.rows(2, 2, 3, 3, 3)
    views = dict(zip(('weak', 'strong', 'weak2'), views, strict=True))
    batch = tiny.batch(labelled, LABELS, views, labelled_views=('weak', 'strong'))
    batch['labelled']['strong']['image'] = labelled_strong
    method = methods.two_update(
        tiny.table(tables[0]),
        optax.sgd(1.0),
        task=task,
        threshold=TAU,
        weight=2.0,
        **options,
    )
    given = {
        name: Variables({'logits': table})
        for name, table in zip(('student', 'teacher'), tables, strict=True)
    }
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    student, teacher = (new.params[name]['logits'] for name in given)
    return tables, student, teacher, metrics


def expected_moves(tables, task, fusion):
    """Both networks after their own gradient step, by hand."""
    flip = slice(None, None, -1 if task is TURNED else 1)
    p = jax.nn.softmax(tables)
    truth = jax.nn.one_hot(LABELS, 3)
    student, teacher = tables
    # Labels on two views for the student, on one for the teacher.
    student = student.at[:2].add((truth - p[0, :2]) / 2)
    student = student.at[2:4].add((truth - p[0, 2:4]) / 2)
    teacher = teacher.at[:2].add((truth - p[1, :2]) / 2)
    # The student's path is filtered by both; the teacher has its own answer.
    weak, strong, weak2 = slice(4, 7), slice(7, 10), slice(10, 13)
    fused = (fusion * p[0, weak] + (1 - fusion) * p[1, weak])[:, flip]
    kept = fused.max(-1, keepdims=True) >= TAU
    lesson = jax.nn.one_hot(fused.argmax(-1), 3)
    student = student.at[strong].add(2.0 * kept * (lesson - p[0, strong]) / 3)
    teacher = teacher.at[weak2].add(2.0 * (p[1, weak][:, flip] - p[1, weak2]) / 3)
    return student, teacher, kept.mean()


@pytest.mark.parametrize(
    'task, fusion, decay', [(PLAIN, 0.5, 1.0), (TURNED, 0.5, 0.6), (PLAIN, 0.0, 0.0)]
)
@pytest.mark.parametrize('joint', [False, True])
def test_both_are_trained_and_then_averaged(tiny, task, fusion, decay, joint):
    tables, student, teacher, metrics = step(
        tiny, task, fusion=fusion, decay=decay, joint=joint
    )
    moved, taught, kept = expected_moves(tables, task, fusion)
    assert 0 < kept < 1
    np.testing.assert_allclose(metrics['utilisation'], kept)
    np.testing.assert_allclose(student, moved, atol=1e-5)
    np.testing.assert_allclose(teacher, decay * taught + (1 - decay) * moved, atol=1e-5)
    if decay == 1:  # its own training alone
        assert np.abs(teacher - tables[1]).max() > 0.1


def test_both_ways_moves_the_student_first():
    """As released, 0.6: of the teacher 0.76 stays."""
    params = {'student': {'w': jnp.array(1.0)}, 'teacher': {'w': jnp.array(0.0)}}
    state = State(jnp.array(3), None, params, {}, {}, {}, {})
    pairs = [('teacher', 'student')]
    for both_ways, student, teacher in ((False, 1.0, 0.4), (True, 0.6, 0.24)):
        new = average(state, lambda step: 0.2 * step, pairs, both_ways=both_ways)
        np.testing.assert_allclose(new.params['student']['w'], student, rtol=1e-6)
        np.testing.assert_allclose(new.params['teacher']['w'], teacher, rtol=1e-6)


@pytest.mark.parametrize('wrong', [{'decay': 1.5}, {'fusion': -1.0}])
def test_shares_outside_of_0_to_1_are_refused(tiny, wrong):
    with pytest.raises(InputError, match=f'{next(iter(wrong))} is .* from 0 to 1'):
        methods.two_update(tiny.mlp(), optax.sgd(0.1), num_classes=3, **wrong)


def test_the_pair_starts_apart_and_ships_its_teacher(tiny):
    images = jax.random.normal(jax.random.key(0), (3, 4, 5))
    views = dict(zip(('weak', 'strong', 'weak2'), images, strict=True))
    batch = tiny.batch(images[0], [0, 1, 2, 0], views, ('weak', 'strong'))
    method = methods.two_update(tiny.mlp(), optax.sgd(0.1), num_classes=3)
    state = method.init(jax.random.key(0), batch)
    student, teacher = (state.params[name]['W1'] for name in ('student', 'teacher'))
    assert np.abs(student - teacher).min() > 0
    answers = {who: f(state, images[0])['logits'] for who, f in method.answers.items()}
    shipped = method.predict(state, images[0])['logits']
    np.testing.assert_array_equal(shipped, answers['teacher'])
    assert np.abs(shipped - answers['student']).max() > 0.1


def test_uniform_answers_teach_the_student_nothing(tiny):
    images = jnp.ones((3, 4, 5))
    views = dict(zip(('weak', 'strong', 'weak2'), images, strict=True))
    batch = tiny.batch(images[0], [0, 1, 2, 0], views, ('weak', 'strong'))
    method = methods.two_update(
        tiny.table(jnp.zeros((4, 3))), optax.sgd(0.1), num_classes=3
    )
    _, metrics = method.step(method.init(jax.random.key(0), batch), batch)
    assert metrics['loss/student_consistency'] == 0
