"""The average: official numbers, storage, aliasing, masks, shardings."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from ssljax import losses, schedules, targets, teachers
from ssljax.contracts import InputError, Variables


def student(seed=0):
    """Parameters of two layers, and a counter."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    return {
        'body': {'kernel': draw(3, 4), 'bias': draw(4)},
        'head': {'kernel': draw(4, 2)},
        'count': jnp.asarray(seed),
    }


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_mean_teacher_of_the_paper(golden):
    """Five steps of a tanh network by SGD, its teacher averaged after each."""
    case = golden('usb_mean_teacher')
    teacher = teachers.ema(float(case['hp_ema']))
    optimizer = optax.sgd(float(case['hp_lr']))
    ramp = schedules.linear_ramp(
        float(case['hp_warm_frac'] * case['hp_N']), peak=float(case['hp_lambda_u'])
    )

    def network(params, x):
        hidden = jnp.tanh(x @ params['W1'] + params['b1'][None])
        return hidden @ params['W2'] + params['b2'][None]

    @jax.jit
    def train(params, opt, slow, step, x, labels, weak, noise):
        teacher_logits = network(teacher.variables(slow), weak)
        target = targets.from_logits(teacher_logits).value

        def total(params):
            supervised = losses.cross_entropy(network(params, x), labels)
            strong = network(params, weak + noise)
            unsupervised = losses.mean_squared_error(strong, target)
            unsupervised = losses.masked_mean(unsupervised)
            loss = losses.masked_mean(supervised) + ramp(step) * unsupervised
            return loss, unsupervised

        (loss, unsupervised), grads = jax.value_and_grad(total, has_aux=True)(params)
        updates, opt = optimizer.update(grads, opt, params)
        params = optax.apply_updates(params, updates)
        slow = teacher.update(slow, params, step=step)
        answers = {'total_loss': loss, 'unsup_loss': unsupervised}
        answers |= {'teacher_logits_w': teacher_logits}
        answers |= {f'grad_total__{name}': grad for name, grad in grads.items()}
        return params, opt, slow, answers

    params = {
        name: jnp.asarray(case[f'in_{name}']) for name in ('W1', 'b1', 'W2', 'b2')
    }
    opt, slow = optimizer.init(params), teacher.init(params)
    for t in range(5):
        rows = (case[f'in_{k}'][t] for k in ('x_lb', 'y_lb', 'x_w', 'eps_s'))
        params, opt, slow, answers = train(params, opt, slow, t, *rows)
        for name, got in answers.items():
            close(got, case[f'paper_{name}'][t])
        for name in ('W1', 'W2'):
            close(params[name], case[f'paper_param_{name}'][t])
            close(teacher.variables(slow)[name], case[f'paper_ema_{name}'][t])
    assert abs(answers['unsup_loss']) > 1e-4  # the official code's is exactly 0


@pytest.mark.parametrize('tag, decay', [('d999', 0.999), ('d9', 0.9)])
@pytest.mark.parametrize('stats', ['copy', 'average', 'keep'])
def test_statistics_follow_their_policy(golden, tag, decay, stats):
    """USB copies them; 'average' and 'keep' are held to their definitions."""
    case = golden('usb_ema_buffers')
    buffers = [f'running_{moment}' for moment in ('mean', 'var')]

    def seen(t):  # t finished steps
        params = {k: jnp.asarray(case[f'in_{k}'][t]) for k in ('conv', 'bn_w', 'bn_b')}
        if t == 0:
            start = {'running_mean': jnp.zeros(3), 'running_var': jnp.ones(3)}
            return Variables(params, {**start, 'nbt': jnp.asarray(0)})
        moved = {k: jnp.asarray(case[f'mid_online_{k}_{tag}'][t - 1]) for k in buffers}
        return Variables(params, {**moved, 'nbt': jnp.asarray(t)})

    teacher = teachers.ema(decay, stats=stats)
    update = jax.jit(teacher.update)
    state = teacher.init(seen(0))
    expected = {'running_mean': np.zeros(3), 'running_var': np.ones(3)}
    for t in range(1, 9):
        state = update(state, seen(t), step=t - 1)
        got = teacher.variables(state)
        for name in got.params:
            close(got.params[name], case[f'out_ema_{name}_{tag}'][t - 1])
        for name in buffers:
            if stats == 'copy':
                expected[name] = case[f'out_ema_{name}_{tag}'][t - 1]
            elif stats == 'average':
                own = case[f'mid_online_{name}_{tag}'][t - 1]
                expected[name] = decay * expected[name] + (1 - decay) * own
            close(got.stats[name], expected[name])
        assert got.stats['nbt'] == (0 if stats == 'keep' else t)


def test_decay_sequence_is_exact():
    teacher = teachers.ema(0.75)
    update = jax.jit(teacher.update)
    state = teacher.init(jnp.zeros(2))
    for step in range(8):
        state = update(state, jnp.ones(2), step=step)
        got = teacher.variables(state)
        np.testing.assert_array_equal(got, np.full(2, 1 - 0.75 ** (step + 1)))


def test_fixed_point_and_structure():
    params = student()
    teacher = teachers.ema(0.999)
    start = teacher.init(params)
    state = jax.lax.fori_loop(
        0, 1000, lambda t, s: teacher.update(s, params, step=t), start
    )
    assert jax.tree.structure(state) == jax.tree.structure(start)
    for got, own in zip(
        jax.tree.leaves(teacher.variables(state)), jax.tree.leaves(params), strict=True
    ):
        np.testing.assert_allclose(got, own, rtol=1e-6)
        assert got.dtype == own.dtype


