import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks
from ssljax.contracts import IGNORED, InputError, Variables


def step(tiny, **options):
    """Tables of two networks, of 2 labelled rows that teach nothing and 3 others."""
    tables = jax.random.normal(jax.random.key(0), (2, 5, 2, 1, 3))
    method = methods.cps(
        tiny.table(tables[0]),
        optax.sgd(1.0),
        task=tasks.segmentation(3, (2, 1, 1), surfaces=False),
        weight=0.5,
        **options,
    )
    labelled, unlabelled = tiny.rows(2, 3)
    mask = jnp.full((2, 2, 1), IGNORED)
    batch = {
        'labelled': {'weak': {'image': labelled, 'mask': mask}},
        'unlabelled': {'weak': {'image': unlabelled}},
    }
    given = {
        name: Variables({'logits': table})
        for name, table in zip(('student', 'partner'), tables, strict=True)
    }
    state = method.init(jax.random.key(1), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    moved = [
        new.params[name]['logits'] - table
        for name, table in zip(given, tables, strict=True)
    ]
    return tables, moved, metrics


def test_each_learns_the_hard_answer_of_the_other(tiny):
    tables, moved, metrics = step(tiny)
    answers = jax.nn.softmax(tables)
    assert (answers[0].argmax(-1) != answers[1].argmax(-1))[2:].any()
    for own, other in ((0, 1), (1, 0)):
        truth = jax.nn.one_hot(answers[other].argmax(-1), 3)
        expected = 0.5 * (truth - answers[own])[2:] / 6  # of 3 rows, 2 sites each
        np.testing.assert_allclose(moved[own][2:], expected, atol=1e-6)
        assert not moved[own][:2].any()
    assert 'loss/partner_crossed_consistency' in metrics


def test_cross_teaching_is_by_dice(tiny):
    tables, moved, _ = step(tiny, form='dice', joint=False)
    for own, other in ((0, 1), (1, 0)):
        ids = tables[other][2:].argmax(-1)

        def loss(logits, ids=ids):
            return 0.5 * losses.dice_loss(jax.nn.softmax(logits), ids).mean()

        expected = -jax.grad(loss)(tables[own][2:])
        np.testing.assert_allclose(moved[own][2:], expected, atol=1e-6)


def test_the_partner_may_be_another_network(tiny):
    student, partner = tiny.mlp(hidden=6), tiny.mlp(hidden=4)
    method = methods.cps(student, optax.sgd(1.0), partner=partner, num_classes=3)
    images = jnp.ones((2, 4, 4, 1))
    batch = tiny.batch(images, [0, 1], {'weak': images})
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    assert state.params['partner']['W1'].shape == (16, 4)
    assert state.params['student']['W1'].shape == (16, 6)
    with pytest.raises(InputError, match='form is'):
        methods.cps(student, optax.sgd(1.0), num_classes=3, form='squares')
