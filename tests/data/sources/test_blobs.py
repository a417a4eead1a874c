"""Hearts and vessels that are drawn, with masks that are known."""

import numpy as np
import pytest

from ssljax import data
from ssljax.contracts import InputError
from ssljax.data.sources import blobs, tubes


@pytest.mark.parametrize('size', [(32, 40), (16, 20, 24)])
@pytest.mark.parametrize('draw', [blobs.blobs, tubes.tubes])
def test_fields(draw, size):
    source = draw(3, size, seed=1)
    row = source[2]
    kinds = {name: (value.shape, value.dtype.name) for name, value in row.items()}
    assert kinds == {
        'image': ((*size, 1), 'float32'),
        'mask': (size, 'int32'),
        'annotated': ((), 'bool'),
        'part': ((), 'int32'),
    }
    assert row['image'].min() >= 0 and row['image'].max() <= 1
    assert set(np.unique(row['mask'])) == set(range(len(source.classes)))
    np.testing.assert_array_equal(row['image'], source[2]['image'])
    assert (source[0]['mask'] != row['mask']).any()


def test_a_heart_is_a_cavity_in_a_wall():
    for row in blobs.blobs(8, (40, 40), clutter=0, texture=0.0, noise=0.0):
        mask, image = row['mask'], row['image'][..., 0]
        wall, cavity = mask == 1, mask == 2
        around = [np.roll(mask, by, axis) for axis in (0, 1) for by in (1, -1)]
        # Between cavity and background there is wall everywhere.
        assert not any((cavity & (one == 0)).any() for one in around)
        inner = cavity & np.all([one == 2 for one in around], axis=0)
        assert np.median(image[wall]) < np.median(image[mask == 0])
        assert image[inner].min() > np.median(image[wall]) + 0.1


def test_vessels_are_bright_and_thin():
    for row in tubes.tubes(6, (48, 48), noise=0.0):
        mask, image = row['mask'] == 1, row['image'][..., 0]
        assert 0.01 < mask.mean() < 0.4
        near = np.zeros_like(mask)
        for y in (-1, 0, 1):
            for x in (-1, 0, 1):
                near |= np.roll(mask, (y, x), (0, 1))
        assert np.median(image[mask]) > np.median(image[~near]) + 0.1
        depth = mask.copy()
        for _ in range(4):  # nothing survives four erosions: no tube is 9 wide
            depth = depth & np.all(
                [np.roll(depth, by, a) for a in (0, 1) for by in (1, -1)], axis=0
            )
        assert depth.mean() < 0.01


@pytest.mark.parametrize('draw', [blobs.blobs, tubes.tubes])
def test_only_training_masks_are_noisy(draw):
    clean, noisy = (
        draw(6, (32, 32), test=3, label_noise=share, seed=4) for share in (0.0, 0.4)
    )
    differ = []
    for a, b in zip(clean, noisy, strict=True):
        np.testing.assert_array_equal(a['image'], b['image'])
        differ.append((a['mask'] != b['mask']).mean())
    assert max(differ[6:]) == 0 and np.mean(differ[:6]) > 0.01


def test_by_name():
    dataset = data.load('tubes:cases=6,size=16x16x16,validation=2,test=3', labels=2)
    sizes = {part: len(rows) for part, rows in dataset.rows.items()}
    assert sizes == {'labelled': 2, 'unlabelled': 6, 'validation': 2, 'test': 3}
    assert dataset.classes == ('background', 'vessel') and dataset.num_classes == 2
    assert data.read('blobs:cases=2')[0].classes == ('background', 'wall', 'cavity')


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: blobs.blobs(0), 'cases is 0'),
        (lambda: blobs.blobs(1, (48,)), r'size is \(48,\)'),
        (lambda: blobs.blobs(1, (48, 8)), r'size is \(48, 8\)'),
        (lambda: blobs.blobs(1, 48), 'size is 48; give'),
        (lambda: blobs.blobs(1, seed=-1), 'seed is -1'),
        (lambda: tubes.tubes(2.5), 'cases is 2.5'),
        (lambda: blobs.blobs(1, label_noise=1.0), 'label_noise is 1.0'),
        (lambda: tubes.tubes(1, trees=0), 'trees is 0'),
        (lambda: tubes.tubes(1, label_noise=1.5), 'label_noise is 1.5'),
    ],
)
def test_impossible_options(make, message):
    with pytest.raises(InputError, match=message):
        make()
