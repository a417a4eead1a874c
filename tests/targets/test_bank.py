import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from ssljax.contracts import InputError
from ssljax.targets import bank


def rows(count, seed=0):
    """Unit vectors [count, 2] and distributions [count, 3]."""
    random = np.random.default_rng(seed)
    z, p = random.normal(size=(count, 2)), random.dirichlet(np.ones(3), count)
    return (z / np.linalg.norm(z, axis=-1, keepdims=True)).astype('f'), p.astype('f')


def test_a_queue_keeps_the_newest():
    z, p = rows(7)
    queue = bank.empty(4, 2, 3)
    assert not bank.full(queue)
    queue = bank.push(queue, z[:3], p[:3])
    np.testing.assert_array_equal(queue.seen, [1, 1, 1, 0])
    assert not bank.full(queue)
    queue = bank.push(queue, z[3:5], p[3:5])
    assert bank.full(queue)
    np.testing.assert_array_equal(queue.features, z[[3, 4, 0, 1]])
    np.testing.assert_array_equal(queue.values, p[[3, 4, 0, 1]])
    queue = bank.push(queue, z[:6], p[:6])  # more than it holds
    np.testing.assert_array_equal(queue.features, z[:4])


def test_a_table_moves_rows_at_their_places():
    z, _ = rows(5)
    table = bank.empty(4, 2)
    label = jnp.array([2, 1, 2, 0, 1])
    place = jnp.array([0, 3, 0, 4, -1])  # one twice; two are not of the table
    table = bank.write(table, place, z, label, momentum=0.7)
    twice = z[0] + z[2]
    np.testing.assert_allclose(
        table.features,
        [twice / np.linalg.norm(twice), [0, 0], [0, 0], z[1]],
        rtol=1e-6,
    )
    np.testing.assert_array_equal(table.values, [2, 0, 0, 1])
    np.testing.assert_array_equal(table.seen, [1, 0, 0, 1])
    table = bank.write(table, place[1:2], z[3:4], label[1:2], momentum=0.7)
    mixed = 0.7 * z[1] + 0.3 * z[3]
    np.testing.assert_allclose(
        table.features[3], mixed / np.linalg.norm(mixed), rtol=1e-6
    )


def test_places():
    size, place = bank.places(np.array([7, 2, 9]))
    assert size == 3
    found = place(jnp.array([9, 2, 0, 7, -1, 99]))
    np.testing.assert_array_equal(found, [2, 0, 3, 1, 3, 3])
    size, place = bank.places(2)
    np.testing.assert_array_equal(place(jnp.array([1, 0, 2])), [1, 0, 2])
    for wrong in 0, [-1, 2], [0.5]:
        with pytest.raises(InputError, match='give the number of rows'):
            bank.places(wrong)


def test_neighbours_speak_once_the_bank_is_full():
    z, p = rows(4)
    queue = bank.push(bank.empty(3, 2, 3), z[:2], p[:2])
    asked, probs = rows(2, seed=1)

    def smoothed(queue):
        near = jax.nn.softmax(bank.similarity(queue, asked, temperature=0.2))
        return near, bank.smooth(queue, near, probs, keep=0.9)

    np.testing.assert_array_equal(smoothed(queue)[1], probs)
    queue = bank.push(queue, z[2:3], p[2:3])
    near, found = smoothed(queue)
    expected = np.exp(asked @ np.asarray(queue.features).T / 0.2)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(near, expected, rtol=1e-5)
    np.testing.assert_allclose(
        found, 0.9 * probs + 0.1 * expected @ np.asarray(queue.values), rtol=1e-5
    )


def test_labels_are_aggregated_and_unfolded():
    near = np.array([[0.5, 0.3, 0.2]], 'f')
    probs = np.array([[0.1, 0.9, 0.0]], 'f')
    table = bank.Bank(jnp.eye(3), jnp.array([1, 0, 1]), jnp.ones(3))
    found = bank.smooth(table, near, probs, keep=0.5)
    np.testing.assert_allclose(found, [[0.2, 0.8, 0.0]], rtol=1e-6)
    weighed = np.array([[0.45, 0.03, 0.18]])
    np.testing.assert_allclose(
        bank.unfold(table, near, probs), weighed / weighed.sum(), rtol=1e-6
    )


def test_each_device_has_the_rows_of_all():
    mesh = jax.make_mesh((8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,))
    z, p = rows(16)
    place, label = jnp.arange(16) % 9, jnp.arange(16) % 9
    start = bank.empty(12, 2, 3), bank.empty(9, 2)

    def update(banks, z, p, place, label):
        queue, table = banks
        return bank.push(queue, z, p), bank.write(table, place, z, label)

    here, split = PartitionSpec(), PartitionSpec('data')
    spread = jax.shard_map(
        update, mesh=mesh, in_specs=(here, *(split,) * 4), out_specs=here
    )
    found, expected = (f(start, z, p, place, label) for f in (spread, update))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected
    )
