import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import losses, methods, tasks
from ssljax.contracts import IGNORED, InputError, Network, Variables
from ssljax.methods.unimatch import agreement, drop_channels

TASK = tasks.segmentation(
    3, (16, 16, 1), surfaces=False, consistency=losses.cross_entropy
)


def last(x):
    return jnp.moveaxis(jnp.asarray(x), 1, -1)


def test_terms_of_the_official_code(golden):
    case = golden('segmentation_unimatch_cutmix_loss')
    tau = float(case['hp_conf_thresh'])

    def answer(name, ignored):
        probs = jax.nn.softmax(last(case[f'in_pred_{name}']))
        return jnp.where(jnp.asarray(case[ignored] == IGNORED)[..., None], 0.0, probs)

    own, other = answer('w', 'in_ignore'), answer('w_mix', 'in_ignore_mix')
    lessons = {'fp': own}
    for number in (1, 2):
        box = jnp.asarray(case[f'in_box{number}'] == 1)[..., None]
        lessons[f's{number}'] = jnp.where(box, other, own)

    def loss(logits):
        label = jnp.asarray(case['in_label_x'], jnp.int32)
        known = losses.site_weights(label)
        supervised = losses.masked_mean(
            losses.cross_entropy(logits['x'], label), known, over='kept'
        )
        terms = {
            name: agreement(
                TASK, {'logits': logits[name]}, lesson, tau, 'cross_entropy'
            )
            for name, lesson in lessons.items()
        }
        mean = (terms['s1'] + terms['s2']) / 2
        return 0.5 * (supervised + 0.5 * mean + 0.5 * terms['fp']), terms

    logits = {name: last(case[f'in_pred_{name}']) for name in ('x', 's1', 's2', 'fp')}
    (total, terms), slopes = jax.value_and_grad(loss, has_aux=True)(logits)
    np.testing.assert_allclose(total, case['out_official_loss'], rtol=1e-5)
    for ours, theirs in (('s1', 'u_s1'), ('s2', 'u_s2'), ('fp', 'u_w_fp')):
        expected = case[f'out_official_loss_{theirs}']
        np.testing.assert_allclose(terms[ours], expected, rtol=1e-5)
    for name, slope in slopes.items():
        expected = last(case[f'out_official_dpred_{name}'])
        np.testing.assert_allclose(slope, expected, atol=1e-7)


def test_dice_of_the_medical_code(golden):
    """Which leaves out the sites that are not sure, but none that is ignored."""
    case = golden('segmentation_unimatch_cutmix_loss')
    box = jnp.asarray(case['in_box1'] == 1)[..., None]
    own, other = (
        jax.nn.softmax(last(case[f'in_pred_{name}'])) for name in ('w', 'w_mix')
    )
    lesson = jnp.where(box, other, own)

    def loss(logits):
        tau = float(case['hp_conf_thresh'])
        return agreement(TASK, {'logits': logits}, lesson, tau, 'dice')

    found, slope = jax.value_and_grad(loss)(last(case['in_pred_s1']))
    np.testing.assert_allclose(found, case['out_official_medical_dice_s1'], rtol=1e-5)
    expected = last(case['out_official_medical_dice_dpred_s1'])
    np.testing.assert_allclose(slope, expected, atol=1e-7)


def test_whole_channels_are_dropped_and_the_others_grow():
    features = {'fine': jnp.ones((4, 3, 3, 8)), 'coarse': jnp.ones((4, 1, 1, 8))}
    found = drop_channels(jax.random.key(0), features, 0.5)
    for x in found.values():
        channels = x[:, 0, 0]
        np.testing.assert_array_equal(
            x, jnp.broadcast_to(channels[:, None, None], x.shape)
        )
        assert set(np.unique(channels)) == {0, 2}
        assert (channels[0] != channels[1]).any()
    fine, coarse = (found[name][:, 0, 0] for name in ('fine', 'coarse'))
    assert (fine != coarse).any()
    with pytest.raises(InputError, match='share is 1'):
        drop_channels(jax.random.key(0), features, 1)


def telling(classes=3):
    """A network of which an image [*S, C] is its logits, times a parameter."""

    def encode(variables, images, *, train, key=None):
        return {'levels': images * variables.params['scale']}, variables.stats

    def decode(variables, features, *, train, key=None):
        del train, key
        return {'logits': features['levels']}, variables.stats

    def apply(variables, images, *, train, key=None):
        features, _ = encode(variables, images, train=train)
        return decode(variables, features, train=train)

    return Network(
        lambda key, images: Variables({'scale': jnp.ones((1, 1, 1, classes))}),
        apply,
        {'encode': encode, 'decode': decode},
    )


def metrics_of(**options):
    """One step on images of class 1, and others of class 2 that are pasted."""
    task = tasks.segmentation(3, (8, 8, 3), surfaces=False)
    method = methods.unimatch(
        telling(), optax.sgd(0.0), task=task, threshold=0.5, **options
    )

    def rows(of_class, **fields):
        image = jnp.broadcast_to(jnp.eye(3)[of_class] * 6, (4, 8, 8, 3))
        return {'image': image, **fields}

    batch = {
        'labelled': {'weak': rows(1, mask=jnp.ones((4, 8, 8), jnp.int32))},
        'unlabelled': {view: rows(1) for view in ('weak', 'strong', 'strong2')},
        'partner_unlabelled': {'weak': rows(2), 'strong': rows(2), 'strong2': rows(0)},
    }
    state = method.init(jax.random.key(0), batch)
    return jax.jit(method.step)(state, batch)[1]


def test_what_is_pasted_brings_its_own_answer():
    metrics = metrics_of(boxes=1.0, dropped=0.0)
    surely = -jax.nn.log_softmax(jnp.array([6.0, 0.0, 0.0]))[0]
    np.testing.assert_allclose(metrics['loss/strong'], surely, rtol=1e-4)
    # Here the others show class 0 where their answer is 2: only boxes disagree.
    apart = (metrics['loss/strong2'] - surely) / 6
    assert 0.01 < apart < 0.45
    alone = metrics_of(boxes=0.0, dropped=0.0)
    np.testing.assert_allclose(alone['loss/strong2'], surely, rtol=1e-4)
    np.testing.assert_allclose(metrics['loss/features'], surely, rtol=1e-4)


def test_dropped_features_are_taught():
    metrics = metrics_of(boxes=0.0, dropped=0.5)
    assert metrics['loss/features'] > 0.1
    terms = {name: x for name, x in metrics.items() if name.startswith('loss/')}
    unlabelled = sum(
        share * terms[f'loss/{name}']
        for name, share in (('strong', 0.25), ('strong2', 0.25), ('features', 0.5))
    )
    labelled = terms['loss/cross_entropy'] + terms['loss/dice']
    np.testing.assert_allclose(
        metrics['loss'], 0.5 * (labelled + unlabelled), rtol=1e-5
    )


def test_refusals(tiny):
    options = {'optimizer': optax.sgd(1.0), 'task': TASK}
    with pytest.raises(InputError, match="no part \\['decode', 'encode'\\]"):
        methods.unimatch(tiny.mlp(), **options)
    with pytest.raises(InputError, match='feature_weight is 2'):
        methods.unimatch(telling(), feature_weight=2, **options)
