import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from ssljax import losses, shards
from ssljax.contracts import InputError


@pytest.fixture
def views():
    """Unit embeddings [8, 3] twice; pseudo-labels [8, 4], of which some are alike."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 8, 3))
    a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    probs = random.dirichlet(0.1 * np.ones(4), 8)
    return tuple(x.astype(np.float32) for x in (a, b, probs))


def expected(a, b, probs, threshold):
    """The loss in float64, row by row."""
    a, b, probs = (np.asarray(x, float) for x in (a, b, probs))
    total, edges = 0.0, 0
    for i in range(len(a)):
        edge = [1.0 if i == j else probs[i] @ probs[j] for j in range(len(a))]
        edge = [w if w >= threshold else 0.0 for w in edge]
        edges += sum(w > 0 for w in edge)
        near = np.exp([a[i] @ b[j] / 0.2 for j in range(len(a))])
        for j, w in enumerate(edge):
            total -= w / sum(edge) * np.log(near[j] / near.sum())
    return total / len(a), edges


@pytest.mark.parametrize('threshold', [0.3, 0.8, 1.0])
def test_is_the_formula(views, threshold):
    value, edges = expected(*views, threshold)
    found = losses.graph_contrastive(*views, threshold=threshold)
    np.testing.assert_allclose(found, value, rtol=1e-5)
    assert (edges > 8) == (threshold < 1)  # edges beside the loops


def test_on_eight_devices_it_is_the_same_with_its_gradients(views):
    mesh = jax.make_mesh((8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,))
    rows = PartitionSpec('data')

    def both(a, b, probs):
        return jax.value_and_grad(losses.graph_contrastive, argnums=(0, 1))(a, b, probs)

    def spread(a, b, probs):
        loss, slopes = both(a, b, probs)
        return shards.mean(loss), slopes

    many = jax.shard_map(
        spread, mesh=mesh, in_specs=rows, out_specs=(PartitionSpec(), rows)
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
        jax.jit(many)(*views),
        both(*views),
    )


def test_no_gradient_reaches_the_labels(views):
    slope = jax.grad(losses.graph_contrastive, argnums=2)(*map(jnp.asarray, views))
    np.testing.assert_array_equal(slope, 0)


def test_refuses_other_shapes(views):
    a, b, probs = views
    with pytest.raises(InputError, match='give .U, D. twice'):
        losses.graph_contrastive(a, b[:3], probs)
