import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, teachers
from ssljax.contracts import InputError, Network, Variables

VIEWS = ('lb', 'w', 's')


def table(case):
    """A network whose parameters are the case's logits and embeddings, row by row."""
    params = {
        field: np.concatenate([case[f'in_{field}_{v}'] for v in VIEWS], axis=1)
        for field in ('logits', 'z')
    }
    shapes = {field: x.shape for field, x in params.items()}
    flat = {f: jnp.asarray(x.reshape(-1, x.shape[-1])) for f, x in params.items()}

    def apply(variables, inputs, *, train, key=None):
        rows = inputs[:, 0].astype(jnp.int32)
        p = variables.params
        return {'logits': p['logits'][rows], 'features': p['z'][rows]}, {}

    return Network(lambda key, inputs: Variables(flat), apply), shapes


HEAD = Network(
    lambda key, inputs: Variables({}),
    lambda variables, inputs, *, train, key=None: ({'logits': inputs}, {}),
)
"""A projector that leaves features as they are."""


RUNS = {
    # What USB normalises over the batch, as it should be; it has no gradients of it.
    'paper': {
        'p': 'paper_p_ema',
        'unfolded': 'paper_unfolded_ema',
        'instance': 'paper_in_loss_ema',
        'total': 'paper_total_loss_ema',
        'bank': 'paper_bank_ema',
    },
    'teacher': {
        'p': 'mid_p_teacher',
        'unfolded': 'mid_unfolded_teacher',
        'instance': 'out_in_loss_teacher',
        'total': 'out_total_loss_teacher',
        'bank': 'out_bank_teacher',
    },
}


@pytest.mark.parametrize('run', RUNS)
def test_8_steps_of_the_official_code(tiny, golden, run):
    case = golden('usb_simmatch')
    known = {ours: case[theirs] for ours, theirs in RUNS[run].items()}
    tau, temperature = float(case['hp_tau']), float(case['hp_T'])
    network, shapes = table(case)
    steps, rows, _ = shapes['logits']
    sizes = [case[f'in_logits_{v}'].shape[1] for v in VIEWS]
    method = methods.simmatch(
        network,
        HEAD,
        optax.sgd(1.0),
        num_classes=4,
        labelled_rows=case['in_bank0'].shape[1],
        threshold=tau,
        keep=float(case['hp_alpha']),
        temperature=temperature,
        momentum=float(case['hp_bank_momentum']) if run == 'paper' else 0.0,
        align_length=int(case['hp_da_len']),
        instance_weight=float(case['hp_lambda_in']),
    )
    step, state, bank = jax.jit(method.step), None, case['in_bank0'].astype(float)
    for t in range(steps):
        labelled, weak, strong = tiny.rows(t * rows, *sizes)[1:]
        views = {'weak': weak, 'strong': strong}
        batch = tiny.batch(labelled, case['in_y_lb'][t], views)
        batch['labelled']['index'] = jnp.asarray(case['in_idx_lb'][t], jnp.int32)
        if state is None:
            state = method.init(jax.random.key(0), batch)
            start = state.memory['bank']._replace(features=jnp.asarray(bank.T, 'f'))
            state = state._replace(memory={**state.memory, 'bank': start})
        # Its first epoch goes over all labelled rows.
        began = bool((state.memory['bank'].seen > 0).all())
        assert began == (case['in_epoch'][t] > 0)
        new, metrics = step(state, batch)

        p, taught = known['p'][t], known['p'][t].max(-1) >= tau
        np.testing.assert_allclose(metrics['utilisation'], taught.mean())
        for name, found in {'instance': 'loss/instance', 'total': 'loss'}.items():
            np.testing.assert_allclose(
                metrics[found], known[name][t], rtol=1e-5, atol=1e-6
            )
        moves = moved(state, new, shapes, sizes, t)
        answer = softmax(case['in_logits_s'][t])
        gradient = taught[:, None] * (answer - p) / len(p)
        np.testing.assert_allclose(moves['logits']['s'], -gradient, atol=1e-6)
        z = case['in_z_s'][t].astype(float)
        gradient = softmax(z @ bank / temperature) - known['unfolded'][t]
        gradient = began * (gradient @ bank.T) / temperature / len(p)
        if run == 'teacher':
            theirs = case['grad_total__z_s_teacher'][t]
            np.testing.assert_allclose(gradient, theirs, atol=1e-6)
        # Of the embedding; ours is of what was normalised to it.
        gradient -= z * np.sum(z * gradient, axis=-1, keepdims=True)
        np.testing.assert_allclose(moves['z']['s'], -gradient, rtol=1e-4, atol=1e-5)
        for field in moves:
            np.testing.assert_array_equal(moves[field]['w'], 0)

        state, bank = new, known['bank'][t]
        found = state.memory['bank']
        np.testing.assert_allclose(found.features, bank.T, rtol=1e-5, atol=1e-6)
        seen = np.asarray(found.seen) > 0
        labels = case['out_labels_bank_teacher'][t]
        np.testing.assert_array_equal(found.values[seen], labels[seen])


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def moved(state, new, shapes, sizes, t):
    """By field and view, how far the parameters of step t went."""
    found = {}
    for field, shape in shapes.items():
        move = new.params['student'][field] - state.params['student'][field]
        parts = np.split(np.asarray(move).reshape(shape)[t], np.cumsum(sizes)[:-1])
        found[field] = dict(zip(VIEWS, parts, strict=True))
    return found


