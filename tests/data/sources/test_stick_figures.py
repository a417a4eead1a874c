"""People of sticks: the same poses in a clean and in a shifted domain."""

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data.sources import stick_figures
from ssljax.data.sources.stick_figures import LIMBS, MIRROR, NAMES

CLEAN = stick_figures.stick_figures(20, (48, 40), seed=3)
SHIFTED = stick_figures.stick_figures(20, (48, 40), seed=3, shift=1.0)


def test_fields():
    row = CLEAN[4]
    kinds = {name: (value.shape, value.dtype.name) for name, value in row.items()}
    assert kinds == {
        'image': ((48, 40, 3), 'float32'),
        'landmarks': ((16, 2), 'float32'),
        'visible': ((16,), 'bool'),
        'annotated': ((), 'bool'),
    }
    assert row['image'].min() >= 0 and row['image'].max() <= 1
    np.testing.assert_array_equal(row['image'], CLEAN[4]['image'])


def test_domains_share_poses_and_not_pictures():
    hidden = []
    for clean, shifted in zip(CLEAN, SHIFTED, strict=True):
        np.testing.assert_array_equal(clean['landmarks'], shifted['landmarks'])
        assert np.abs(clean['image'] - shifted['image']).mean() > 0.05
        assert not (shifted['visible'] & ~clean['visible']).any()
        hidden.append(clean['visible'] & ~shifted['visible'])
    assert 0.02 < np.mean(hidden) < 0.4
    assert CLEAN.fingerprint() != SHIFTED.fingerprint()


def test_limbs_are_drawn_between_joints():
    """In the clean domain a limb's middle is lighter than the ground."""
    for row in CLEAN:
        ground = np.median(row['image'].mean(-1))
        for a, b in LIMBS:
            if row['visible'][[a, b]].all():
                x, y = np.round(row['landmarks'][[a, b]].mean(0)).astype(int)
                near = row['image'][y - 1 : y + 2, x - 1 : x + 2].mean(-1)
                assert near.max() > ground + 0.15, (NAMES[a], NAMES[b])


def test_limbs_are_a_tree_and_the_mirror_keeps_it():
    assert len(LIMBS) == 15 and {b for _, b in LIMBS} == set(range(16)) - {6}
    assert {(MIRROR[a], MIRROR[b]) for a, b in LIMBS} == set(LIMBS)
    order = np.array(MIRROR)
    assert (order[order] == np.arange(16)).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'shift': 1.5}, 'shift is 1.5; give 0 to 1'),
        ({'size': (8, 8)}, r'size is \(8, 8\); give \(H, W\)'),
        ({'seed': 1.5}, 'seed is 1.5; give an integer of at least 0'),
        ({'targets': 400}, 'targets is 400; give three integers'),
        ({'targets': (4, 1.5, 2)}, r'targets is \(4, 1.5, 2\); give three integers'),
        ({'targets': (4, 2, -1)}, r'targets is \(4, 2, -1\); give three integers'),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(InputError, match=message):
        stick_figures.stick_figures(2, **options)
