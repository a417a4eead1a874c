"""Target rules: FixMatch's numbers, and what holds of every rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, schedules, targets
from ssljax.contracts import Evidence, InputError, TargetRule, Targets

PROBS = np.array(
    [[0.95, 0.03, 0.02], [0.9499, 0.0501, 0.0], [0.0, 0.0, 1.0], [0.4, 0.3, 0.3]],
    np.float32,
)


def apply(rule, value, weight=None, step=0):
    """One update from a rule's own first state; targets only."""
    start = targets.from_prediction(value)
    if weight is not None:
        start = start._replace(weight=weight)
    return rule.update(start, rule.init(start), Evidence(jnp.asarray(step)))[0]


def run_fixmatch(case, rule):
    """Total loss on the case's logits, its gradients and the targets."""

    def total(labelled, weak, strong):
        start = targets.from_logits(weak)
        taught, _ = rule.update(start, rule.init(start), Evidence(jnp.asarray(0)))
        supervised = losses.masked_mean(losses.cross_entropy(labelled, case['in_y_lb']))
        unsupervised = losses.masked_mean(
            losses.cross_entropy(strong, taught.value), taught.weight, over='all'
        )
        loss = supervised + float(case['hp_lambda_u']) * unsupervised
        return loss, (unsupervised, taught)

    logits = [case[f'in_logits_{view}'] for view in ('lb', 'ulb_w', 'ulb_s')]
    run = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True))
    (loss, (unsupervised, taught)), grads = run(*logits)
    return loss, unsupervised, taught, grads


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_fixmatch_of_usb(golden, kind):
    case = golden('usb_fixmatch')
    keep = targets.threshold(float(case['hp_tau']))
    rule = targets.chain(keep, targets.harden()) if kind == 'hard' else keep
    loss, unsupervised, taught, grads = run_fixmatch(case, rule)
    np.testing.assert_array_equal(taught.weight, case[f'mid_{kind}_mask'])
    np.testing.assert_allclose(
        jnp.mean(taught.weight), case[f'out_{kind}_util_ratio'], rtol=1e-6
    )
    if kind == 'hard':
        np.testing.assert_array_equal(taught.value, case['mid_hard_target'])
    else:
        np.testing.assert_allclose(taught.value, case['mid_soft_target'], rtol=1e-5)
    np.testing.assert_allclose(unsupervised, case[f'out_{kind}_unsup_loss'], rtol=1e-5)
    np.testing.assert_allclose(loss, case[f'out_{kind}_total_loss'], rtol=1e-5)
    for grad, view in zip(grads, ('lb', 'ulb_w', 'ulb_s'), strict=True):
        expected = case[f'grad_{kind}_total__logits_{view}']
        np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=1e-7)
    assert not grads[1].any()  # nothing flows into the view that made the targets


def test_soft_targets_of_the_paper(golden):
    """The threshold sees the probabilities as they are, the student sharpened ones."""
    case = golden('usb_fixmatch')
    rule = targets.chain(
        targets.threshold(float(case['hp_tau'])), targets.sharpen(float(case['hp_T']))
    )
    _, unsupervised, taught, _ = run_fixmatch(case, rule)
    np.testing.assert_allclose(
        taught.value, case['paper_soft_target'], rtol=1e-5, atol=1e-7
    )
    np.testing.assert_array_equal(taught.weight, case['mid_soft_mask'])
    np.testing.assert_allclose(unsupervised, case['paper_soft_unsup_loss'], rtol=1e-5)


def test_threshold_keeps_what_reaches_it_exactly():
    got = apply(targets.threshold(0.95), PROBS)
    np.testing.assert_array_equal(got.weight, [1, 0, 1, 0])
    assert got.weight.dtype == jnp.float32
    np.testing.assert_array_equal(got.value, PROBS)


def test_threshold_that_moves_with_the_step():
    rule = targets.threshold(schedules.linear_ramp(10, peak=0.95))
    run = jax.jit(lambda step: apply(rule, PROBS, step=step).weight)
    np.testing.assert_array_equal(run(0), [1, 1, 1, 1])
    np.testing.assert_array_equal(run(5), [1, 1, 1, 0])
    np.testing.assert_array_equal(run(10), [1, 0, 1, 0])


def test_threshold_scales_the_weights_it_is_given():
    got = apply(targets.threshold(0.95), PROBS, weight=np.float32([0.5, 2, 3, 4]))
    np.testing.assert_array_equal(got.weight, [0.5, 0, 3, 0])


def test_threshold_by_a_field_of_a_prediction():
    """Landmarks: each is sure by itself, whatever the weight of its image."""
    score = np.float32([[0.2, 0.5], [0.9, 0.1]])
    found = {'landmarks': np.zeros((2, 2, 2), np.float32), 'score': score}
    got = apply(targets.threshold(0.5, by='score'), found, weight=np.float32([1, 0.5]))
    np.testing.assert_array_equal(got.weight, [[0, 1], [0.5, 0]])
    np.testing.assert_array_equal(got.value['landmarks'], found['landmarks'])
    for value in (found, PROBS):
        with pytest.raises(InputError, match="by is 'sure'"):
            apply(targets.threshold(0.5, by='sure'), value)


