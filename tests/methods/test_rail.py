"""RAIL by its equations in float64: who teaches, where, and whose turn it is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, tasks
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.rail import PAIRS
from ssljax.teachers import ema
from ssljax.teachers.ema import EmaState

SIDE, NAMES = (5, 6), ('student', 'residual', 'student2', 'residual2')
TASK = tasks.segmentation(2, (*SIDE, 1), background=False, surfaces=False)
RNG = np.random.default_rng(0)
MASK = RNG.integers(0, 2, (2, *SIDE))
# Students know more or less of the masks, and of the other rows nothing.
LOGITS = {
    name: np.concatenate(
        [
            skill * np.stack([1 - MASK, MASK], -1) + RNG.normal(size=(2, *SIDE, 2)),
            RNG.normal(size=(2, *SIDE, 2)),
        ]
    )
    for name, skill in zip(NAMES, (0.5, 1.0, 3.0, 0.2), strict=True)
}
TEACHERS = {name: RNG.normal(size=(4, *SIDE, 2)) for name in ('teacher', 'teacher2')}


def table():
    def apply(variables, images, *, train, key=None):
        rows = images[:, 0, 0, 0].astype(jnp.int32)
        return {'logits': variables.params['logits'][rows]}, variables.stats

    def init(key, images):
        return Variables({'logits': jnp.zeros((4, *SIDE, 2))})

    return Network(init, apply)


@pytest.fixture(scope='module')
def method():
    return methods.rail(
        table(),
        optax.sgd(1.0),
        task=TASK,
        teacher=ema(0.5),
        turn=1,
        weight=lambda step: 2.0 + step,
        teacher_weight=0.3,
    )


@pytest.fixture(scope='module')
def after(method):
    """Steps from a given number on."""
    image = jnp.arange(4.0).reshape(4, 1, 1, 1) * jnp.ones((1, *SIDE, 1))
    labelled = {'image': image[:2], 'mask': jnp.asarray(MASK, jnp.int32)}
    batch = {
        'labelled': {'weak': labelled, 'index': jnp.arange(2)},
        'unlabelled': {'weak': {'image': image[2:]}, 'index': jnp.arange(2)},
    }
    state = method.init(jax.random.key(0), batch)

    def kept(x):
        return {'logits': jnp.asarray(x, jnp.float32)}

    state = state._replace(
        params={name: kept(x) for name, x in LOGITS.items()},
        memory={name: EmaState(Variables(kept(x))) for name, x in TEACHERS.items()},
    )
    step = jax.jit(method.step)
    return state, lambda n: step(state._replace(step=jnp.asarray(n)), batch)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def sharp(z):
    return softmax(z / 0.1)


def mean(x, where):
    return x[where].mean() if where.any() else 0.0


def expected(name, best, teacher, own_step, warm):
    """The terms of a student beside its supervised ones."""
    z, p = LOGITS[name], softmax(LOGITS[name])
    hard, ideal = z.argmax(-1), LOGITS[best].argmax(-1)
    apart = (hard != ideal)[:2] | (name == best)
    truth = np.log(p[:2])[(*np.indices(MASK.shape), MASK)]
    full, later = 2.0 + own_step, 0.0 if warm else 1.0
    ramp = 0.0 if warm or name == best else full
    squares = ((p - sharp(LOGITS[best])) ** 2)[2:].mean()
    even = mean(-np.log(p).mean(-1)[2:], (hard != ideal)[2:])
    return {
        'error': later * 0.5 * mean((p[:2, ..., 1] - MASK) ** 2, apart),
        'doubt': later * 0.05 * mean(-truth, apart & (hard[:2] != MASK)),
        'best': ramp * squares,
        'flat': ramp * 0.1 * even,
        'teacher': full * 0.3 * ((p - sharp(TEACHERS[teacher])) ** 2)[2:].mean(),
    }


@pytest.mark.parametrize('step', [0, 2, 5])
def test_one_step(after, step):
    """0 is the first group's warm turn, 2 its next; 5 is the second group's third."""
    start, run = after
    new, metrics = run(step)
    second = step % 2 == 1
    for name, twin in PAIRS.items():
        true_name = twin if second else name
        wanted = expected(
            true_name,
            'student2',
            'teacher2' if second else 'teacher',
            step // 2,
            step < 2,
        )
        for term, x in wanted.items():
            found = metrics[f'loss/{name}_{term}']
            np.testing.assert_allclose(found, x, rtol=1e-4, atol=1e-7, err_msg=term)
        assert np.any(
            new.params[true_name]['logits'] != start.params[true_name]['logits']
        )
        idle = name if second else twin
        np.testing.assert_array_equal(
            new.params[idle]['logits'], start.params[idle]['logits']
        )
    mover, still = ('teacher2', 'teacher') if second else ('teacher', 'teacher2')
    source = 'student2' if second else 'student'
    np.testing.assert_allclose(
        new.memory[mover].variables.params['logits'],
        0.5 * (TEACHERS[mover] + np.asarray(new.params[source]['logits'])),
        rtol=1e-5,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        new.memory[still].variables.params['logits'], TEACHERS[still], rtol=1e-6
    )
    assert metrics['group'] == second


def test_all_four_answer_together(method, after):
    state, _ = after
    image = jnp.full((1, *SIDE, 1), 3.0)
    found = softmax(np.asarray(method.predict(state, image)['logits']))
    wanted = np.mean([softmax(x[3:]) for x in LOGITS.values()], axis=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_turn_has_a_step():
    with pytest.raises(InputError, match='turn is 0'):
        methods.rail(table(), optax.sgd(1.0), task=TASK, turn=0)
