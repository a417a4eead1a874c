import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods
from ssljax.contracts import InputError, Network, Variables


def _torch_net():
    """The golden case's network: convolution, batch norm, ReLU, mean, linear."""

    def apply(variables, inputs, *, train, key=None):
        assert train and key is None  # batch statistics, no noise
        p = variables.params
        x = jax.lax.conv_general_dilated(
            inputs, p['conv.weight'], (1, 1), 'SAME', dimension_numbers=_NHWC
        )
        x = x + p['conv.bias'][None, None, None]
        mean, var = (f(x, (0, 1, 2), keepdims=True) for f in (jnp.mean, jnp.var))
        x = (x - mean) * jax.lax.rsqrt(var + 1e-5)
        x = x * p['bn.weight'][None, None, None] + p['bn.bias'][None, None, None]
        features = jax.nn.relu(x).mean((1, 2))
        return {'logits': features @ p['fc.weight'] + p['fc.bias'][None]}, {}

    return Network(lambda key, inputs: Variables(_unflat(np.zeros(129))), apply)


_NHWC = ('NHWC', 'HWIO', 'NHWC')
_SHAPES = {
    'conv.weight': (5, 2, 3, 3),
    'conv.bias': (5,),
    'bn.weight': (5,),
    'bn.bias': (5,),
    'fc.weight': (4, 5),
    'fc.bias': (4,),
}


def _unflat(vector):
    """The official parameter vector [129] as this network has it."""
    ends = np.cumsum([np.prod(shape) for shape in _SHAPES.values()])
    parts = np.split(np.asarray(vector, np.float32), ends[:-1])
    params = {n: x.reshape(s) for (n, s), x in zip(_SHAPES.items(), parts, strict=True)}
    params['conv.weight'] = params['conv.weight'].transpose(2, 3, 1, 0)
    params['fc.weight'] = params['fc.weight'].T
    return jax.tree.map(jnp.asarray, params)


def _views(**images):
    count = len(next(iter(images.values())))
    views = {name: {'image': jnp.asarray(image)} for name, image in images.items()}
    return {'unlabelled': {'index': jnp.arange(count), **views}}


def test_loss_answer_and_teacher_of_the_official_code(golden):
    case = golden('tta_rmt_3steps')
    method = methods.adapt(
        _torch_net(), optax.sgd(0.0), num_classes=4, decay=float(case['hp_mt'])
    )
    names = [f'in_w_feat.{n}' for n in list(_SHAPES)[:4]]
    names += ['in_w_fc.weight', 'in_w_fc.bias']
    source = np.concatenate([case[name].ravel() for name in names])
    student = [source, *case['out_official_src0_student']]
    teacher = [source, *case['out_official_src0_teacher']]
    init, step = jax.jit(method.init), jax.jit(method.step)
    # The case also pulls to prototypes, so each step starts from its own networks.
    for k in range(3):
        images = (case[name][k].transpose(0, 2, 3, 1) for name in ('in_x', 'in_x_aug'))
        weak, strong = (image.astype(np.float32) for image in images)
        batch = _views(weak=weak, strong=strong)
        given = {'student': Variables(_unflat(teacher[k]))}
        state = init(jax.random.key(0), batch, given)
        state = state._replace(params={'student': _unflat(student[k])})
        _, metrics = step(state, batch)

        loss = case['out_official_src0_loss'] - case['out_official_src0_contrastive']
        np.testing.assert_allclose(metrics['loss'], loss[k], rtol=1e-5)
        answer = jax.nn.softmax(case['out_official_src0_pred'][k])
        np.testing.assert_allclose(metrics['prediction'], answer, rtol=1e-4)
        moved, _ = step(
            state._replace(params={'student': _unflat(student[k + 1])}), batch
        )
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
            moved.memory['teacher'].variables.params,
            _unflat(teacher[k + 1]),
        )


IMAGES = np.random.default_rng(0).normal(size=(2, 8, 2, 2, 1)).astype(np.float32)
BATCH = _views(weak=IMAGES[0], strong=IMAGES[1])


def _adapt(tiny, rate=0.5, **options):
    network = tiny.mlp(statistics=True)
    return methods.adapt(network, optax.sgd(rate), num_classes=3, decay=0.5, **options)


@pytest.mark.parametrize('ship', ['both', 'student', 'teacher'])
@pytest.mark.parametrize('answer', ['before', 'after'])
def test_each_batch_is_answered_before_or_after_its_update(tiny, answer, ship):
    method = _adapt(tiny, answer=answer, ship=ship)
    step = jax.jit(method.step)
    old, _ = step(jax.jit(method.init)(jax.random.key(0), BATCH), BATCH)
    new, metrics = step(old, BATCH)
    before, after = (
        jax.nn.softmax(method.predict(state, IMAGES[0])['logits'])
        for state in (old, new)
    )
    assert np.abs(before - after).max() > 1e-3
    expected = {'before': before, 'after': after}[answer]
    np.testing.assert_allclose(metrics['prediction'], expected, rtol=1e-5)
    # The parts are never mixed up: student and teacher stand apart by now.
    logits = {who: f(old, IMAGES[0])['logits'] for who, f in method.answers.items()}
    assert np.abs(logits['student'] - logits['teacher']).max() > 1e-3
    np.testing.assert_allclose(
        logits['both'], logits['student'] + logits['teacher'], rtol=1e-5
    )


def test_batch_statistics_answer_and_running_ones_stay(tiny):
    method = _adapt(tiny)
    state = method.init(jax.random.key(0), BATCH)
    moved, _ = jax.jit(method.step)(state, BATCH)
    np.testing.assert_array_equal(moved.stats['student']['mean'], 0)
    np.testing.assert_array_equal(moved.memory['teacher'].variables.stats['mean'], 0)
    whole, part = (method.predict(state, IMAGES[0][:n])['logits'] for n in (8, 4))
    assert np.abs(whole[:4] - part).max() > 1e-3


def test_the_student_follows_the_teacher_and_nothing_flows_back(tiny):
    method = _adapt(tiny, rate=1.0)
    given = {'student': tiny.mlp().init(jax.random.key(1), IMAGES[0])}
    state = method.init(jax.random.key(0), BATCH, given)
    for start in state.params['student'], state.memory['teacher'].variables.params:
        jax.tree.map(np.testing.assert_array_equal, start, given['student'].params)

    # Gradient by hand: the teacher's answer is a number.
    network = tiny.mlp(statistics=True)

    def run(params, view):
        return network.apply(Variables(params, {'mean': 0}), view, train=True)[0][
            'logits'
        ]

    answer = jax.nn.softmax(run(given['student'].params, IMAGES[0]))

    def loss(params):
        total = 0.0
        for view in IMAGES:
            p = jax.nn.softmax(run(params, view))
            total += -0.25 * (answer * jnp.log(p) + p * jnp.log(answer)).sum(-1).mean()
        return total

    grad = jax.grad(loss)(given['student'].params)
    new, metrics = jax.jit(method.step)(state, BATCH)
    np.testing.assert_allclose(metrics['loss'], loss(given['student'].params), 1e-5)
    jax.tree.map(
        lambda x, y, g: np.testing.assert_allclose(x - y, -g, rtol=1e-4, atol=1e-6),
        new.params['student'],
        state.params['student'],
        grad,
    )


@pytest.mark.parametrize('option', [{'answer': 'never'}, {'ship': 'best'}])
def test_unknown_options_are_refused(tiny, option):
    (name,) = option
    with pytest.raises(InputError, match=f'{name} is'):
        _adapt(tiny, **option)