def test_weights_of_leading_axes_and_of_several_losses():
    image = np.stack([PROBS, PROBS])  # [U, W, C]
    rows = np.float32([1, 0.5])
    got = apply(targets.threshold(0.95), image, weight={'a': rows, 'b': np.float32(1)})
    kept = np.float32([1, 0, 1, 0])
    np.testing.assert_array_equal(got.weight['a'], np.outer(rows, kept))
    np.testing.assert_array_equal(got.weight['b'], np.outer([1, 1], kept))


def test_confident_share_is_one_weight_for_the_whole_batch():
    got = apply(targets.confident_share(0.95), PROBS, weight=np.float32([1, 1, 2, 0]))
    np.testing.assert_array_equal(got.weight, [0.5, 0.5, 1, 0])
    image = PROBS.reshape(2, 2, 3)
    got = apply(targets.confident_share(0.95), image)
    np.testing.assert_array_equal(got.weight, np.full((2, 2), 0.5))


@pytest.mark.parametrize('temperature', [0.1, 0.5, 1.0, 2.0])
def test_sharpen_is_a_power(temperature):
    power = PROBS.astype(float) ** (1 / temperature)
    expected = power / power.sum(-1, keepdims=True)
    got = apply(targets.sharpen(temperature), PROBS)
    np.testing.assert_allclose(got.value, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(got.weight, np.ones(4))


def test_sharpen_does_not_underflow():
    """0.3 ** 1000 is 0 in float32; the order of classes survives."""
    got = apply(targets.sharpen(1e-3), np.float32([[0.3, 0.29, 0.21, 0.2]]))
    np.testing.assert_allclose(got.value, [[1, 0, 0, 0]], atol=1e-9)


@pytest.mark.parametrize(
    'rule',
    [
        targets.threshold(0.95),
        targets.sharpen(0.5),
        targets.harden(),
        targets.chain(targets.sharpen(0.5), targets.threshold(0.95), targets.harden()),
    ],
)
def test_pixels_are_rows(rule):
    rows = np.tile(PROBS, (3, 1))
    pixels = apply(rule, rows.reshape(2, 2, 3, 3))
    for got, expected in zip(pixels, apply(rule, rows), strict=True):
        np.testing.assert_array_equal(got.reshape(expected.shape), expected)
        assert got.shape[:3] == (2, 2, 3)


def count_and_halve():
    """A rule with a state: counts its calls, halves the weights."""

    def update(targets, state, evidence):
        return targets._replace(weight=targets.weight / 2), state + evidence.step

    return TargetRule(lambda targets: jnp.asarray(0), update)


def test_chain_threads_targets_and_states():
    rule = targets.chain(count_and_halve(), targets.harden(), count_and_halve())
    state = rule.init(targets.from_prediction(PROBS))
    for step in (1, 2):
        start = targets.from_prediction(PROBS)
        got, state = rule.update(start, state, Evidence(jnp.asarray(step)))
    assert [int(state[0]), state[1], int(state[2])] == [3, (), 3]
    np.testing.assert_array_equal(got.weight, np.full(4, 0.25))
    np.testing.assert_array_equal(got.value, [0, 0, 2, 0])
    assert got.value.dtype == jnp.int32


def test_starts_stop_the_gradient():
    def passed(x):
        many = targets.from_prediction({'box': x, 'score': x[:, 0]}).value
        one = targets.from_logits(x).value
        return many['box'].sum() + many['score'].sum() + one[:, 0].sum()

    assert not jax.jit(jax.grad(passed))(PROBS).any()


def test_starts_are_float32_with_a_weight_of_1_a_site():
    low = targets.from_logits(PROBS.astype(jnp.bfloat16))
    assert low.value.dtype == low.weight.dtype == jnp.float32
    np.testing.assert_allclose(low.value.sum(-1), np.ones(4), rtol=1e-6)
    pixels = targets.from_prediction(np.full((2, 5, 5, 3), 1 / 3))  # numpy is welcome
    np.testing.assert_array_equal(pixels.weight, np.ones((2, 5, 5)))
    many = targets.from_prediction({'box': PROBS, 'score': PROBS[:, 0]})
    np.testing.assert_array_equal(many.weight, np.ones(4))


@pytest.mark.parametrize(
    'rule',
    [targets.threshold(0.9), targets.confident_share(0.9), targets.sharpen(0.5)],
)
def test_rules_on_probabilities_come_before_harden(rule):
    with pytest.raises(InputError, match='before harden'):
        apply(targets.chain(targets.harden(), rule), PROBS)
    with pytest.raises(InputError, match='class probabilities'):
        rule.update(Targets({'a': PROBS}, np.ones(4)), (), Evidence(jnp.asarray(0)))


@pytest.mark.parametrize(
    'make',
    [
        lambda: targets.threshold(95),
        lambda: targets.confident_share(-0.1),
        lambda: targets.sharpen(0.0),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(InputError):
        make()
