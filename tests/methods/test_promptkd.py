import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, models
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.named_classes import class_vectors, named_classes, spelled


def rows_network(rows):
    """Features are parameters, one a row."""

    def apply(variables, inputs, *, train, key=None):
        return {'features': variables.params['f'][inputs[:, 0].astype(jnp.int32)]}, {}

    return Network(lambda key, x: Variables({'f': jnp.float32(rows)}), apply)


def same(size):
    """A projector that changes nothing."""

    def apply(variables, features, *, train, key=None):
        return {'logits': features * variables.params['one'][None]}, {}

    return Network(lambda key, x: Variables({'one': jnp.ones(size)}), apply)


def build(case, **options):
    student, teacher = rows_network(case['in_f_s']), rows_network(case['in_v_t'])
    options = {
        'num_classes': len(case['in_W_T']),
        'scale': float(case['hp_scale_s']),
        'teacher_scale': float(case['hp_scale_t']),
        'weight': float(case['hp_w']),
        **options,
    }
    size = case['in_f_s'].shape[1]
    given = {
        'teacher': Variables({'f': jnp.float32(case['in_v_t'])}),
        'class_vectors': jnp.float32(case['in_W_T']),
    }
    return methods.promptkd(
        student, same(size), teacher, optax.sgd(1.0), **options
    ), given


@pytest.mark.parametrize('tau', [1, 2])
def test_a_step_of_the_official_code(tiny, golden, tau):
    """With rate 1 the features move by their gradients."""
    case = golden('kd_promptkd')
    method, given = build(case, temperature=float(tau))
    (rows,) = tiny.rows(len(case['in_f_s']))
    batch = tiny.batch(rows, rows[:, 0], {'weak': rows})
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    np.testing.assert_allclose(metrics['loss'], case[f'out_loss_tau{tau}'], rtol=1e-5)
    slope = state.params['student']['f'] - new.params['student']['f']
    recorded = case[f'grad_loss__f_s_tau{tau}']
    size = np.abs(recorded).max()
    np.testing.assert_allclose(slope / size, recorded / size, atol=1e-5)
    answer = method.predict(state, rows)['logits']
    np.testing.assert_allclose(answer, case[f'mid_z_s_tau{tau}'], rtol=1e-4, atol=1e-4)


def test_only_what_is_named_is_trained(tiny, golden):
    case = golden('kd_promptkd')
    method, given = build(case, trained=('prompts',))
    (rows,) = tiny.rows(len(case['in_f_s']))
    batch = tiny.batch(rows, rows[:, 0], {'weak': rows})
    with pytest.raises(InputError, match=r"trained has \['prompts'\]; .* \['f'\]"):
        method.init(jax.random.key(0), batch, given)
    network = models.clip_vision(
        image_size=4, patch=2, width=4, depth=1, heads=1, outputs=6, prompts=1
    )
    image = jax.random.normal(jax.random.key(1), (3, 4, 4, 3))
    teacher = rows_network(case['in_v_t'])
    teacher = teacher._replace(
        apply=lambda v, x, *, train, key=None: (
            {'features': v.params['f'][: len(x)]},
            {},
        )
    )
    method = methods.promptkd(
        network,
        models.mlp(6, hidden=()),
        teacher,
        optax.adam(0.1),
        num_classes=5,
        trained=('prompts',),
    )
    batch = {'unlabelled': {'weak': {'image': image}, 'index': jnp.arange(3)}}
    state = method.init(jax.random.key(0), batch, given)
    new, _ = jax.jit(method.step)(state, batch)
    for name, x in state.params['student'].items():
        moves = jax.tree.map(
            lambda a, b: (a != b).any(), x, new.params['student'][name]
        )
        assert any(jax.tree.leaves(moves)) == (name == 'prompts'), name


def test_refuses_vectors_and_projectors_that_do_not_fit(tiny, golden):
    case = golden('kd_promptkd')
    method, given = build(case)
    (rows,) = tiny.rows(4)
    batch = tiny.batch(rows, rows[:, 0], {'weak': rows})
    for change, message in [
        ({'class_vectors': jnp.ones((5, 3))}, r'is \(5, 3\); features of width 6'),
        ({'class_vectors': None}, "no 'class_vectors'"),
        ({'teacher': None}, "no 'teacher'"),
    ]:
        some = {k: x for k, x in {**given, **change}.items() if x is not None}
        with pytest.raises(InputError, match=message):
            method.init(jax.random.key(0), batch, some)
    wide = methods.promptkd(
        rows_network(case['in_f_s']),
        models.mlp(7, hidden=()),
        rows_network(case['in_v_t']),
        optax.sgd(1.0),
        num_classes=5,
    )
    with pytest.raises(InputError, match='projector answers 7 numbers and .* 6'):
        wide.init(jax.random.key(0), batch, given)


def test_an_encoder_of_names_learns_with_the_images_and_then_stays(tiny):
    names = ('one', 'two', 'three')
    encoder = models.text_cnn(1, vocabulary=28, embedding=6, channels=())
    network = tiny.mlp()
    label = np.arange(12) % 3
    image = 2 * np.eye(3, 5, dtype='f')[label]
    batch = tiny.batch(image, label, {})
    method = named_classes(
        network, optax.adam(0.05), encoder, names=names, num_classes=3
    )
    state, step = method.init(jax.random.key(0), batch), jax.jit(method.step)
    first = state
    for _ in range(60):
        state, _ = step(state, batch)
    answer = method.predict(state, image)
    assert (np.argmax(answer['logits'], -1) == label).all()
    moves = jax.tree.map(
        lambda a, b: (a != b).any(), first.params['encoder'], state.params['encoder']
    )
    assert any(jax.tree.leaves(moves))
    variables = Variables(state.params['encoder'], state.stats['encoder'])
    vectors = class_vectors(encoder, variables)(names)
    np.testing.assert_allclose(answer['class_vectors'][4], vectors, rtol=1e-5)

    alone = named_classes(network, optax.adam(0.05), num_classes=3)
    later = alone.init(jax.random.key(1), batch, {'class_vectors': vectors})
    assert set(later.params) == {'student'}
    for _ in range(60):
        later, _ = jax.jit(alone.step)(later, batch)
    assert (np.argmax(alone.predict(later, image)['logits'], -1) == label).all()
    np.testing.assert_array_equal(later.frozen['class_vectors'], vectors)


def test_refuses_names_that_it_can_not_spell(tiny):
    found = spelled(['a b', 'z'])
    np.testing.assert_array_equal(found['tokens'], [[1, 27, 2], [26, 0, 0]])
    np.testing.assert_array_equal(found['length'], [3, 1])
    for name in ('', 'Zero', '0'):
        with pytest.raises(InputError, match='names have'):
            spelled([name])
    with pytest.raises(InputError, match='names are given and no encoder'):
        named_classes(tiny.mlp(), optax.sgd(0.1), names=('a',), num_classes=2)
    bare = named_classes(tiny.mlp(), optax.sgd(0.1), num_classes=3)
    with pytest.raises(InputError, match="no 'class_vectors'"):
        bare.init(jax.random.key(0), tiny.batch(jnp.ones((2, 5)), [0, 1], {}))
