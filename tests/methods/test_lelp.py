import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, teachers
from ssljax.contracts import InputError, Variables
from ssljax.solvers.subspaces import Subspaces

C, S, D, T, BETA = 2, 3, 6, 2.0, 0.7


@pytest.fixture
def subspaces():
    one, two = jax.random.split(jax.random.key(2))
    return Subspaces(jax.random.normal(one, (C, D)), jax.random.normal(two, (C, D, S)))


@pytest.fixture
def batch(tiny):
    (rows,) = tiny.rows(4)
    batch = tiny.batch(rows, [0, 1, 0, 1], {'weak': rows})
    return {'unlabelled': batch['unlabelled']}


def build(tiny, **options):
    teacher = tiny.mlp(classes=C, noise=1.0)
    table = tiny.table(jax.random.normal(jax.random.key(3), (4, C * S)))
    options = {'temperature': T, 'subclass_temperature': BETA} | options
    method = methods.lelp(table, teacher, optax.sgd(1.0), num_classes=C, **options)
    return method, teacher


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def test_moves_towards_the_subclasses_of_the_teachers_answer(tiny, batch, subspaces):
    method, teacher = build(tiny)
    inputs = batch['unlabelled']['weak']['image']
    variables = teacher.init(jax.random.key(4), inputs)
    given = {'teacher': variables, 'subspaces': subspaces}
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)

    lesson, _ = teacher.apply(variables, inputs, train=False)  # without its noise
    features, answer = (np.asarray(lesson[x], float) for x in ('features', 'logits'))
    apart = features[:, None] - np.asarray(subspaces.means, float)[None]
    z = np.einsum('ucd,cds->ucs', apart, np.asarray(subspaces.directions, float))
    target = (softmax(answer / T)[..., None] * softmax(z / BETA)).reshape(4, -1)
    before = np.asarray(state.params['student']['logits'], float)
    own = softmax(before / T)
    expected = -T * T * np.mean(np.sum(target * np.log(own), axis=-1))
    np.testing.assert_allclose(metrics['loss'], expected, rtol=1e-5)
    moved = np.asarray(new.params['student']['logits']) - before
    np.testing.assert_allclose(moved, T * (target - own) / 4, atol=1e-5)

    outputs = method.predict(new, inputs)
    probs = softmax(np.asarray(outputs['subclass_logits'], float))
    np.testing.assert_allclose(
        softmax(np.asarray(outputs['logits'])),
        probs.reshape(4, C, S).sum(-1),
        rtol=1e-5,
    )


def test_ships_the_average_where_there_is_one(tiny, batch, subspaces):
    method, teacher = build(tiny, teacher=teachers.ema(0.9))
    assert method.ship == 'teacher' and set(method.answers) == {'student', 'teacher'}
    assert set(method.needs) == {'unlabelled'}


def test_refuses_without_subspaces_or_of_other_classes(tiny, batch, subspaces):
    method, teacher = build(tiny)
    inputs = batch['unlabelled']['weak']['image']
    given = {'teacher': teacher.init(jax.random.key(4), inputs)}
    with pytest.raises(InputError, match=r"given\['subspaces'\] is a NoneType"):
        method.init(jax.random.key(0), batch, given)
    with pytest.raises(InputError, match="given has no 'teacher'"):
        method.init(jax.random.key(0), batch, {'subspaces': subspaces})
    six = Subspaces(jnp.zeros((6, D)), jnp.zeros((6, D, 1)))
    state = method.init(jax.random.key(0), batch, given | {'subspaces': six})
    with pytest.raises(InputError, match='teacher answers 2 classes and the student 6'):
        method.step(state, batch)


def test_variables_are_no_subspaces(tiny, batch):
    method, teacher = build(tiny)
    inputs = batch['unlabelled']['weak']['image']
    variables = teacher.init(jax.random.key(4), inputs)
    given = {'teacher': variables, 'subspaces': Variables({})}
    with pytest.raises(InputError, match='is a Variables'):
        method.init(jax.random.key(0), batch, given)
