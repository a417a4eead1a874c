"""Research sets that lie beside the repository, unpacked into files to train on."""

import numpy as np

from ssljax.data import sources


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