def test_bfloat16_student_float32_teacher():
    """A bfloat16 average stalls half-way to a student that stands at 1."""
    start, one = jnp.zeros(3, jnp.bfloat16), jnp.ones(3, jnp.bfloat16)
    teacher = teachers.ema(0.999)

    @jax.jit
    def run():
        low = jax.lax.fori_loop(
            0, 3000, lambda t, x: optax.incremental_update(one, x, 0.001), start
        )
        high = jax.lax.fori_loop(
            0,
            3000,
            lambda t, s: teacher.update(s, one, step=t),
            teacher.init(start),
        )
        return low, teacher.variables(high)

    low, high = run()
    assert (low < 0.6).all()
    assert high.dtype == jnp.float32
    np.testing.assert_allclose(high, np.full(3, 1 - 0.999**3000), rtol=1e-3)  # 0.95


@pytest.mark.parametrize('wrap', [lambda f: f, jax.jit], ids=['eager', 'jit'])
@pytest.mark.parametrize('stats', ['average', 'copy', 'keep'])
def test_a_donated_student_leaves_the_teacher_alone(wrap, stats):
    """Counters and copied statistics too: donation deletes every alias."""
    teacher = teachers.ema(0.5, stats=stats)
    donate = jax.jit(lambda v: jax.tree.map(lambda x: x + 1, v), donate_argnums=0)
    variables = Variables(student(), student(1))
    state = wrap(teacher.init)(variables)
    variables = donate(variables)
    state = wrap(teacher.update)(state, variables, step=0)
    variables = donate(variables)
    got = teacher.variables(state)
    assert int(got.params['count']) == 1
    assert int(got.stats['count']) == (1 if stats == 'keep' else 2)
    np.testing.assert_allclose(
        got.params['head']['kernel'], student()['head']['kernel'] + 0.5, rtol=1e-6
    )
    frozen = wrap(teachers.frozen().init)(variables)
    last = np.array(variables.params['body']['bias'])
    donate(variables)
    np.testing.assert_array_equal(frozen.variables.params['body']['bias'], last)


def test_mask_is_a_prefix():
    old, new = student(), student(1)
    teacher = teachers.ema(0.5)
    half = np.array([True, True, False, False])
    mask = {'body': {'kernel': True, 'bias': half}, 'head': 0.0, 'count': False}
    update = jax.jit(teacher.update)
    got = teacher.variables(update(teacher.init(old), new, step=0, mask=mask))
    mean = jax.tree.map(lambda a, b: (a + b) / 2, old, new)
    close(got['body']['kernel'], mean['body']['kernel'])
    bias = np.where(half, mean['body']['bias'], old['body']['bias'])
    close(got['body']['bias'], bias)
    np.testing.assert_array_equal(got['head']['kernel'], old['head']['kernel'])
    assert int(got['count']) == 1
    everything = update(teacher.init(old), new, step=0, mask=True)
    plain = update(teacher.init(old), new, step=0)
    jax.tree.map(close, everything, plain)


@pytest.mark.parametrize('axis_type', [AxisType.Auto, AxisType.Explicit])
def test_teacher_is_sharded_as_the_student(axis_type):
    mesh = jax.make_mesh((8,), ('fsdp',), axis_types=(axis_type,))
    kernel = jax.device_put(np.ones((16, 3)), NamedSharding(mesh, P('fsdp')))
    bias = jax.device_put(np.ones(3), NamedSharding(mesh, P()))
    count = jax.device_put(np.int32(0), NamedSharding(mesh, P()))
    params = {'kernel': kernel, 'bias': bias, 'count': count}
    teacher = teachers.ema(teachers.count_warmup(0.9))
    for wrap in (lambda f: f, jax.jit):
        state = wrap(teacher.init)(params)
        for _ in range(2):
            for name, own in params.items():
                got = teacher.variables(state)[name]
                assert got.sharding.is_equivalent_to(own.sharding, own.ndim), name
            state = wrap(teacher.update)(state, params, step=1)


def test_frozen_never_moves():
    teacher = teachers.frozen()
    state = teacher.init(student())
    state = jax.jit(teacher.update)(state, student(1), step=3, mask=True)
    jax.tree.map(np.testing.assert_array_equal, teacher.variables(state), student())


def test_mix_keeps_the_types_of_the_first():
    a = {**student(), 'low': jnp.ones(2, jnp.bfloat16)}
    b = {**student(1), 'low': jnp.zeros(2)}
    got = jax.jit(teachers.mix)(a, b, 0.8)
    close(got['head']['kernel'], 0.8 * a['head']['kernel'] + 0.2 * b['head']['kernel'])
    assert int(got['count']) == 0
    assert got['low'].dtype == jnp.bfloat16
    np.testing.assert_allclose(got['low'].astype(np.float32), [0.8, 0.8], rtol=1e-2)


@pytest.mark.parametrize(
    'kwargs', [{'decay': 1.5}, {'decay': -0.1}, {'decay': 0.9, 'stats': 'mean'}]
)
def test_impossible_arguments_are_refused(kwargs):
    with pytest.raises(InputError):
        teachers.ema(**kwargs)
