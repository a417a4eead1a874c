"""Folders of images and masks, written here as their formats are documented."""

import numpy as np
import pytest
from PIL import Image

from ssljax import data
from ssljax.contracts import InputError
from ssljax.data import sources

RNG = np.random.default_rng(0)


def _png(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)
    return values


def _nifti(path, values, zooms):
    """Values [Z, Y, X], kept as (x, y, z) from the patient's right, as scanners do."""
    nibabel = pytest.importorskip('nibabel')
    path.parent.mkdir(parents=True, exist_ok=True)
    turned = np.ascontiguousarray(values.T[::-1])  # x runs to the left
    affine = np.diag([-zooms[0], zooms[1], zooms[2], 1.0])
    nibabel.save(nibabel.Nifti1Image(turned, affine), path)


def test_pictures_by_patient(tmp_path):
    written = {}
    for part, patients in (('train', 'abc'), ('test', 'd')):
        for patient in patients:
            for k in range(2):
                name = f'{patient}/{k}.png'
                image = RNG.integers(0, 256, (6, 8, 3))
                mask = RNG.integers(0, 3, (6, 8))
                mask[0, 0] = 255
                _png(tmp_path / part / 'images' / name, image)
                written[name] = image, mask
                if patient != 'c':
                    _png(tmp_path / part / 'masks' / name, mask)
    (tmp_path / 'classes.txt').write_text('background\ncup\ndisc\n')
    source, parts = data.read(f'masks:{tmp_path}')
    assert {part: len(rows) for part, rows in parts.items()} == {'train': 6, 'test': 2}
    for row in range(len(source)):
        image, mask = written[source.name(row).partition('images/')[2]]
        np.testing.assert_array_equal(source[row]['image'], image)
        if source[row]['annotated']:
            np.testing.assert_array_equal(source[row]['mask'], mask)
        else:
            assert '/c/' in source.name(row) and (source[row]['mask'] == 255).all()
    assert source.columns['case'].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    dataset = data.load(f'masks:{tmp_path}', labels=1, validation=0)
    assert len(dataset.rows['labelled']) == 2 and len(dataset.rows['unlabelled']) == 6
    assert dataset.classes == ('background', 'cup', 'disc')


def test_nifti(tmp_path):
    image = RNG.normal(size=(3, 5, 4)).astype(np.float32)
    mask = RNG.integers(0, 2, (3, 5, 4)).astype(np.int16)
    for name in ('one.nii.gz', 'two.nii'):
        _nifti(tmp_path / 'images' / name, image, (1.0, 2.0, 5.0))
        _nifti(tmp_path / 'masks' / name, mask, (1.0, 2.0, 5.0))
    source, _ = sources.mask_folder(tmp_path, size=(4, 5, 7))
    assert source.classes == ('0', '1')
    for row in source:
        assert row['spacing'].tolist() == [5, 2, 1] and row['annotated']
        inner = row['image'][:3, :, 1:5, 0]
        np.testing.assert_array_equal(inner, image)
        np.testing.assert_array_equal(row['mask'][:3, :, 1:5], mask)
        assert (row['mask'] == 255).sum() == 4 * 5 * 7 - 60
        assert row['image'][3].max() == image.min()


@pytest.mark.parametrize('ending', ['h5', 'npz'])
def test_files_of_both(tmp_path, ending):
    def save(name, fields):
        path = tmp_path / name / f'mri_norm2.{ending}'
        path.parent.mkdir()
        if ending == 'npz':
            return np.savez(path, **fields)
        h5py = pytest.importorskip('h5py')
        with h5py.File(path, 'w') as file:
            for key, value in fields.items():
                file.create_dataset(key, data=value, compression='gzip')

    image, label = RNG.normal(size=(4, 5, 3)), np.zeros((4, 5, 3), np.uint8)
    save('first', {'image': image, 'label': label})  # without any foreground
    label = label + (image > 1)
    save('second', {'image': image + 1, 'label': label})
    source, parts = sources.mask_folder(tmp_path)
    assert parts['train'].tolist() == [0, 1] and source.classes == ('0', '1')
    assert source.columns['case'].tolist() == [0, 1]
    row = source[1]
    assert 'spacing' not in row and row['image'].dtype == np.float32
    np.testing.assert_allclose(row['image'][..., 0], image + 1, rtol=1e-6)
    np.testing.assert_array_equal(row['mask'], label)
    assert source[0]['mask'].max() == 0
    before = source.fingerprint()
    save('third', {'image': image, 'label': label, 'spacing': np.array([3.0, 1, 1])})
    source, _ = sources.mask_folder(tmp_path)
    assert source[2]['spacing'].tolist() == [3, 1, 1]
    assert source.fingerprint() != before


def _wrong(tmp_path, image, mask, classes=''):
    _png(tmp_path / 'images' / 'a.png', image)
    _png(tmp_path / 'masks' / 'a.png', mask)
    if classes:
        (tmp_path / 'classes.txt').write_text(classes)
    return sources.mask_folder(tmp_path)[0][0]


def test_what_does_not_fit(tmp_path):
    grey = np.zeros((6, 8))
    with pytest.raises(
        sources.BadItem, match=r'image is \(6, 8\) and its mask \(6, 7\)'
    ):
        _wrong(tmp_path, grey, np.zeros((6, 7)))
    with pytest.raises(InputError, match='hold no class but 0, beside 255'):
        _wrong(tmp_path, grey, grey + 255)
    with pytest.raises(sources.BadItem, match='has the class 4, and there are 3'):
        _wrong(tmp_path, grey, grey + 4, 'a\nb\nc')
    with pytest.raises(sources.BadItem, match='it is RGB; give grey'):
        _wrong(tmp_path, grey, np.zeros((6, 8, 3)))
    with pytest.raises(sources.BadItem, match=r'size \(4, 8\) at most'):
        _png(tmp_path / 'masks' / 'a.png', grey)
        sources.mask_folder(tmp_path, size=(4, 8))[0][0]
    _png(tmp_path / 'masks' / 'b.png', grey)
    with pytest.raises(InputError, match='b.png has no image of its name'):
        sources.mask_folder(tmp_path)
    with pytest.raises(InputError, match='is no folder'):
        data.read(f'masks:{tmp_path}/none')


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'mask': np.zeros((4, 4), int)}, 'no image'),
        ({'image': np.full((4, 4), np.nan), 'mask': np.zeros((4, 4))}, 'NaN'),
        ({'image': np.ones((4, 4)), 'mask': np.full((4, 4), 0.5)}, 'fractions'),
        (
            {'image': np.ones((4, 4)), 'mask': np.ones((4, 4)), 'spacing': [1.0]},
            r'spacing is \[1.0\] for 2 axes',
        ),
    ],
)
def test_files_that_can_not_be_read(tmp_path, fields, message):
    np.savez(tmp_path / 'a.npz', **fields)
    with pytest.raises(sources.BadItem, match=message):
        sources.mask_folder(tmp_path)[0][0]
