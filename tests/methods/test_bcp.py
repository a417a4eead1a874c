import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods, tasks
from ssljax.contracts import Network, Variables
from ssljax.methods.copy_paste import copy_paste, region_terms

TASK = tasks.segmentation(3, (8, 8, 3), surfaces=False)


def test_terms_of_the_official_code(golden):
    case = golden('segmentation_bcp_losses')
    task = tasks.segmentation(4, (24, 24, 1))
    # 1 in their mask is around the box; in this script u_a is, and x_a inside.
    box = jnp.asarray(case['in_mask'] == 0)[None]
    pseudo, a, b = (
        jnp.asarray(case[f'in_{name}'], jnp.int32)
        for name in ('pseudo', 'lab_a', 'lab_b')
    )
    alpha = float(case['hp_u_weight'])

    def loss(out, inn):
        first = region_terms(
            task, {'logits': out}, jnp.where(box, a, pseudo), box, (alpha, 1.0)
        )
        second = region_terms(
            task, {'logits': inn}, jnp.where(box, pseudo, b), box, (1.0, alpha)
        )
        return sum(first.values()) + sum(second.values())

    logits = [
        jnp.moveaxis(jnp.asarray(case[f'in_logits_{name}']), 1, -1)
        for name in ('out', 'in')
    ]
    found, slopes = jax.value_and_grad(loss, (0, 1))(*logits)
    np.testing.assert_allclose(found, case['out_official_loss'], rtol=1e-5)
    for slope, name in zip(slopes, ('out', 'in'), strict=True):
        expected = np.moveaxis(case[f'out_official_dlogits_{name}'], 1, -1)
        np.testing.assert_allclose(slope, expected, atol=1e-7)
    terms = region_terms(
        task, {'logits': logits[0]}, jnp.where(box, b, a), box, (1.0, 1.0)
    )
    expected = case['out_official_pretrain_loss']
    np.testing.assert_allclose(sum(terms.values()), expected, rtol=1e-5)


def test_dice_of_each_example_has_plain_sums():
    logits = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    mask = jax.random.randint(jax.random.key(1), (2, 8, 8), 0, 3)
    box = jnp.zeros((1, 8, 8), bool).at[:, 2:6, 2:6].set(True)
    terms = region_terms(
        TASK, {'logits': logits}, mask, box, (1.0, 0.0), by_example=True
    )
    p = np.asarray(jax.nn.softmax(logits), np.float64)
    y, w = np.eye(3)[mask], ~np.asarray(box)[..., None]
    both, size = (p * y * w).sum((1, 2)), ((p + y) * w).sum((1, 2))
    expected = 0.5 * (1 - 2 * both / size).mean()
    np.testing.assert_allclose(terms['dice'], expected, rtol=1e-5)


def telling():
    """A network of which an image [*S, C] is its logits, times a parameter."""

    def apply(variables, images, *, train, key=None):
        return {'logits': images * variables.params['scale']}, variables.stats

    return Network(
        lambda key, images: Variables({'scale': jnp.ones((1, 1, 1, 3))}), apply
    )


def images_of(mask):
    return 6 * jax.nn.one_hot(mask, 3)


def step(build, **options):
    """One step on labels of class 1, and on unlabelled images with two blobs of 2.

    The smaller blob of each fills the corners, where the box never is or always may be.
    """
    known = jnp.ones((2, 8, 8), jnp.int32)
    blobs = jnp.zeros((2, 8, 8), jnp.int32).at[:, 1:6, 1:6].set(2).at[:, 7, 7].set(2)
    labelled = {'weak': {'image': images_of(known), 'mask': known}}
    unlabelled = {'weak': {'image': images_of(blobs)}}
    batch = {
        'labelled': labelled,
        'partner_labelled': labelled,
        'unlabelled': unlabelled,
        'partner_unlabelled': unlabelled,
    }
    method = build(telling(), optax.sgd(1.0), task=TASK, **options)
    state = method.init(jax.random.key(0), batch)
    return jax.jit(method.step)(state, {name: batch[name] for name in method.needs})


def test_masks_are_mixed_as_their_images():
    surely = -jax.nn.log_softmax(jnp.array([6.0, 0.0, 0.0]))[0]
    _, metrics = step(copy_paste)
    # Half of two regions.
    np.testing.assert_allclose(metrics['loss/cross_entropy'], surely, rtol=1e-4)
    _, metrics = step(methods.bcp, largest=False)
    for name in ('out', 'in'):
        found = metrics[f'loss/{name}_cross_entropy']
        np.testing.assert_allclose(found, 0.75 * surely, rtol=1e-4)


def test_only_the_largest_components_are_believed():
    _, believing = step(methods.bcp, largest=False)
    _, metrics = step(methods.bcp, largest=True)
    # The blob in the far corner is seen around the box, so in the second mixture.
    name = 'loss/in_cross_entropy'
    assert metrics[name] > believing[name] + 0.01
    same = [x['loss/out_cross_entropy'] for x in (metrics, believing)]
    np.testing.assert_allclose(*same, rtol=1e-6)


@pytest.mark.parametrize('way', ['outward', 'inward'])
def test_one_direction_only(way):
    _, metrics = step(methods.bcp, **{way: False})
    kept = 'in' if way == 'outward' else 'out'
    names = {f'loss/{kept}_{term}' for term in ('cross_entropy', 'dice')}
    assert {name for name in metrics if name.startswith('loss/')} == names


def test_the_teacher_follows_slowly():
    state, _ = step(methods.bcp)
    moved = state.params['student']['scale'] - 1
    slow = state.memory['teacher'].variables.params['scale'] - 1
    assert jnp.abs(moved).max() > 1e-4
    np.testing.assert_allclose(slow, 0.01 * moved, atol=1e-6)
