"""Components of masks: scipy's, snakes, ties, classes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from ssljax import solvers
from ssljax.contracts import InputError

RNG = np.random.default_rng(0)


@functools.partial(jax.jit, static_argnames='connectivity')
def numbered(mask, connectivity):
    return solvers.components(mask, connectivity=connectivity)


@pytest.mark.parametrize(
    ('shape', 'connectivity'), [((23, 31), 1), ((23, 31), 2), ((9, 10, 11), 2)]
)
def test_components_are_those_of_scipy(shape, connectivity):
    mask = RNG.random(shape) < 0.4
    found = np.asarray(numbered(mask, connectivity))
    structure = ndimage.generate_binary_structure(mask.ndim, connectivity)
    expected, count = ndimage.label(mask, structure)
    np.testing.assert_array_equal(found > 0, mask)
    pairs = set(zip(found[mask].tolist(), expected[mask].tolist(), strict=True))
    assert len(pairs) == count == len(np.unique(found[mask]))
    for number in np.unique(found[mask]):
        assert np.flatnonzero(found == number)[0] == number - 1


def test_a_snake_is_one():
    snake = np.zeros((15, 15), bool)
    snake[::2] = True
    snake[1::4, -1] = snake[3::4, 0] = True
    assert len(np.unique(numbered(snake, 1))) == 2


def test_largest_of_golden_pseudo_labels(golden):
    case = golden('segmentation_bcp_acdc_masks_losses')
    raw = jnp.asarray(case['out_official_pseudo_raw'], jnp.int32)
    found = jax.jit(lambda x: solvers.largest_of_classes(x, 4))(raw)
    np.testing.assert_array_equal(found, case['out_official_pseudo_largestcc'])


def test_of_equals_the_first_and_of_nothing_nothing():
    mask = np.zeros((3, 7), bool)
    mask[0, 5:], mask[2, :2] = True, True
    first = mask & (np.arange(3) == 0)[:, None]
    largest = jax.jit(solvers.largest_component)
    np.testing.assert_array_equal(largest(mask), first)
    assert not largest(np.zeros((3, 7), bool)).any()
    with pytest.raises(InputError, match='connectivity is 3; give 1 to 2'):
        solvers.components(mask, connectivity=3)
