import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import traverse_util

from ssljax import models
from ssljax.contracts import InputError

IMAGES = jax.random.normal(jax.random.key(1), (4, 8, 8, 3))


@pytest.fixture(scope='module')
def small():
    """WRN-10-1, fast enough for everything but golden numbers."""
    network = models.wide_resnet(5, depth=10, width=1)
    key = jax.random.key(0, impl='rbg')  # compiles five times faster than threefry
    return network, jax.jit(network.init)(key, IMAGES)


def test_small_network(small):
    network, variables = small
    apply = jax.jit(network.apply, static_argnames='train')
    outputs, stats = apply(variables, IMAGES, train=False)
    assert outputs['logits'].shape == (4, 5)
    assert outputs['features'].shape == (4, 64)
    for new, old in zip(*map(jax.tree.leaves, (stats, variables.stats)), strict=True):
        assert (new == old).all()

    outputs, stats = apply(variables, IMAGES, train=True)
    for new, old in zip(*map(jax.tree.leaves, (stats, variables.stats)), strict=True):
        assert (new != old).any() and new.dtype == jnp.float32
    logits, _ = network.parts['head'](variables, outputs['features'], train=False)
    np.testing.assert_allclose(logits['logits'], outputs['logits'], rtol=1e-5)


def test_remat_keeps_less_and_changes_nothing(small):
    plain, variables = small
    again = models.wide_resnet(5, depth=10, width=1, remat=True)

    def loss(params, network, images):
        now = variables._replace(params=params)
        outputs, stats = network.apply(now, images, train=True)
        return jnp.square(outputs['logits']).mean(), stats

    def kept(network):
        """Numbers that the way forward leaves for the way back."""

        def back(params, images):
            return jax.vjp(lambda p: loss(p, network, images)[0], params)[1]

        images = jax.ShapeDtypeStruct((64, 8, 8, 3), jnp.float32)
        left = jax.eval_shape(back, variables.params, images)
        return sum(x.size for x in jax.tree.leaves(left))

    def learn(network):
        slope = jax.value_and_grad(loss, has_aux=True)
        return jax.jit(lambda p: slope(p, network, IMAGES))(variables.params)

    assert kept(again) < 0.5 * kept(plain)
    for a, b in zip(*map(jax.tree.leaves, map(learn, (again, plain))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_refuses_what_does_not_fit(small):
    network, variables = small
    with pytest.raises(InputError, match='depth must be'):
        models.wide_resnet(5, depth=12)
    with pytest.raises(InputError, match='transition must be'):
        models.wide_resnet(5, transition='usb')
    with pytest.raises(InputError, match='inputs must be images'):
        network.apply(variables, jnp.ones((2, 8, 8, 1)), train=False)
    with pytest.raises(InputError, match='found 40 names on one side only'):
        models.load_usb_weights(variables, {})


# Golden numbers of USB's torch code: 11 MB, so they are read from ../shared. They are
# float64, where this network agrees to rounding (2e-15 seen). In float32 torch itself
# is 7e-7 away from them and this network 5e-7, with logits and features of size 1;
# 5e-6 leaves room for other compilers.
FLOAT32 = {'rtol': 0, 'atol': 5e-6}
FLOAT64 = {'rtol': 0, 'atol': 1e-12}


@pytest.fixture(scope='module')
def usb(shared):
    path = shared / 'golden' / 'usb' / 'wrn_28_2.npz'
    if not path.is_file():
        pytest.skip('needs the golden case usb/wrn_28_2 in ../shared')
    with np.load(path) as case:
        return dict(case)


def prefixed(case, prefix):
    return {k.removeprefix(prefix): a for k, a in case.items() if k.startswith(prefix)}


def load(network, arrays, images):
    shapes = jax.eval_shape(network.init, jax.random.key(0), images)
    return models.load_usb_weights(shapes, arrays)


@pytest.fixture(scope='module')
def trained(usb):
    """One forward and backward in train mode, in float64: what happens is exact."""
    with jax.enable_x64(True):
        network = models.wide_resnet(10, dtype='float64')
        images = jnp.asarray(usb['in_x'], jnp.float64).transpose(0, 2, 3, 1)
        variables = load(network, prefixed(usb, 'in_w__'), images)
        variables = jax.tree.map(lambda a: a.astype(jnp.float64), variables)

        def objective(params):
            now = variables._replace(params=params)
            outputs, stats = network.apply(now, images, train=True)
            losses = optax.softmax_cross_entropy_with_integer_labels(
                outputs['logits'], usb['in_y']
            )
            return losses.mean(), (outputs, stats)

        step = jax.jit(jax.value_and_grad(objective, has_aux=True))
        (loss, (outputs, stats)), grads = step(variables.params)
        return jax.tree.map(np.asarray, (loss, outputs, stats, grads))


def test_usb_train_mode(usb, trained):
    loss, outputs, stats, _ = trained
    np.testing.assert_allclose(loss, usb['out_ce_train'], **FLOAT64)
    np.testing.assert_allclose(outputs['logits'], usb['out_logits_train'], **FLOAT64)
    np.testing.assert_allclose(outputs['features'], usb['out_feat_train'], **FLOAT64)
    # The buffers come back under torch's names with the weights, whose inverse this is.
    buffers = prefixed(usb, 'out_buf__')
    weights = prefixed(usb, 'in_w__')
    with jax.enable_x64(True):
        shapes = jax.eval_shape(models.wide_resnet(10).init, jax.random.key(0), None)
        shapes = jax.tree.map(lambda a: a.update(dtype=jnp.float64), shapes)
        expected = models.load_usb_weights(shapes, weights | buffers).stats
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **FLOAT64), stats, expected
    )


def test_usb_gradients(usb, trained):
    *_, grads = trained
    expected = prefixed(usb, 'grad_ce__')
    statistics = {
        k: v for k, v in prefixed(usb, 'in_w__').items() if 'running' in k
    }  # only to complete the state dict
    network = models.wide_resnet(10)
    with jax.enable_x64(True):
        expected = load(network, expected | statistics, None).params
    flat = traverse_util.flatten_dict(grads)
    for path, value in traverse_util.flatten_dict(expected).items():
        # stored in float32, hence 6e-8 of the largest entry; conv1's bias is annulled
        # by the batch norm that follows, and holds nothing but rounding
        scale = max(np.abs(value).max(), 1e-6)
        np.testing.assert_allclose(flat[path], value, rtol=0, atol=2e-7 * scale)
    for block in ('block2', 'block3'):  # USB's first norm there has no influence
        assert (flat[block, '0', 'bn1', 'scale'] == 0).all()


@pytest.mark.parametrize('transition', ['raw', 'activated'])
def test_usb_weights_in_float32(usb, transition):
    network = models.wide_resnet(10, transition=transition)
    images = jnp.asarray(usb['in_x']).transpose(0, 2, 3, 1)
    variables = load(network, prefixed(usb, 'in_w__'), images)
    apply = jax.jit(network.apply, static_argnames='train')

    def check(variables, train, **expected):
        outputs, stats = apply(variables, images, train=train)
        for name, case in expected.items():
            np.testing.assert_allclose(outputs[name], usb[case], **FLOAT32)
        return stats

    if transition == 'activated':
        check(variables, False, logits='paper_logits_eval')
        check(variables, True, logits='paper_logits_train')
        return
    check(variables, False, logits='out_logits_eval', features='out_feat_eval')
    stats = check(variables, True, logits='out_logits_train', features='out_feat_train')
    variables = variables._replace(stats=stats)
    check(variables, False, logits='out_logits_eval_after_update')
