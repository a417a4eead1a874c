"""A job of masks from its data to tables: train, evaluate, predict, pictures."""

import csv
import json

import numpy as np
import pytest

from ssljax import data

DATA = 'blobs:cases=8,validation=2,test=3,size=16x16'
TINY = (
    '--config=experiments/configs/blobs/supervised.py',
    '--config.networks.network.channels=(4,8)',
    f'--config.data={DATA}',
    '--config.reading={}',
    '--config.labels=4',
    '--config.batch_size=2',
    '--config.mesh.devices=1',
    '--config.steps=2',
    '--config.eval_every=2',
)


@pytest.fixture
def hearts(tmp_path):
    """Two other cases, as an .npz."""
    source, _ = data.read('blobs:cases=2,size=16x16,seed=1')
    rows = [source[i] for i in range(2)]
    path = tmp_path / 'hearts.npz'
    fields = ('image', 'mask')
    np.savez(path, **{name: np.stack([row[name] for row in rows]) for name in fields})
    return path


def test_masks_of_hearts(command, hearts, tmp_path):
    folder = tmp_path / 'job'
    code, _, err = command('train', *TINY, f'--workdir={folder}')
    assert code == 0, err
    summary = json.loads((folder / 'summary.json').read_text())
    assert summary['labels'] == 4 and 0 <= summary['test_miou'] <= 1
    assert {'test_dice', 'test_dice_2', 'test_hd95', 'test_asd'} <= set(summary)

    code, out, err = command('evaluate', f'--workdir={folder}', f'--data={hearts}')
    assert code == 0 and 0 <= json.loads(out)['data_miou'] <= 1, err

    table = tmp_path / 'sizes.csv'
    code, out, err = command(
        'predict', f'--workdir={folder}', f'--input={hearts}', f'--output={table}'
    )
    assert code == 0 and '2 examples in' in out, err
    with open(table, newline='') as file:
        heads, *lines = csv.reader(file)
    names = ('background', 'wall', 'cavity')
    assert heads == ['index', *(f'sites of {name}' for name in names)]
    with np.load(tmp_path / 'sizes.csv.npz') as file:
        found, cases = file['mask'], file['name']
    assert found.shape == (2, 16, 16) and found.dtype == np.uint8
    assert [line[0] for line in lines] == cases.tolist()
    sizes = [[str(np.sum(mask == c)) for c in range(3)] for mask in found]
    assert [line[1:] for line in lines] == sizes

    code, out, err = command('pictures', f'--workdir={folder}', '--count=2')
    assert code == 0, err
    assert (folder / 'pictures' / 'overlays.png').stat().st_size > 1000
    with open(folder / 'pictures' / 'cases.csv', newline='') as file:
        lines = list(csv.DictReader(file))
    assert len(lines) % (3 * 2) == 0 and {x['class'] for x in lines} == set(names[1:])
    said = [float(x['dice']) for x in lines if x['dice'] and x['weights'] == 'student']
    assert all(0 <= x <= 1 for x in said)
    assert 'hd95 in sites' in lines[0]
