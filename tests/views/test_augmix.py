import jax
import numpy as np
import pytest

from ssljax import views
from ssljax.contracts import InputError

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)


def draw(view, image, rows):
    keys = jax.random.split(jax.random.key(0), rows)
    run = jax.jit(jax.vmap(view, in_axes=(0, None)))
    return np.array(run(keys, {'image': image})['image'])


def test_mixtures_are_drawn_for_every_image_and_stay_between():
    got = draw(views.augmix(), IMAGE, 64)
    assert got.shape == (64, 12, 12, 3) and got.min() >= 0 and got.max() <= 1
    assert len(np.unique(got.reshape(64, -1), axis=0)) == 64
    apart = np.abs(got - IMAGE[None] / 255).mean((1, 2, 3))
    assert apart.min() < 0.05 < apart.max()  # m is anywhere in [0, 1]
    # A convex mixture of what leaves one colour alone is that colour: black borders of
    # geometry and the inversion and coarsening of levels only make it darker.
    grey = draw(views.augmix(1.0), np.full((12, 12, 1), 128, np.uint8), 32)
    assert grey.max() <= 128 / 255 + 1e-6


def test_one_chain_of_one_operation_lies_on_the_line_to_its_result():
    """With a tiny alpha m is 0 or 1: the image, or the chain, which is levels."""
    got = draw(views.augmix(3.0, width=1, depth=1, alpha=1e-3), IMAGE, 64) * 255
    ends = np.abs(got - np.round(got)).max((1, 2, 3)) < 1e-2
    same = np.abs(got - IMAGE[None]).max((1, 2, 3)) < 1e-2
    # Half of the draws, and those of a mild step that does nothing at 12 pixels.
    assert ends.mean() > 0.9 and 0.35 < same.mean() < 0.95


@pytest.mark.parametrize(
    'wrong', [{'severity': 0}, {'width': 0}, {'depth': 0}, {'alpha': 0}]
)
def test_impossible_numbers_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=f'{name} '):
        views.augmix(**wrong)


def test_labels_in_the_image_are_refused():
    example = {'image': IMAGE, 'boxes': np.zeros((1, 4), np.float32)}
    with pytest.raises(InputError, match='boxes'):
        views.augmix()(jax.random.key(0), example)
