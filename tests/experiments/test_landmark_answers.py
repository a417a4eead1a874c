"""A job of landmarks from its data to a table: train, evaluate, predict on clips."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from experiments import build, drawings
from experiments.configs.clips import mean_teacher, supervised, tsal
from ssljax import data
from ssljax.contracts import InputError
from ssljax.tasks import landmark_metrics

DATA = 'moving_faces:clips=14,frames=3,size=16x16,num_landmarks=8'
TINY = (
    '--config=experiments/configs/clips/supervised.py',
    f'--config.data={DATA}',
    '--config.labels=4',
    '--config.reading.validation=3',
    '--config.reading.test=3',
    '--config.networks.network.channels=(4,8)',
    '--config.mesh.devices=1',
    '--config.steps=4',
    '--config.eval_every=2',
)


@pytest.fixture
def clips(tmp_path):
    """Four other clips, as an .npz."""
    source, _ = data.read(DATA.replace('clips=14', 'clips=4,seed=1'))
    fields = ('image', 'landmarks', 'visible', 'annotated')
    rows = [source[i] for i in range(4)]
    path = tmp_path / 'clips.npz'
    np.savez(path, **{name: np.stack([row[name] for row in rows]) for name in fields})
    return path


def test_landmarks_of_clips(command, refused, clips, tmp_path):
    folder = tmp_path / 'job'
    code, _, err = command('train', *TINY, f'--workdir={folder}')
    assert code == 0, err
    summary = json.loads((folder / 'summary.json').read_text())
    assert summary['labels'] == 4
    assert 0 < summary['test_nme'] < 10 and 0 <= summary['test_auc_0.08'] <= 1

    code, out, err = command('evaluate', f'--workdir={folder}', f'--data={clips}')
    assert code == 0 and json.loads(out)['data_nme'] > 0, err

    table = tmp_path / 'places.csv'
    code, out, err = command(
        'predict', f'--workdir={folder}', f'--input={clips}', f'--output={table}'
    )
    assert code == 0 and '4 examples in' in out, err
    with open(table, newline='') as file:
        heads, *lines = csv.reader(file)
    assert heads[:5] == ['index', 'frame', 'x0', 'y0', 'score0'] and len(heads) == 26
    assert [line[:2] for line in lines[:4]] == [
        ['0', '0'],
        ['0', '1'],
        ['0', '2'],
        ['1', '0'],
    ]
    places = np.array([line[2:4] for line in lines], float)
    assert len(lines) == 12 and (places > -1).all() and (places < 17).all()

    code, out, err = command('pictures', f'--workdir={folder}', '--count=2')
    assert code == 0, err
    drawn = sorted(path.name for path in (folder / 'pictures').iterdir())
    assert drawn == ['errors.png', 'overlays.png']

    with np.load(clips) as file:
        np.savez(clips, **{k: v for k, v in file.items() if k != 'visible'})
    said = refused('evaluate', f'--workdir={folder}', f'--data={clips}')
    assert 'lacks visible' in said


@pytest.mark.parametrize(
    ('config', 'variant', 'message'),
    [
        (supervised, 'center', "branch is 'center'; here it can be '' or 'centre'"),
        (mean_teacher, 'center', "branch is 'center'; here it can be '' or 'centre'"),
        (tsal, 'knwon', "motion is 'knwon'; here it can be 'tracker' or 'known'"),
    ],
)
def test_variants_that_there_are_not(config, variant, message):
    with pytest.raises(InputError, match=message):
        config.get_config(variant)


def test_the_curves_are_marked_where_frames_fail(monkeypatch, tmp_path):
    marked = []
    monkeypatch.setattr(
        'matplotlib.axes.Axes.axvline', lambda _, x, **__: marked.append(x)
    )
    drawings.curves(tmp_path / 'errors.png', {'student': np.array([0.02, 0.05])})
    metric = landmark_metrics.nme(landmark_metrics.length_of('box', 8))
    one = {'distance': np.ones((1, 8)), 'counted': np.ones((1, 8), bool)}
    scores = metric.result({**one, 'length': np.ones(1)})
    failures = [name for name in scores if name.startswith('failure')]
    assert failures == [f'failure_{x / 100:g}' for x in marked]


def test_a_part_without_rows_has_no_pictures(refused, monkeypatch, tmp_path):
    rows = {'validation': np.arange(3), 'test': np.arange(0)}
    job = SimpleNamespace(data=SimpleNamespace(rows=rows))
    monkeypatch.setattr(build, 'trained', lambda *_, **__: (job, None, None))
    said = refused('pictures', f'--workdir={tmp_path}')
    assert f'part test of {tmp_path} has no rows; give another --part' in said


def test_counts(command, tmp_path):
    folder = tmp_path / 'job'
    code, _, err = command(
        'train',
        '--config=experiments/configs/dots/treeformer.py',
        '--config.data=dots:rows=14,size=32x32,most=5',
        '--config.labels=4',
        '--config.reading.validation=3',
        '--config.reading.test=3',
        '--config.networks.network.channels=(4,4,4)',
        '--config.mesh.devices=1',
        '--config.batch_size=2',
        '--config.steps=2',
        f'--workdir={folder}',
    )
    assert code == 0, err
    assert json.loads((folder / 'summary.json').read_text())['test_mae'] > 0
    code, _, err = command('pictures', f'--workdir={folder}', '--count=2')
    assert code == 0, err
    drawn = sorted(path.name for path in (folder / 'pictures').iterdir())
    assert drawn == ['counts.png', 'overlays.png']
