"""Against a reference in float64, of the paper's equations and of no library code."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods
from ssljax.contracts import Network, Variables

B, U, C, D, STEPS = 2, 6, 3, 4, 6
KEEP, T, ALIKE, TAU, WEIGHT, CONTRAST = 0.7, 0.5, 0.5, 0.6, 1.3, 0.8
SIZES = {'labelled': B, 'weak': U, 'strong': U, 'strong2': U}

HEAD = Network(
    lambda key, inputs: Variables({}),
    lambda variables, inputs, *, train, key=None: ({'logits': inputs}, {}),
)
"""A projector that leaves features as they are."""


@pytest.fixture(scope='module')
def case():
    """Logits and embeddings [STEPS, rows, .] by view, not normalised; labels."""
    random = np.random.default_rng(1)
    drawn = {
        view: (random.normal(size=(STEPS, n, C)), random.normal(size=(STEPS, n, D)))
        for view, n in SIZES.items()
    }
    # Rows of a class are alike, so that there are edges and confident rows.
    for view in 'weak', 'strong', 'strong2':
        drawn[view][0][...] += 2 * np.eye(C)[np.arange(U) % C]
    return drawn, random.integers(0, C, (STEPS, B))


def build(case, **options):
    """The method on parameters that are all logits and features of the case."""
    drawn, label = case
    logits, features = (
        jnp.asarray(
            np.concatenate([x[i].reshape(-1, x[i].shape[-1]) for x in drawn.values()]),
            jnp.float32,
        )
        for i in (0, 1)
    )
    params = {'logits': logits, 'features': features}

    def apply(variables, inputs, *, train, key=None):
        rows = inputs[:, 0].astype(jnp.int32)
        return {name: x[rows] for name, x in variables.params.items()}, {}

    network = Network(lambda key, inputs: Variables(params), apply)
    options = {'batches': 2, 'keep': KEEP, 'contrast_weight': CONTRAST} | options
    method = methods.comatch(
        network,
        HEAD,
        optax.sgd(1.0),
        num_classes=C,
        threshold=TAU,
        temperature=T,
        alike=ALIKE,
        align_length=3,
        weight=WEIGHT,
        **options,
    )
    starts = np.cumsum([0] + [STEPS * n for n in SIZES.values()])
    batches = []
    for t in range(STEPS):
        inputs = {
            view: {'image': np.arange(first + t * n, first + (t + 1) * n)[:, None]}
            for first, (view, n) in zip(starts, SIZES.items(), strict=False)
        }
        inputs = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), inputs)
        known = inputs.pop('labelled')
        known['label'] = jnp.asarray(label[t], jnp.int32)
        batches.append(
            {
                'labelled': {'weak': known, 'index': jnp.arange(B)},
                'unlabelled': {**inputs, 'index': jnp.arange(U)},
            }
        )
    return method, batches


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


class Reference:
    """The method in float64: its targets, and its loss with those fixed."""

    def __init__(self, case, batches=2):
        self.drawn, self.label = case
        self.means, self.queue, self.size = [], [], batches * (B + U)

    def targets(self, t):
        p = softmax(self.drawn['weak'][0][t])
        self.means = [*self.means, p.mean(0)][-3:]
        p = p / np.mean(self.means, axis=0)
        p = p / p.sum(-1, keepdims=True)
        z = unit(self.drawn['weak'][1][t])
        q = p
        if len(self.queue) == self.size:
            near = softmax(z @ np.array([row for row, _ in self.queue]).T / T)
            q = KEEP * p + (1 - KEEP) * near @ np.array([v for _, v in self.queue])
        known = unit(self.drawn['labelled'][1][t])
        self.queue += zip(known, np.eye(C)[self.label[t]], strict=True)
        self.queue += zip(z, p, strict=True)
        self.queue = self.queue[-self.size :]
        graph = q @ q.T
        np.fill_diagonal(graph, 1)
        graph[graph < ALIKE] = 0
        return q, graph / graph.sum(-1, keepdims=True)

    def loss(self, rows, t, q, graph):
        logits, features = rows
        supervised = -np.log(softmax(logits['labelled']))
        supervised = supervised[np.arange(B), self.label[t]].mean()
        taught = -np.sum(q * np.log(softmax(logits['strong'])), axis=-1)
        taught = np.mean((q.max(-1) >= TAU) * taught)
        alike = unit(features['strong']) @ unit(features['strong2']).T / T
        contrast = -np.sum(graph * np.log(softmax(alike)), axis=-1).mean()
        total = supervised + WEIGHT * taught + CONTRAST * contrast
        return total, taught, contrast

    def gradient(self, rows, part, view, *fixed, h=1e-6):
        """Central difference quotients by the logits (0) or features (1) of a view."""
        found = np.zeros(rows[part][view].shape)
        for i in np.ndindex(*found.shape):
            ends = []
            for step in h, -h:
                changed = [dict(fields) for fields in rows]
                changed[part][view] = rows[part][view].copy()
                changed[part][view][i] += step
                ends.append(self.loss(changed, *fixed)[0])
            found[i] = (ends[0] - ends[1]) / (2 * h)
        return found


def test_steps_are_the_formula_with_their_gradients(tiny, case):
    method, batches = build(case)
    reference, drawn = Reference(case), case[0]
    state = method.init(jax.random.key(0), batches[0])
    step, taught_rows = jax.jit(method.step), []
    for t, batch in enumerate(batches):
        q, graph = reference.targets(t)
        assert np.sum(graph > 0) > U  # edges beside the loops
        taught_rows.append(q.max(-1) >= TAU)
        rows = [{v: x[part][t] for v, x in drawn.items()} for part in (0, 1)]
        total, taught, contrast = reference.loss(rows, t, q, graph)
        new, metrics = step(state, batch)
        for name, expected in {
            'loss': total,
            'loss/consistency': taught,
            'loss/contrast': contrast,
            'utilisation': np.mean(taught_rows[-1]),
        }.items():
            np.testing.assert_allclose(metrics[name], expected, rtol=1e-5)
        for i, (view, n) in enumerate(SIZES.items()):
            first = STEPS * sum(list(SIZES.values())[:i]) + t * n
            for part, field in enumerate(('logits', 'features')):
                old, now = (s.params['student'][field] for s in (state, new))
                moved = (now - old)[first : first + n]
                gradient = reference.gradient(rows, part, view, t, q, graph)
                np.testing.assert_allclose(moved, -gradient, atol=1e-5)
        state = new
    assert 0.1 < np.mean(taught_rows) < 0.9
    bank = state.memory['bank']
    features, values = map(np.array, zip(*reference.queue, strict=True))
    order = np.lexsort(np.round(features, 3).T)
    ours = np.lexsort(np.round(np.asarray(bank.features), 3).T)
    np.testing.assert_allclose(bank.features[ours], features[order], atol=1e-6)
    np.testing.assert_allclose(bank.values[ours], values[order], atol=1e-6)


@pytest.mark.parametrize('part', [{'keep': 1.0}, {'contrast_weight': 0.0}])
def test_each_part_is_felt(tiny, case, part):
    """Smoothing once the bank is full, the graph of embeddings from the start."""

    def losses(**options):
        method, batches = build(case, **options)
        state = method.init(jax.random.key(0), batches[0])
        step, found = jax.jit(method.step), []
        for batch in batches:
            state, metrics = step(state, batch)
            found.append(float(metrics['loss']))
        return np.array(found)

    apart = np.abs(losses() - losses(**part)) > 1e-4
    np.testing.assert_array_equal(apart, [part != {'keep': 1.0}] * 2 + [True] * 4)
