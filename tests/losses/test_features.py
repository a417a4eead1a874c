"""Features: FitNets, AT and ND against official codes; sequences against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ssljax import losses
from ssljax.contracts import InputError

DRAW = np.random.default_rng(0)


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def scaled(got, expected):
    """Gradients under weights in the hundreds: to 1e-5 of the largest entry."""
    largest = np.abs(expected).max()
    np.testing.assert_allclose(got / largest, expected / largest, atol=1e-5)


def last(x):
    """Channels last."""
    return np.moveaxis(x, 1, -1)


def test_hint_of_mdistiller(golden):
    """With its regressor: a layer, batch statistics and a ReLU, all trained."""
    case = golden('kd_fitnet')
    names = 'f_s', 'conv_W', 'conv_b', 'bn_w', 'bn_b'
    given = {name: case[f'in_{name}_same'] for name in names}
    given['f_s'] = last(given['f_s'])

    def loss(g):
        weights = g['conv_W'][:, :, 0, 0].T
        wide = jnp.tensordot(g['f_s'], weights, 1) + g['conv_b'].reshape(1, 1, 1, -1)
        mean, variance = (
            f(wide, (0, 1, 2), keepdims=True) for f in (jnp.mean, jnp.var)
        )
        normal = (wide - mean) / jnp.sqrt(variance + 1e-5)
        regressed = jax.nn.relu(
            normal * g['bn_w'].reshape(1, 1, 1, -1) + g['bn_b'].reshape(1, 1, 1, -1)
        )
        rows = losses.hint(regressed, last(case['in_f_t_same']))
        return case['hp_w_feat'] * losses.masked_mean(rows)

    value, gradients = jax.jit(jax.value_and_grad(loss))(given)
    close(value, case['out_loss_kd_same'])
    for name in names:
        expected = case[f'grad_total__{name}_same']
        if name == 'conv_b':  # 0, since the batch's mean takes it away
            np.testing.assert_allclose(gradients[name], 0, atol=1e-4)
        else:
            scaled(gradients[name], last(expected) if name == 'f_s' else expected)


def test_attention_transfer_of_mdistiller(golden):
    """Maps of the same size, of a larger student and of a larger teacher."""
    case = golden('kd_at')
    teachers = [last(case[f'in_t{stage}']) for stage in (1, 2, 3)]

    def loss(students):
        stages = jnp.stack(
            [
                losses.masked_mean(losses.attention_transfer(*pair))
                for pair in zip(students, teachers, strict=True)
            ]
        )
        return case['hp_w'] * stages.sum(), stages

    students = [last(case[f'in_s{stage}']) for stage in (1, 2, 3)]
    run = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (value, stages), gradients = run(students)
    close(stages, case['out_stage_losses'])
    close(value, case['out_loss_kd'])
    for stage, gradient in enumerate(gradients, start=1):
        # The case holds the gradients of its first two rows.
        scaled(gradient[:2], last(case[f'grad_total__s{stage}']))


def test_attention_transfer_of_the_paper():
    """The length of the difference, over sizes that do not divide each other."""
    ours = DRAW.normal(size=(2, 5, 3, 4)).astype('f')
    theirs = DRAW.normal(size=(2, 3, 3, 2)).astype('f')

    def loss(x):
        return losses.attention_transfer(x, theirs, distance='length')

    pooled = np.stack([ours[:, 0:2].mean(1), ours[:, 1:4].mean(1), ours[:, 3:].mean(1)])

    def attention(x):
        flat = (np.asarray(x, np.float64) ** 2).mean(-1).reshape(2, -1)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    apart = attention(np.moveaxis(pooled, 0, 1)) - attention(theirs)
    close(jax.jit(loss)(ours), np.linalg.norm(apart, axis=1))
    gradient = jax.jit(jax.grad(lambda x: loss(x).sum()))(theirs)
    assert np.isfinite(gradient).all()  # at the teacher's own map, where it is 0


def test_norm_direction_of_its_code(golden):
    case = golden('kd_nd_loss')
    norms = case['mid_norm_s'] > case['mid_norm_t']
    assert norms.any() and not norms.all()  # both sides of the maximum

    def loss(features, logits):
        direction = losses.masked_mean(
            losses.norm_direction(features, case['in_e_t'], case['in_mu'], case['in_y'])
        )
        kd = losses.masked_mean(
            losses.distillation(logits, case['in_z_t'], temperature=4.0)
        )
        hard = losses.masked_mean(losses.cross_entropy(logits, case['in_y']))
        ramp = case['hp_epoch'] / case['hp_warm']
        direction, kd = case['hp_w_nd'] * direction, ramp * case['hp_w_kd'] * kd
        return hard + kd + direction, (direction, kd)

    run = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    (value, (direction, kd)), gradients = run(case['in_e_s'], case['in_z_s'])
    close(direction, case['out_nd'])
    close(kd, case['out_kd_ramped'])
    close(value, case['out_total'])
    close(gradients[0], case['grad_total__e_s'])
    close(gradients[1], case['grad_total__z_s'])


def test_class_means_leave_out_what_has_no_class():
    features = DRAW.normal(size=(8, 3)).astype('f')
    label = np.array([0, 0, 3, -1, 0, 3, 2, 4])
    weight = np.array([1, 2, 1, 1, 0, 1, 1, 1], 'f')
    expected = np.zeros((4, 3))
    for c in 0, 2, 3:
        expected[c] = np.average(features[label == c], 0, weight[label == c])
    mesh = jax.make_mesh((2,), ('data',), axis_types=(AxisType.Auto,))
    split = jax.shard_map(
        lambda *rows: losses.class_means(rows[0], rows[1], 4, rows[2]),
        mesh=mesh,
        in_specs=PartitionSpec('data'),
        out_specs=PartitionSpec(),
    )
    close(losses.class_means(features, label, 4, weight), expected)
    close(jax.jit(split)(features, label, weight), expected)


def test_cosine_is_half_the_distance_of_directions():
    ours, theirs = DRAW.normal(size=(2, 2, 3, 4)).astype('f')
    got = jax.jit(losses.cosine_alignment)(5 * ours, theirs)
    units = [x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (ours, theirs)]
    close(got, ((units[0] - units[1]) ** 2).sum(-1) / 2)
    blank = jax.jit(jax.grad(lambda x: losses.cosine_alignment(x, theirs).sum()))
    assert np.isfinite(blank(0 * ours)).all()


@pytest.mark.parametrize('distance', ['squares', 'cosine'])
def test_hidden_states_count_tokens_not_sequences(distance):
    layers = list(DRAW.normal(size=(2, 3, 4, 5)).astype('f'))
    teacher = list(DRAW.normal(size=(2, 3, 4, 5)).astype('f'))
    valid = np.arange(4)[None] < np.array([1, 4, 2])[:, None]
    layers[0][0, 3] = np.inf  # filled up

    def loss(states):
        return losses.hidden_states(states, teacher, valid, distance=distance)

    def token(a, b):
        a, b = a.astype(np.float64), b.astype(np.float64)
        if distance == 'squares':
            return ((a - b) ** 2).mean()
        return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    pairs = [
        token(ours[place], theirs[place])
        for ours, theirs in zip(layers, teacher, strict=True)
        for place in zip(*np.nonzero(valid), strict=True)
    ]
    rows = jax.jit(loss)(layers)
    assert rows.shape == (3,)
    close(rows.mean(), np.mean(pairs))


def test_layers_are_matched_evenly_and_the_last_with_the_last():
    assert losses.matched_layers(6, 12) == (1, 3, 5, 7, 9, 11)
    assert losses.matched_layers(2, 5) == (1, 4)
    assert losses.matched_layers(3, 3) == (0, 1, 2)
    with pytest.raises(InputError, match='layers is 4 and teacher_layers 3'):
        losses.matched_layers(4, 3)


MAPS = np.ones((2, 3, 3, 4), 'f')
ROWS = np.ones((2, 4), 'f')
SEQUENCES = [np.ones((2, 3, 4), 'f')]


@pytest.mark.parametrize(
    'loss, given',
    [
        (losses.hint, MAPS),
        (losses.cosine_alignment, ROWS),
        (losses.attention_transfer, MAPS),
        (losses.hidden_states, SEQUENCES),
        (lambda s, t: losses.norm_direction(s, t, ROWS, np.array([0, 1])), ROWS),
    ],
)
def test_the_teacher_is_stopped(loss, given):
    given, other = (
        jax.tree.map(lambda x: DRAW.normal(size=x.shape).astype('f'), given)
        for _ in range(2)
    )
    total = jax.jit(jax.grad(lambda s, t: loss(s, t).sum(), argnums=(0, 1)))
    ours, theirs = total(given, other)
    assert any(x.any() for x in jax.tree.leaves(ours))
    assert not any(x.any() for x in jax.tree.leaves(theirs))


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match=r'\(2, 4\) and teacher_features \(2, 3\)'):
        losses.hint(ROWS, ROWS[:, :3])
    with pytest.raises(InputError, match='feature maps'):
        losses.attention_transfer(MAPS, MAPS[:1])
    with pytest.raises(InputError, match="distance is 'cosine'"):
        losses.attention_transfer(MAPS, MAPS, distance='cosine')
    with pytest.raises(InputError, match="distance is 'length'"):
        losses.hidden_states(SEQUENCES, SEQUENCES, distance='length')
    with pytest.raises(InputError, match='states are of 1 layers'):
        losses.hidden_states(SEQUENCES, 2 * SEQUENCES)
    with pytest.raises(InputError, match=r'valid has shape \(2, 2\)'):
        losses.hidden_states(SEQUENCES, SEQUENCES, np.ones((2, 2)))
    with pytest.raises(InputError, match=r'class_means \(2, 3\)'):
        losses.norm_direction(ROWS, ROWS, ROWS[:, :3], np.array([0, 1]))
