import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, tasks, teachers
from ssljax.contracts import InputError, Network, Targets, Variables
from ssljax.methods import parts

KEY = jax.random.key(0)


@pytest.fixture
def views():
    return list(jax.random.normal(KEY, (3, 4, 5)) + jnp.arange(3.0)[:, None, None])


def test_a_joint_pass_shares_statistics(tiny, views):
    network = tiny.mlp(statistics=True)
    variables = network.init(KEY, views[0])
    outputs, stats = parts.forward(
        network, variables, views, joint=True, train=True, key=None
    )
    whole, expected = network.apply(variables, jnp.concatenate(views), train=True)
    found = jnp.concatenate([answer['logits'] for answer in outputs])
    np.testing.assert_allclose(found, whole['logits'], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(stats['mean'], expected['mean'], rtol=1e-5, atol=1e-6)


def test_separate_passes_have_their_own_and_the_first_moves_them(tiny, views):
    network = tiny.mlp(statistics=True)
    variables = network.init(KEY, views[0])
    outputs, stats = parts.forward(
        network, variables, views, joint=False, train=True, key=None
    )
    alone = [network.apply(variables, view, train=True) for view in views]
    for ours, (theirs, _) in zip(outputs, alone, strict=True):
        np.testing.assert_array_equal(ours['logits'], theirs['logits'])
    np.testing.assert_array_equal(stats['mean'], alone[0][1]['mean'])
    assert np.abs(stats['mean'] - alone[1][1]['mean']).max() > 0.01


@pytest.mark.parametrize('joint', [False, True])
def test_rows_of_all_views_have_their_own_noise(tiny, views, joint):
    network = tiny.mlp(noise=1.0)
    variables = network.init(KEY, views[0])
    outputs, _ = parts.forward(
        network, variables, [views[0]] * 2, joint=joint, train=True, key=KEY
    )
    one, two = (answer['features'] for answer in outputs)
    assert np.abs(one - two).min() > 0


def test_inputs_may_be_several_fields():
    def add(variables, x, *, train, key=None):
        return {'sum': x['a'] + x['b']}, {}

    network = Network(lambda key, x: Variables({}), add)
    views = [{'a': jnp.ones(n), 'b': jnp.full(n, 2.0)} for n in (1, 3)]
    for joint in False, True:
        outputs, _ = parts.forward(
            network, Variables({}), views, joint=joint, train=True, key=None
        )
        assert [x['sum'].shape for x in outputs] == [(1,), (3,)]


def test_each_term_may_have_its_own_weight():
    terms = {'near': jnp.array([1.0, 2.0]), 'far': jnp.array([3.0, 5.0])}
    task = tasks.classification(2)._replace(consistency=lambda outputs, t: terms)
    weight = {'near': jnp.array([1.0, 0.0]), 'far': jnp.array([0.0, 1.0])}
    found = parts.consistency_terms(task, {}, Targets(None, weight), 'all')
    assert found == {'near': 0.5, 'far': 2.5}
    found = parts.consistency_terms(task, {}, Targets(None, weight), 'kept')
    assert found == {'near': 1.0, 'far': 5.0}
    assert parts.utilisation(Targets(None, weight)) == 0.5


def test_terms_of_one_name_are_refused():
    assert parts.loss_metrics({'a': 1}, {'b': 2}) == {'loss/a': 1, 'loss/b': 2}
    with pytest.raises(InputError, match=r"\['a', 'a'\].*differently"):
        parts.loss_metrics({'a': 1}, {'a': 2})


def test_one_way_to_say_the_task():
    task = tasks.classification(3, consistency=losses.mean_squared_error)
    assert parts.task_of(task, None, losses.cross_entropy) is task
    # A task that leaves it open gets the method's own.
    outputs, even = {'logits': jnp.zeros((2, 3))}, jnp.ones((2, 3)) / 3
    filled = parts.task_of(tasks.classification(3), None, losses.cross_entropy)
    found = filled.consistency(outputs, Targets(even, jnp.ones(2)))['consistency']
    np.testing.assert_allclose(found, np.log(3) * np.ones(2), rtol=1e-6)
    for wrong in (task, 3), (None, None):
        with pytest.raises(InputError, match='either task or num_classes'):
            parts.task_of(*wrong, losses.cross_entropy)


def test_ships_what_there_is(tiny):
    alone = parts.answers(tiny.mlp(), None)
    both = parts.answers(tiny.mlp(), teachers.ema(0.9))
    assert parts.choose(None, alone) == 'student'
    assert parts.choose(None, both) == 'teacher'
    assert parts.choose('student', both) == 'student'
    with pytest.raises(InputError, match="ship is 'teacher'.*can be 'student'"):
        parts.choose('teacher', alone)
