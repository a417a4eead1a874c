import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, schedules, teachers
from ssljax.contracts import InputError, Variables

DECAY = 0.75


def test_five_steps_of_the_intended_method(tiny, golden):
    """The official code takes the student's logits from the teacher: a loss of 0."""
    case = golden('usb_mean_teacher')
    assert (case['out_unsup_loss'] == 0).all()
    ramp = schedules.linear_ramp(case['hp_warm_frac'] * case['hp_N'])
    network = tiny.mlp(classes=4, hidden=12)
    method = methods.mean_teacher(
        network,
        optax.sgd(float(case['hp_lr'])),
        num_classes=4,
        teacher=teachers.ema(float(case['hp_ema'])),
        weight=lambda step: case['hp_lambda_u'] * ramp(step),
    )

    def batch(i):
        weak2 = case['in_x_w'][i]
        views = {'weak': weak2 + case['in_eps_s'][i], 'weak2': weak2}
        return tiny.batch(case['in_x_lb'][i], case['in_y_lb'][i], views)

    start = {name: case[f'in_{name}'] for name in ('W1', 'b1', 'W2', 'b2')}
    given = {'student': Variables(start)}
    state = method.init(jax.random.key(0), batch(0), given)
    step = jax.jit(method.step, donate_argnums=0)
    for i in range(5):
        answer = method.answers['teacher'](state, case['in_x_w'][i])['logits']
        np.testing.assert_allclose(answer, case['paper_teacher_logits_w'][i], rtol=1e-4)
        state, metrics = step(state, batch(i))
        for ours, theirs in {
            'loss': 'paper_total_loss',
            'loss/consistency': 'paper_unsup_loss',
        }.items():
            np.testing.assert_allclose(metrics[ours], case[theirs][i], rtol=1e-5)
        slow = state.memory['teacher'].variables.params
        for name in 'W1', 'W2':
            for ours, theirs in {'param': state.params['student'], 'ema': slow}.items():
                np.testing.assert_allclose(
                    theirs[name], case[f'paper_{ours}_{name}'][i], rtol=1e-5, atol=1e-6
                )


def start(tiny, **options):
    """A student and another teacher: tables of 2 labelled rows and 3 of each view."""
    student, other = jax.random.normal(jax.random.key(1), (2, 8, 3))
    labelled, taught, answered = tiny.rows(2, 3, 3)
    method = methods.mean_teacher(
        tiny.table(student),
        optax.sgd(1.0),
        num_classes=3,
        teacher=teachers.ema(DECAY),
        weight=2.0,
        **options,
    )
    names = method.needs['unlabelled'].views
    views = dict(zip(names, (taught, answered), strict=True))
    batch = tiny.batch(labelled, [0, 1], views)
    state = method.init(jax.random.key(0), batch)
    teacher = jax.tree.map(lambda _: other, state.memory['teacher'])
    state = state._replace(memory={**state.memory, 'teacher': teacher})
    return student, other, state, batch, method


@pytest.mark.parametrize(
    'options, views',
    [
        ({'order': 'after'}, ('weak', 'weak2')),
        ({'order': 'before'}, ('weak', 'weak2')),
        ({'order': 'before', 'joint': True}, ('weak', 'weak2')),
        ({'order': 'after', 'student_view': 'strong'}, ('strong', 'weak')),
    ],
)
def test_draws_the_student_to_the_teacher(tiny, options, views):
    order = options['order']
    student, other, state, batch, method = start(tiny, **options)
    assert method.needs['unlabelled'].views == views
    new, metrics = jax.jit(method.step)(state, batch)
    now = new.params['student']['logits']

    before = DECAY * other + (1 - DECAY) * student
    answers = {'before': before, 'after': other}[order]
    target = jax.nn.softmax(answers[5:])

    def loss(logits):
        return jnp.mean((jax.nn.softmax(logits) - target) ** 2)

    np.testing.assert_allclose(
        metrics['loss/consistency'], loss(student[2:5]), rtol=1e-5
    )
    gradient = 2.0 * jax.grad(loss)(student[2:5])
    assert np.abs(gradient).max() > 1e-2  # what the official code loses
    np.testing.assert_allclose((now - student)[2:5], -gradient, atol=1e-6)
    np.testing.assert_array_equal((now - student)[5:], 0)

    after = DECAY * other + (1 - DECAY) * now
    expected = {'before': before, 'after': after}[order]
    slow = new.memory['teacher'].variables.params['logits']
    np.testing.assert_allclose(slow, expected, atol=1e-6)


def test_misspelt_order_is_refused(tiny):
    with pytest.raises(InputError, match="order is 'befor'.*'before' or 'after'"):
        start(tiny, order='befor')
