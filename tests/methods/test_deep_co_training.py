import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods
from ssljax.contracts import InputError, Variables
from ssljax.methods.deep_co_training import STREAMS

LETTERS = dict(zip(STREAMS, 'fg', strict=True))  # the case's names of both networks


@pytest.fixture
def case(golden):
    return golden('extra_ssl_deep_co_training')


def run(tiny, case, **options):
    """One SGD step of rate 1 on the case's networks and rows."""
    weights = {
        name: {w: jnp.asarray(case[f'in_{x}_{w}']) for w in ('W1', 'b1', 'W2', 'b2')}
        for name, x in LETTERS.items()
    }
    method = methods.deep_co_training(
        tiny.mlp(classes=4, hidden=10),
        optax.sgd(1.0),
        num_classes=4,
        size=float(case['hp_eps']),
        agreement_weight=float(case['hp_lam_cot']),
        difference_weight=float(case['hp_lam_dif']),
        **options,
    )
    batch = {
        stream: {'weak': {'image': jnp.asarray(case[f'in_x{i}'])}}
        for i, stream in enumerate(STREAMS.values(), 1)
    }
    for i, stream in enumerate(STREAMS.values(), 1):
        label = jnp.asarray(case[f'in_y{i}'], jnp.int32)
        batch[stream]['weak']['label'] = label
        batch[stream]['index'] = jnp.arange(len(label))
    batch['unlabelled'] = {
        'weak': {'image': jnp.asarray(case['in_xu'])},
        'index': jnp.arange(len(case['in_xu'])),
    }
    given = {name: Variables(w) for name, w in weights.items()}
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    moved = jax.tree.map(lambda a, b: a - b, new.params, state.params)
    return metrics, moved


@pytest.mark.parametrize('joint', [False, True])
def test_step_of_the_official_code(tiny, case, joint):
    """Of the older twin: the other one's agreement has a bracket in the wrong place."""
    metrics, moved = run(tiny, case, joint=joint)
    supervised = sum(metrics[f'loss/{name}_supervised'] for name in STREAMS)
    np.testing.assert_allclose(supervised, case['out_sup_old'], rtol=1e-5)
    for ours, theirs in {
        'loss/agreement': 'cot',
        'loss/difference': 'dif',
        'loss': 'total',
    }.items():
        np.testing.assert_allclose(metrics[ours], case[f'out_{theirs}_old'], rtol=1e-5)
    for name, letter in LETTERS.items():
        for weight, found in moved[name].items():
            gradient = case[f'grad_total__{letter}_{weight}_old']
            np.testing.assert_allclose(found, -gradient, rtol=1e-5, atol=1e-6)


def test_ramp_weighs_both_terms_and_no_other(tiny, case):
    metrics, _ = run(tiny, case, weight=lambda step: 0.25 + step)
    supervised = case['out_sup_old']
    expected = supervised + 0.25 * (case['out_total_old'] - supervised)
    np.testing.assert_allclose(metrics['loss'], expected, rtol=1e-5)


def test_each_learns_to_resist_the_other(tiny):
    """Answers under the other's adversary stay nearer to its answers before."""
    random = np.random.default_rng(0)
    label = np.arange(60) % 6
    image = random.normal(size=(6, 8))[label] + 0.8 * random.normal(size=(60, 8))
    image = jnp.asarray(image, jnp.float32)
    batch = {'unlabelled': {'weak': {'image': image}, 'index': jnp.arange(60)}}
    for stream, rows in zip(STREAMS.values(), (slice(12), slice(12, 24)), strict=True):
        fields = {'image': image[rows], 'label': jnp.asarray(label[rows], jnp.int32)}
        batch[stream] = {'weak': fields, 'index': jnp.arange(60)[rows]}

    def difference(weight):
        method = methods.deep_co_training(
            tiny.mlp(classes=6, hidden=16),
            optax.adam(0.02),
            num_classes=6,
            size=0.3,
            agreement_weight=10.0,
            difference_weight=weight,
        )
        state = method.init(jax.random.key(0), batch)
        step = jax.jit(method.step, donate_argnums=0)
        for _ in range(100):
            state, metrics = step(state, batch)
        return metrics['loss/difference']

    assert difference(0.0) > 1.2 * difference(1.0)


def test_answers_and_streams(tiny):
    method = methods.deep_co_training(tiny.mlp(), optax.sgd(1.0), num_classes=3)
    assert set(method.answers) == {'student', 'partner'} and method.ship == 'student'
    # Another order of the same rows, as every stream named so has.
    assert [s for s in method.needs if s.endswith('_labelled')] == ['partner_labelled']
    with pytest.raises(InputError, match="ship is 'mean'"):
        methods.deep_co_training(tiny.mlp(), optax.sgd(1.0), num_classes=3, ship='mean')
