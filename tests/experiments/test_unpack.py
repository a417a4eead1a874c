"""Research sets that lie beside the repository, unpacked into files to train on."""

import numpy as np
import pytest

from ssljax.data import sources
from ssljax.data.sources.mask_arrays import mask_arrays


def test_faces(command, shared, tmp_path):
    output = tmp_path / 'faces.npz'
    status, _, stderr = command('unpack', '--set=faces', f'--output={output}')
    assert status == 0, stderr
    source, parts = sources.npz(output)
    sizes = {part: len(rows) for part, rows in parts.items()}
    assert sizes == {'train': 3379, 'test': 848, 'unlabelled': 1228}
    person = {part: set(source.fields['person'][rows]) for part, rows in parts.items()}
    assert len(person['test']) == 69
    assert not person['test'] & (person['train'] | person['unlabelled'])
    assert (~source.fields['annotated']).sum() == 1228
    # In order: the frames of a clip follow each other.
    rows = parts['train']
    order = [
        source.fields[name][rows].astype(int) for name in ('person', 'clip', 'frame')
    ]
    assert (np.diff(np.ravel_multi_index(order, (400, 1200, 16))) > 0).all()
    faces = source.fields['landmarks'][rows]
    # Noses above chins, and nearly all landmarks in the picture.
    assert (faces[:, 30, 1] < faces[:, 8, 1]).mean() > 0.99
    assert source.fields['visible'][rows].mean() > 0.99


@pytest.mark.parametrize(
    ('name', 'train', 'test', 'size', 'spacing'),
    [
        ('left_atrium', 320, 80, (96, 96), [1.25, 1.25]),
        ('left_atrium_volumes', 20, 5, (40, 64, 64), [1.25, 1.875, 1.875]),
        ('hippocampus', 200, 60, (48, 64, 48), [1, 1, 1]),
        ('left_atrium_half', 320, 80, (48, 48), [2.5, 2.5]),
        ('hippocampus_half', 200, 60, (24, 32, 24), [2, 2, 2]),
    ],
)
def test_masks(imported, shared, name, train, test, size, spacing):
    unpacked = imported('unpack').SETS[name](shared / 'data')
    source, parts = mask_arrays(name, unpacked)
    assert {part: len(rows) for part, rows in parts.items()} == {
        'train': train,
        'test': test,
    }
    fields = source.fields
    assert fields['image'].shape[1:] == (*size, 1)
    assert (fields['spacing'] == np.float32([spacing])).all()
    of = {part: set(fields['case'][rows].tolist()) for part, rows in parts.items()}
    assert not of['train'] & of['test']
    assert len(of['test']) == {'left_atrium': 20, 'left_atrium_half': 20}.get(
        name, test
    )
    # The classes lie where the image says so: a shifted mask would not.
    for row in (0, 7, 19):
        image = fields['image'][row, ..., 0].astype(float)
        mask = fields['mask'][row]
        for number in range(1, len(source.classes)):
            inside = mask == number
            assert 0.001 < inside.mean() < 0.3
            middle = np.argwhere(inside).mean(0) / size
            assert (0.15 < middle).all() and (middle < 0.85).all()
            assert abs(image[inside].mean() - image[mask == 0].mean()) > 8
    if name.startswith('hippocampus'):  # y goes forwards
        y = [np.argwhere(fields['mask'][7] == c).mean(0)[1] for c in (1, 2)]
        assert y[0] > y[1] + 5 / spacing[0]
        ignored = fields['mask'] == 255
        assert 0.2 < ignored.mean() < 0.7
        # A halved site at the border is ignored in part.
        assert name.endswith('half') or not fields['image'][ignored].any()
