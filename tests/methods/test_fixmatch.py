import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, targets, tasks, teachers
from ssljax.contracts import InputError
from ssljax.methods.consistency import consistency


@pytest.fixture
def case(golden):
    return golden('usb_fixmatch')


def run(tiny, case, build):
    """One SGD step of rate 1 on logits that are the parameters."""
    parts = ('lb', 'ulb_w', 'ulb_s')
    logits = [case[f'in_logits_{part}'] for part in parts]
    labelled, weak, strong = tiny.rows(*map(len, logits))
    batch = tiny.batch(labelled, case['in_y_lb'], {'weak': weak, 'strong': strong})
    method = build(tiny.table(np.concatenate(logits)), optax.sgd(1.0))
    state = method.init(jax.random.key(0), batch)
    new, metrics = jax.jit(method.step)(state, batch)
    moved = new.params['student']['logits'] - np.concatenate(logits)
    ends = np.cumsum([len(x) for x in logits])
    return dict(zip(parts, np.split(moved, ends[:-1]), strict=True)), metrics


def check(case, kind, moved, metrics):
    for ours, theirs in {
        'loss': f'out_{kind}_total_loss',
        'loss/supervised': f'out_{kind}_sup_loss',
        'loss/consistency': f'out_{kind}_unsup_loss',
        'utilisation': f'out_{kind}_util_ratio',
    }.items():
        np.testing.assert_allclose(metrics[ours], case[theirs], rtol=1e-5)
    for part, move in moved.items():
        gradient = case[f'grad_{kind}_total__logits_{part}']
        np.testing.assert_allclose(move, -gradient, atol=1e-6)
    # Weak answers, strong learns, and only where weak is sure.
    np.testing.assert_array_equal(moved['ulb_w'], 0)
    sure = case[f'mid_{kind}_mask'] > 0
    np.testing.assert_array_equal(np.any(moved['ulb_s'] != 0, axis=-1), sure)


@pytest.mark.parametrize('joint', [True, False])
def test_whole_step_of_the_official_code(tiny, case, joint):
    tau = float(case['hp_tau'])
    moved, metrics = run(
        tiny,
        case,
        lambda network, optimizer: methods.fixmatch(
            network, optimizer, num_classes=6, threshold=tau, joint=joint
        ),
    )
    check(case, 'hard', moved, metrics)


def soft(case, *rules):
    def build(network, optimizer):
        return consistency(
            network,
            optimizer,
            tasks.classification(6, consistency=losses.cross_entropy),
            rule=targets.chain(targets.threshold(float(case['hp_tau'])), *rules),
            student_view='strong',
            target_view='weak',
            target_from='student',
            weight=1.0,
            ratio=4.0,
            joint=True,
            teacher=None,
        )

    return build


def test_soft_targets_are_another_rule(tiny, case):
    check(case, 'soft', *run(tiny, case, soft(case)))
    sharpen = targets.sharpen(float(case['hp_T']))
    _, metrics = run(tiny, case, soft(case, sharpen))
    np.testing.assert_allclose(
        metrics['loss/consistency'], case['paper_soft_unsup_loss'], rtol=1e-5
    )


ROWS = (2, 3, 3)  # labelled, weak, strong


def step(tiny, logits, **options):
    labelled, weak, strong = tiny.rows(*ROWS)
    batch = tiny.batch(labelled, [0, 1], {'weak': weak, 'strong': strong})
    method = methods.fixmatch(
        tiny.table(logits), optax.sgd(1.0), num_classes=3, **options
    )
    state = method.init(jax.random.key(0), batch)
    return state, method.step, batch


def test_teaches_nothing_while_nothing_passes(tiny):
    state, advance, batch = step(tiny, jnp.zeros((8, 3)))
    new, metrics = jax.jit(advance)(state, batch)
    assert metrics['loss/consistency'] == 0 and metrics['utilisation'] == 0
    np.testing.assert_array_equal(new.params['student']['logits'][2:], 0)


def test_threshold_may_move_with_the_step(tiny):
    logits = jax.random.normal(jax.random.key(1), (8, 3))
    state, advance, batch = step(
        tiny, logits, threshold=lambda step: jnp.where(step < 1, 0.0, 1.0)
    )
    state, first = advance(state, batch)
    _, second = advance(state, batch)
    assert first['utilisation'] == 1 and second['utilisation'] == 0


def test_the_teacher_may_answer(tiny):
    sure = jnp.zeros((8, 3)).at[2:5, 1].set(9.0)
    state, advance, batch = step(
        tiny, jnp.zeros((8, 3)), target_from='teacher', teacher=teachers.ema(0.9)
    )
    _, metrics = advance(state, batch)
    assert metrics['utilisation'] == 0  # a copy of the unsure student
    teacher = jax.tree.map(lambda _: sure, state.memory['teacher'])
    state = state._replace(memory={**state.memory, 'teacher': teacher})
    new, metrics = advance(state, batch)
    assert metrics['utilisation'] == 1
    assert (new.params['student']['logits'][5:, 1] > 0).all()
    with pytest.raises(InputError, match="target_from is 'teacher'.*'student'"):
        step(tiny, sure, target_from='teacher')


def test_answers_are_aligned_before_they_are_thresholded(tiny):
    """A class that is answered too often loses its rows, and others win them."""
    logits = np.log([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1]])
    labelled, weak, strong = tiny.rows(3, 3, 3)
    batch = tiny.batch(labelled, [0, 1, 2], {'weak': weak, 'strong': strong})
    network = tiny.table(np.concatenate([np.zeros((3, 3)), logits, np.zeros((3, 3))]))

    def taught(prior):
        method = methods.fixmatch(
            *(network, optax.sgd(1.0)), num_classes=3, threshold=0.4, prior=prior
        )
        state = method.init(jax.random.key(0), batch)
        new, _ = jax.jit(method.step)(state, batch)
        return np.asarray(new.params['student']['logits'])[6:] * 9

    # Each kept row of three moves by its target less 1/3, times 1/3.
    np.testing.assert_allclose(taught(None), 3 * np.eye(3)[[0, 0, 0]] - 1, atol=1e-5)
    aligned = np.exp(logits) / np.exp(logits).mean(0)
    aligned /= aligned.sum(1, keepdims=True)
    kept = (aligned.max(1) >= 0.4)[:, None]
    expected = kept * (3 * np.eye(3)[aligned.argmax(1)] - 1)
    assert kept[:, 0].tolist() == [True, False, True]
    np.testing.assert_allclose(taught('uniform'), expected, atol=1e-5)
