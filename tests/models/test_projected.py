import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError, Variables

IMAGES = jax.random.normal(jax.random.key(1), (6, 4, 4, 1))
BODY = models.small_cnn(3, channels=(4, 6))


def start(**options):
    network = models.projected(BODY, **options)
    return network, network.init(jax.random.key(0), IMAGES)


def norm(x, layer):
    """Batch norm by the batch's statistics, as it starts."""
    x = x @ layer['linear']['kernel']
    return (x - x.mean(0, keepdims=True)) / np.sqrt(x.var(0, keepdims=True) + 1e-5)


def test_is_a_chain_of_layers_with_the_head_after_the_first():
    network, variables = start(outputs=5)
    p = dict(variables.params)
    p['classifier'] = {'kernel': jnp.ones((6, 3)), 'bias': jnp.arange(3.0)}
    found, stats = network.apply(Variables(p, variables.stats), IMAGES, train=True)

    h = BODY.parts['encode'](Variables(p), IMAGES, train=True)[0]['features']
    h = np.asarray(h, np.float64)
    one = np.maximum(norm(h, p['projection1']), 0)
    two = np.maximum(norm(one, p['projection2']), 0)
    np.testing.assert_allclose(found['features'], h, rtol=1e-5)
    np.testing.assert_allclose(
        found['embedding'], norm(two, p['projection3']), rtol=2e-3, atol=2e-3
    )
    expected = np.repeat(one.sum(1, keepdims=True), 3, axis=1) + np.arange(3)[None]
    np.testing.assert_allclose(found['logits'], expected, rtol=2e-3, atol=2e-3)
    mean = (h @ np.asarray(p['projection1']['linear']['kernel'])).mean(0)
    np.testing.assert_allclose(
        stats['projection1']['norm']['mean'], 0.1 * mean, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize('cut', [0, 1, 2])
def test_what_is_cut_answers_the_same(cut):
    """With the layers beyond thrown away, from the same weights."""
    whole, variables = start(outputs=5, cut=cut)
    p = dict(variables.params)
    p['classifier'] = jax.tree.map(jnp.ones_like, p['classifier'])
    expected, _ = whole.apply(Variables(p, variables.stats), IMAGES, train=False)
    cutoff, fresh = start(hidden=cut, outputs=0, cut=cut)
    kept = {f'projection{i}' for i in range(1, cut + 1)}
    assert set(fresh.params) == {'convs', 'norms', 'classifier'} | kept
    given = Variables(
        *(
            {k: x for k, x in part.items() if k in fresh.params}
            for part in (p, variables.stats)
        )
    )
    found, _ = cutoff.apply(given, IMAGES, train=False)
    assert 'embedding' not in found
    np.testing.assert_allclose(found['logits'], expected['logits'], rtol=1e-6)


def test_the_head_starts_at_zero_and_the_projector_answers_alike_in_bfloat16():
    network, variables = start(outputs=5, dtype='bfloat16')
    found, _ = network.apply(variables, IMAGES, train=True)
    np.testing.assert_array_equal(found['logits'], np.zeros((6, 3)))
    assert found['embedding'].dtype == jnp.float32
    exact, _ = start(outputs=5)[0].apply(variables, IMAGES, train=True)
    np.testing.assert_allclose(found['embedding'], exact['embedding'], atol=0.1)


def test_refuses_what_it_can_not_cut():
    with pytest.raises(InputError, match='cut is 3; give 0 to 2'):
        start(cut=3)
    with pytest.raises(InputError, match="between 'encode' and 'head'"):
        models.projected(models.mlp(3))
    with pytest.raises(InputError, match="head is 'fc'; .*'classifier'"):
        start(head='fc')
