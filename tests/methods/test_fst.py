import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, targets, tasks, teachers
from ssljax.contracts import InputError, Teacher, Variables
from ssljax.methods.consistency import consistency

TAU = 0.45


@pytest.fixture(scope='module')
def network(tiny):
    return tiny.mlp()


def fst(network, optimizer, **options):
    return methods.fst(network, optimizer, num_classes=3, threshold=TAU, **options)


def mean_teacher(network, optimizer, **options):
    """FST's rule and views, with the ordinary step."""
    return consistency(
        network,
        optimizer,
        tasks.classification(3, consistency=losses.cross_entropy),
        rule=targets.chain(targets.confident_share(TAU), targets.harden()),
        student_view='strong',
        target_view='weak',
        target_from='teacher',
        weight=1.0,
        ratio=1.0,
        joint=False,
        **options,
    )


@pytest.fixture(scope='module')
def batches(tiny):
    rng = np.random.default_rng(0)

    def one():
        image, weak, strong = rng.normal(size=(3, 8, 4)).astype(np.float32)
        label = rng.integers(0, 3, 8)
        return tiny.batch(image, label, {'weak': weak, 'strong': strong})

    return [one() for _ in range(3)]


def with_future(batch, *others):
    """A batch for a wide look, the other ones in turns, a row of each."""

    def in_turns(*rows):
        stacked = jnp.stack(rows, axis=1)
        return stacked.reshape(-1, *stacked.shape[2:])

    future = jax.tree.map(in_turns, *others)
    return batch | {f'future_{name}': stream for name, stream in future.items()}


def slow_of(state):
    return state.memory['teacher'].variables.params


def assert_close(a, b):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b
    )


def run(tiny, method, batches, state=None):
    if state is None:
        state = method.init(jax.random.key(0), batches[0])
    step = jax.jit(method.step)
    for batch in batches:
        state, _ = step(state, batch)
    return state


def test_no_look_ahead_is_mean_teacher_averaged_before(tiny, network, batches):
    teacher, adam = teachers.ema(0.7), optax.adam(0.05)
    ours = run(tiny, fst(network, adam, teacher=teacher, ahead=0), batches)
    theirs = run(
        tiny, mean_teacher(network, adam, teacher=teacher, order='before'), batches
    )
    assert_close(ours._replace(key=0), theirs._replace(key=0))


def test_a_teacher_that_never_moves_has_no_future(tiny, network, batches):
    teacher, adam = teachers.ema(1.0), optax.adam(0.05)
    there = mean_teacher(network, adam, teacher=teacher)
    theirs = run(tiny, there, batches)
    ours = run(tiny, fst(network, adam, teacher=teacher, ahead=2), batches)
    assert_close(ours._replace(key=0), theirs._replace(key=0))
    # While moments that the virtual steps left behind do change the real ones.
    kept = run(
        tiny, fst(network, adam, teacher=teacher, ahead=2, moments='keep'), batches
    )
    assert int(ours.opt['student'][0].count) == 3
    assert int(kept.opt['student'][0].count) == 9
    difference = kept.params['student']['W1'] - ours.params['student']['W1']
    assert np.abs(difference).max() > 1e-3


def test_wide_on_the_present_batch_is_deep_but_for_one_average(tiny, network, batches):
    teacher, sgd = teachers.ema(0.7), optax.sgd(0.5)
    deep = fst(network, sgd, teacher=teacher, ahead=1)
    wide = fst(network, sgd, teacher=teacher, ahead=1, look='wide')
    start = deep.init(jax.random.key(0), batches[0])
    other = jax.tree.map(lambda x: x + 0.5, start.memory['teacher'])
    start = start._replace(memory={**start.memory, 'teacher': other})

    def averaged(state):
        student = Variables(state.params['student'])
        moved = teacher.update(state.memory['teacher'], student, step=state.step)
        return state._replace(memory={**state.memory, 'teacher': moved})

    theirs = run(tiny, deep, batches, start)
    # Deep averages before it looks, wide after the real step: shift by that one.
    ours = run(tiny, wide, [with_future(b, b) for b in batches], averaged(start))
    assert_close(ours.params, theirs.params)
    assert_close(slow_of(ours), slow_of(averaged(theirs)))


def test_the_future_forms_the_teacher_and_the_student_goes_back(tiny, network, batches):
    """With decay 0 the teacher is the student one virtual step ahead."""
    teacher, sgd = teachers.ema(0.0), optax.sgd(0.5)
    method = fst(network, sgd, teacher=teacher, ahead=1)
    there = mean_teacher(network, sgd, teacher=teacher, order='before')
    start = method.init(jax.random.key(0), batches[0])
    new, metrics = jax.jit(method.step)(start, batches[0])
    ahead, first = jax.jit(there.step)(start, batches[0])
    assert_close(slow_of(new), ahead.params['student'])
    np.testing.assert_allclose(metrics['loss/supervised'], first['loss/supervised'])


