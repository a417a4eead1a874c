"""ReMixMatch against the official numbers, and what makes it itself."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, schedules, targets
from ssljax.contracts import InputError, Network, Variables
from ssljax.views import mixing


def linear_head():
    """Answers of the features, as a matrix and a bias."""

    def apply(variables, inputs, *, train, key=None):
        p = variables.params
        return {'logits': inputs @ p['Wr'] + p['br'][None]}, variables.stats

    def init(key, inputs):
        return Variables({'Wr': jnp.zeros((inputs.shape[1], 4)), 'br': jnp.zeros(4)})

    return Network(init, apply)


def recorded(key, example):
    """The turn as the case has it, in the place of one of our own."""
    return {'image': example['turned'], 'turn': example['turn']}


@pytest.mark.parametrize('joint', [True, False])
def test_4_steps_of_the_official_code(tiny, golden, monkeypatch, joint):
    case = golden('usb_remixmatch')
    first = {
        'student': Variables({n: case[f'in_{n}'] for n in ('W1', 'b1', 'W2', 'b2')}),
        'head': Variables({n: case[f'in_{n}'] for n in ('Wr', 'br')}),
    }
    rule = targets.chain(
        targets.align(case['in_gt'], 0.999), targets.sharpen(float(case['hp_T']))
    )
    method = methods.remixmatch(
        *(tiny.mlp(4, 12), optax.sgd(1.0)),
        head=linear_head(),
        num_classes=4,
        copies=2,
        labelled_view='weak',
        rule=rule,
        alpha=float(case['hp_alpha']),
        one_share=True,
        weight=schedules.linear_ramp(
            float(case['hp_N'] * case['hp_warm_frac']), float(case['hp_lambda_u'])
        ),
        unmixed=float(case['hp_lambda_kl'] / case['hp_lambda_u']),
        turn=recorded,
        turn_weight=float(case['hp_lambda_rot']),
        joint=joint,
    )
    state = None
    for t in range(len(case['in_it'])):
        views = {'weak': case['in_w'][t], 'strong': case['in_s0'][t]}
        views['strong2'] = case['in_s1'][t]
        batch = tiny.batch(case['in_x_lb'][t], case['in_y_lb'][t], views)
        batch['unlabelled']['strong'] |= {
            'turned': jnp.asarray(case['in_s0_rot'][t], jnp.float32),
            'turn': jnp.asarray(case['in_rot_v'][t], jnp.int32),
        }
        permutation, beta = case['in_perm'][t], float(case['in_lam'][t])
        monkeypatch.setattr(mixing, 'partners', lambda k, n, p=permutation: p)
        monkeypatch.setattr(
            jax.random, 'beta', lambda k, a, b, shape, x=beta: jnp.full(shape, x)
        )
        start = method.init(jax.random.key(0), batch, first)
        memory = start.memory if state is None else state.memory
        at = jnp.asarray(case['in_it'][t], jnp.int32)
        start = start._replace(step=at, memory=memory)
        state, metrics = method.step(start, batch)  # traced anew for each draw
        found = state.memory['rule'][0].model.value
        np.testing.assert_allclose(found, case['mid_p_model'][t], rtol=1e-5)
        for ours, theirs in {
            'loss/supervised': 'sup',
            'loss/consistency': 'unsup',
            'loss/unmixed': 'u1',
            'loss/turn': 'rot',
            'loss': 'total',
        }.items():
            expected = case[f'out_{theirs}_loss'][t]
            np.testing.assert_allclose(metrics[ours], expected, rtol=1e-5)
        for network, (params, _) in first.items():
            for name in params.keys() - {'br'}:  # not recorded
                moved = params[name] - state.params[network][name]
                expected = case[f'grad_total__{name}'][t]
                np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-5)


def test_answers_are_aligned_to_the_labels_seen(tiny):
    """A class that labels have twice as often is guessed more, unmixed and unturned."""
    noise = np.random.default_rng(0)
    x, weak, strong = noise.normal(size=(3, 6, 5)).astype('f')
    label = np.array([0, 0, 0, 0, 1, 2])
    batch = tiny.batch(
        *(x, label, {'weak': weak, 'strong': strong}), labelled_views=('strong',)
    )
    network = tiny.mlp()

    def run(**options):
        method = methods.remixmatch(
            *(network, optax.sgd(1.0)), num_classes=3, copies=1, alpha=0.0, **options
        )
        state = method.init(jax.random.key(0), batch)
        return state, method.step(state, batch)[1]

    state, metrics = run()
    student = Variables(state.params['student'])

    def log_probs(x):
        z = np.float64(network.apply(student, x, train=True)[0]['logits'])
        return z - np.log(np.exp(z).sum(1, keepdims=True))

    guess = np.exp(log_probs(weak))
    guess *= np.bincount(label) / 6 / guess.mean(0)
    guess /= guess.sum(1, keepdims=True)
    guess = guess**2 / (guess**2).sum(1, keepdims=True)
    terms = [-(guess * log_probs(u)).sum(1).mean() for u in (strong, weak)]
    np.testing.assert_allclose(metrics['loss/consistency'], np.mean(terms), rtol=1e-4)
    np.testing.assert_allclose(metrics['loss/unmixed'], terms[0], rtol=1e-4)
    total = metrics['loss/supervised'] + 1.5 * np.mean(terms) + 0.5 * terms[0]
    np.testing.assert_allclose(metrics['loss'], total, rtol=1e-4)
    _, uniform = run(prior='uniform')
    assert abs(uniform['loss/consistency'] - metrics['loss/consistency']) > 1e-3


def test_refuses(tiny):
    for options, message in (
        ({'copies': 0}, 'copies is 0'),
        ({'turn': 'halves', 'head': tiny.mlp(4)}, "way is 'halves'"),
        ({'prior': 'flat'}, "target is 'flat'"),
    ):
        with pytest.raises(InputError, match=message):
            methods.remixmatch(tiny.mlp(), optax.sgd(1.0), num_classes=3, **options)