@pytest.fixture(scope='module')
def batch():
    """8 labelled rows, 4 of each class, and 16 unlabelled ones, of two clouds."""
    random = np.random.default_rng(0)
    label = np.arange(8, dtype=np.int32) % 2
    centre = np.float32([[2, 0, 0, 0], [0, 2, 0, 0]])
    known = centre[label] + random.normal(size=(8, 4)).astype('f')
    weak, strong = centre[np.arange(16) % 2] + random.normal(size=(2, 16, 4))
    return {
        'labelled': {'weak': {'image': known, 'label': label}, 'index': np.arange(8)},
        'unlabelled': {
            'weak': {'image': weak.astype('f')},
            'strong': {'image': strong.astype('f')},
            'index': np.arange(16),
        },
    }


def after_steps(tiny, batch, steps=3, **options):
    method = methods.simmatch(
        tiny.mlp(classes=2, statistics=True),
        tiny.mlp(classes=4),
        optax.sgd(0.1),
        num_classes=2,
        **{'labelled_rows': 8, 'threshold': 0.6} | options,
    )
    state = method.init(jax.random.key(0), batch)
    step = jax.jit(method.step)
    for _ in range(steps):
        before, (state, metrics) = state, step(state, batch)
    return before, state, metrics


@pytest.mark.parametrize('part', [{'keep': 1.0}, {'instance_weight': 0.0}])
def test_each_part_is_felt_once_the_bank_is_full(tiny, batch, part):
    for steps in 1, 2:
        with_it, without = (
            after_steps(tiny, batch, steps, **options)[1].params['student']['W1']
            for options in ({}, part)
        )
        assert (np.abs(with_it - without).max() > 1e-5) == (steps == 2)


def test_the_average_of_both_networks_fills_the_bank(tiny, batch):
    average = teachers.ema(0.5)
    before, after, metrics = after_steps(
        tiny, batch, target_from='teacher', teacher=average, momentum=0.0
    )
    assert np.isfinite(metrics['loss'])
    memory = before.memory
    body, head = memory['teacher'].variables, memory['projector_teacher'].variables
    known = batch['labelled']['weak']['image']
    seen, _ = tiny.mlp(classes=2, statistics=True).apply(
        body, np.concatenate([known, batch['unlabelled']['weak']['image']]), train=True
    )
    z = np.asarray(
        tiny.mlp(classes=4).apply(head, seen['features'], train=True)[0]['logits']
    )
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    np.testing.assert_allclose(after.memory['bank'].features, z[:8], rtol=1e-4)
    old, new = head.params['W1'], after.params['projector']['W1']
    np.testing.assert_allclose(
        after.memory['projector_teacher'].variables.params['W1'],
        0.5 * old + 0.5 * new,
        rtol=1e-5,
    )


def test_refusals(tiny, batch):
    with pytest.raises(InputError, match="target_from is 'teacher'"):
        after_steps(tiny, batch, target_from='teacher')
    with pytest.raises(InputError, match='give the number of rows'):
        after_steps(tiny, batch, labelled_rows=0)
    method = methods.simmatch(
        tiny.table([[0.0, 1.0]] * 8),
        HEAD,
        optax.sgd(0.1),
        num_classes=2,
        labelled_rows=8,
    )
    with pytest.raises(InputError, match="'features' of shape None"):
        method.init(jax.random.key(0), batch)