def test_needs_the_batches_that_it_looks_at(network, batches):
    method = fst(network, optax.sgd(0.1), look='wide', ahead=2)
    assert method.needs['future_labelled'].ratio == 2 * method.needs['labelled'].ratio
    assert method.needs['future_unlabelled'].views == ('strong', 'weak')
    batch = with_future(*batches)
    odd = jax.tree.map(lambda x: x[:5], batch['future_labelled'])
    state = method.init(jax.random.key(0), batch)
    with pytest.raises(InputError, match='5 rows, which 2 batches'):
        method.step(state, batch | {'future_labelled': odd})


@pytest.mark.parametrize(
    'options, found',
    [
        ({'look': 'far'}, "look is 'far'"),
        ({'moments': 'reset'}, "moments is 'reset'"),
        ({'ahead': -1}, 'ahead is -1; a deep look needs at least 0'),
        ({'ahead': 0, 'look': 'wide'}, 'ahead is 0; a wide look needs at least 1'),
        ({'moments': 'keep', 'look': 'wide'}, "moments is 'keep'"),
    ],
)
def test_refuses_what_it_cannot_do(network, options, found):
    with pytest.raises(InputError, match=found):
        fst(network, optax.sgd(0.1), **options)


# The official code and its float64 variant, from after their step 0, in which alone
# they do not look ahead.


def params_of(vector):
    w1, b1, w2, b2 = np.split(vector.astype(np.float32), [24, 30, 48])
    return {'W1': w1.reshape(6, 4).T, 'b1': b1, 'W2': w2.reshape(3, 6).T, 'b2': b2}


def official_batch(tiny, case, k):
    views = dict.fromkeys(('weak', 'strong'), case['in_xt'][k].astype(np.float32))
    return tiny.batch(case['in_xs'][k].astype(np.float32), case['in_ys'][k], views)


def counting(decay, number_of):
    """An average whose warm-up counts its own updates, as the official counter does.

    It advances in the virtual steps too. ``number_of`` maps our count to it.
    """
    base = teachers.ema(teachers.count_warmup(decay))

    def update(state, variables, *, step, mask=None):
        slow, count = state
        return base.update(slow, variables, step=number_of(count)), count + 1

    return Teacher(
        lambda variables: (base.init(variables), jnp.zeros((), jnp.int32)),
        update,
        lambda state: base.variables(state[0]),
    )


OPTIMIZERS = {
    'sgd': lambda case: optax.sgd(float(case['hp_lr_sgd'])),
    'sgdm': lambda case: optax.chain(
        optax.add_decayed_weights(1e-3),
        optax.sgd(float(case['hp_lr_sgd']), momentum=0.9),
    ),
    'adamw': lambda case: optax.adamw(float(case['hp_lr_adamw']), weight_decay=0.01),
}


@pytest.mark.parametrize(
    'who, name',
    [
        ('paper_D', 'sgdm'),
        ('paper_D', 'adamw'),
        ('official_D', 'sgd'),
        ('official_D', 'sgdm'),
        ('official_D', 'adamw'),
        ('official_W', 'sgd'),
    ],
)
def test_steps_of_the_official_code(tiny, network, golden, who, name):
    case = golden('segmentation_fst_deep_wide')
    decay, ahead = float(case['hp_alpha']), int(case['hp_K'])
    teacher = {
        'paper_D': teachers.ema(teachers.count_warmup(decay)),
        'official_D': counting(decay, lambda n: n + 1),
        # K virtual steps that average nothing count as well.
        'official_W': counting(decay, lambda n: (ahead + 1) * (n // 2 + 1) + n % 2),
    }[who]
    optimizer = OPTIMIZERS[name](case)
    method = fst(
        network,
        optimizer,
        teacher=teacher,
        ahead=ahead,
        look='wide' if who == 'official_W' else 'deep',
        moments='keep' if who == 'official_D' else 'restore',
    )
    students, slows = (
        case[f'out_{who}_{name}_{part}'] for part in ('student', 'teacher')
    )
    # Their step 0 is one plain step.
    plain = mean_teacher(network, optimizer, teacher=teacher)
    vector = [case[f'in_{part}'].ravel() for part in ('w1', 'b1', 'w2', 'b2')]
    given = {'student': Variables(params_of(np.concatenate(vector)))}
    first = official_batch(tiny, case, 0)
    state = plain.init(jax.random.key(0), first, given)
    state, _ = jax.jit(plain.step)(state, first)
    assert_close(state.params['student'], params_of(students[0]))
    recorded = teacher.init(Variables(params_of(slows[0])))
    state = state._replace(memory={**state.memory, 'teacher': recorded})

    step = jax.jit(method.step)
    for k in range(1, 5):
        batch = official_batch(tiny, case, k)
        if who == 'official_W':
            others = [official_batch(tiny, case, (k + 1 + i) % 5) for i in range(ahead)]
            batch = with_future(batch, *others)
        state, _ = step(state, batch)
        assert_close(state.params['student'], params_of(students[k]))
        slow = teacher.variables(state.memory['teacher']).params
        assert_close(slow, params_of(slows[k]))
