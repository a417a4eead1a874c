"""The losses of TraCoCo: official numbers where they are right, else the paper's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import losses, views
from ssljax.contracts import InputError


def last(x):
    return jnp.moveaxis(jnp.asarray(x, jnp.float32), 1, -1)


def test_confident_pair(golden):
    case = golden('segmentation_tracoco_cbc_translation')

    def pair(number):
        return last(case[f'in_logits{number}']), last(case[f'in_target{number}'])

    @jax.jit
    @jax.value_and_grad
    def both(logits, target):
        parts = losses.confident_pair(
            logits,
            target,
            threshold=float(case['hp_thr']),
            lowest=float(case['hp_neg_thr']),
        )
        return sum(parts.values())

    value, slope = both(*pair(2))
    np.testing.assert_allclose(value, case['out_official_binary_loss'], rtol=1e-5)
    wanted = last(case['out_official_binary_dlogits'])
    np.testing.assert_allclose(slope, wanted, atol=1e-6)

    logits, target = pair(4)
    parts = losses.confident_pair(logits, target, threshold=0.65, lowest=0.1)
    for name, key in (('positive', 'pos'), ('negative', 'neg')):
        np.testing.assert_allclose(
            parts[name], case[f'out_paper_multi_{key}'], rtol=1e-5
        )
    # Nobody qualifies.
    none = losses.confident_pair(logits, 0 * target, threshold=0.65, lowest=0.1)
    assert none == {'positive': 0, 'negative': 0}
    assert case['out_official_binary_empty_masks_loss'] == 0


def test_overlap_agreement(golden):
    """Crops at the recorded places, brought together by views.overlap."""
    case = golden('segmentation_tracoco_cbc_translation')
    full = [last(case[f'in_full{n}']) for n in (1, 2)]
    (starts, ends), (others, _) = (
        np.stack([case[f'in_{which}_r{axis}'] for axis in 'xyz'], -1) for which in 'nc'
    )
    offset = starts - others  # what the second sees at 0, the first sees here

    inside = np.zeros(full[0].shape[:-1], bool)
    for row in range(2):
        inside[(row, *map(slice, starts[row], ends[row]))] = True

    def both(a, b):
        moved, seen = views.overlap(b, jnp.asarray(offset, jnp.int32))
        apart, sure = losses.overlap_agreement(a, moved, jnp.asarray(inside))
        parts = apart.sum(), sure.mean(), seen
        return 0.3 * parts[0] + 0.1 * parts[1], parts

    run = jax.jit(jax.value_and_grad(both, argnums=(0, 1), has_aux=True))
    (total, (spatial, saddle, seen)), slopes = run(*full)
    assert not (inside & ~np.asarray(seen)).any()  # they leave some of it out
    np.testing.assert_allclose(spatial, case['out_paper_spatial'], rtol=1e-5)
    np.testing.assert_allclose(saddle, case['out_paper_saddle'], rtol=1e-5)
    np.testing.assert_allclose(total, case['out_paper_trans'], rtol=1e-5)
    for slope, number in zip(slopes, (1, 2), strict=True):
        wanted = last(case[f'out_paper_dfull{number}'])
        np.testing.assert_allclose(slope, wanted, atol=1e-6)


def test_crops_that_do_not_meet_say_nothing():
    logits = jnp.ones((1, 2, 2, 3))
    found = losses.overlap_agreement(logits, 2 * logits, jnp.zeros((1, 2, 2), bool))
    assert not any(x.any() for x in found)


def test_answers_on_other_sites_are_refused():
    with pytest.raises(InputError, match='same sites'):
        losses.confident_pair(jnp.ones((2, 3)), jnp.ones((3, 3)))
