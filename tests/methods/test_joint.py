"""Views joined in one batch: nothing is lost, and each device keeps its own rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.methods.joint import join, split

VIEWS = [
    {'a': first + jnp.arange(rows), 'b': jnp.ones((rows, 2, 3)) * first}
    for first, rows in ((0, 4), (100, 8), (200, 4))
]


def test_what_is_joined_comes_apart_again():
    joined = join(VIEWS)
    assert joined['b'].shape == (16, 2, 3)
    jax.tree.map(np.testing.assert_array_equal, split(joined, like=VIEWS), VIEWS)


@pytest.mark.parametrize('devices', [2, 4])
def test_each_device_s_part_is_joined_of_its_parts(devices):
    def part(tree, i):
        cut = lambda x: x[len(x) // devices * i : len(x) // devices * (i + 1)]  # noqa: E731
        return jax.tree.map(cut, tree)

    joined = join(VIEWS)
    for i in range(devices):
        own = [part(view, i) for view in VIEWS]
        jax.tree.map(np.testing.assert_array_equal, join(own), part(joined, i))


def test_rows_that_share_no_turns_come_one_view_after_the_other():
    odd = [jnp.arange(3), jnp.arange(10, 15)]
    np.testing.assert_array_equal(join(odd), [0, 1, 2, 10, 11, 12, 13, 14])
