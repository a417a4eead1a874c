import jax
import numpy as np
import pytest


@pytest.fixture(scope='session')
def bits():
    """Returns ``bits(tree) -> {path: (dtype, shape, bytes)}``, of keys their data."""

    def read(tree):
        leaves = {}
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            kind = str(leaf.dtype)
            if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                leaf = jax.random.key_data(leaf)
            content = np.asarray(leaf).tobytes()
            leaves[jax.tree_util.keystr(path)] = (kind, leaf.shape, content)
        return leaves

    return read
