"""evaluate and predict: what a trained job answers."""

import csv
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from ssljax.data import sources


@pytest.fixture(scope='module')
def held_out(root):
    """The 200 digits of the validation part: image [200, 8, 8], label [200]."""
    split = json.loads((root / 'experiments/configs/digits/split.json').read_text())
    rows = np.array(split['validation'])
    fields = sources.digits().fields
    return fields['image'][rows, ..., 0], fields['label'][rows]


def _table(path):
    with open(path, newline='') as file:
        return list(csv.reader(file))


def test_evaluate(command, trained):
    folder, _ = trained
    code, out, err = command('evaluate', f'--workdir={folder}')
    assert code == 0, err
    summary = json.loads((folder / 'summary.json').read_text())
    scores = json.loads(out)
    assert scores.pop('step') == 12 and len(scores) == 6
    assert scores == {name: summary[name] for name in scores}


def test_a_job_from_before_some_fields_still_answers(command, trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / 'old')
    config = json.loads((folder / 'config.json').read_text())
    for name in ('precision', 'accumulate'):
        del config[name]
    (folder / 'config.json').write_text(json.dumps(config))
    code, out, err = command('evaluate', f'--workdir={folder}')
    assert code == 0, err
    summary = json.loads((folder / 'summary.json').read_text())
    assert json.loads(out)['test_accuracy'] == summary['test_accuracy']


def test_evaluate_other_data(command, refused, trained, held_out, tmp_path):
    folder, _ = trained
    image, label = held_out
    some = label < 9  # unlike in training, a class may be missing
    np.savez(tmp_path / 'own.npz', image=image[some], label=label[some])
    np.savez(tmp_path / 'bare.npz', image=image)
    flags = (f'--workdir={folder}', f'--data={tmp_path / "own.npz"}')
    code, out, err = command('evaluate', *flags)
    assert code == 0, err
    names = {'step', 'data_accuracy', 'data_accuracy_student', 'data_accuracy_teacher'}
    assert json.loads(out).keys() == names
    flags = (f'--workdir={folder}', f'--data={tmp_path / "bare.npz"}')
    assert 'bare.npz lacks label' in refused('evaluate', *flags)


def test_predict(command, trained, held_out, tmp_path):
    folder, _ = trained
    image, label = held_out
    np.savez(tmp_path / 'own.npz', image=image)
    labels = tmp_path / 'labels.csv'
    flags = (f'--workdir={folder}', f'--output={labels}')
    code, out, err = command('predict', *flags, f'--input={tmp_path / "own.npz"}')
    assert code == 0, err
    assert '200 examples in' in out and '200/200' in err
    head, *rows = _table(labels)
    assert head == ['index', 'label', 'confidence']
    assert [int(row[0]) for row in rows] == list(range(200))
    # They are the answers that the summary scored.
    found = np.array([int(row[1]) for row in rows])
    summary = json.loads((folder / 'summary.json').read_text())
    assert np.mean(found == label) == pytest.approx(summary['validation_accuracy'])
    assert all(0.1 <= float(row[2]) <= 1 for row in rows)

    # The same images as files, two grey levels apart at the most.
    pictures = tmp_path / 'pictures'
    (pictures / 'more').mkdir(parents=True)
    for name, one in (('b.png', 0), ('more/a.png', 1)):
        grey = np.round(image[one] * 255).astype(np.uint8)
        Image.fromarray(np.stack([grey] * 3, -1)).save(pictures / name)
    code, _, err = command('predict', *flags, f'--input={pictures}')
    assert code == 0, err
    head, *own = _table(labels)
    assert head[0] == 'path' and [row[0] for row in own] == ['b.png', 'more/a.png']
    for one, row in enumerate(own):
        assert row[1] == rows[one][1]
        assert float(row[2]) == pytest.approx(float(rows[one][2]), abs=1e-2)

    # A file that can't be read is named, and what was written before stays.
    (pictures / 'c.png').write_bytes(b'no picture')
    code, _, err = command('predict', *flags, f'--input={pictures}')
    last = err.splitlines()[-1]  # after the bar
    assert code == 2 and last.startswith('error: ')
    assert 'c.png can not be read' in last
    assert len(_table(labels)) == 3
    assert sorted(p.name for p in tmp_path.iterdir() if 'labels' in p.name) == [
        'labels.csv'
    ]


def test_predict_without_pillow(refused, trained, tmp_path, monkeypatch):
    folder, _ = trained
    monkeypatch.setitem(sys.modules, 'PIL', None)
    sentence = refused('predict', f'--workdir={folder}', f'--input={tmp_path}')
    assert 'needs Pillow, which comes with pip install' in sentence


def test_no_checkpoint(refused, trained, tmp_path):
    folder, _ = trained
    (tmp_path / 'config.json').write_text((folder / 'config.json').read_text())
    for name, more in (('evaluate', []), ('predict', ['--input=x'])):
        sentence = refused(name, f'--workdir={tmp_path}', *more)
        assert 'holds no whole checkpoint' in sentence


def test_a_job_of_stages_answers_by_its_last(command, tmp_path):
    """TSAL, which is given a tracker, as README draws it."""
    code, _, err = command(
        'train',
        '--config=experiments/configs/clips/tsal.py',
        '--config.data=moving_faces:clips=14,frames=3,size=32x32,num_landmarks=8',
        '--config.labels=4',
        '--config.reading.validation=3',
        '--config.reading.test=3',
        '--config.networks.network.channels=(4,4)',
        '--config.mesh.devices=1',
        '--config.batch_size=2',
        '--config.stages.flow.steps=2',
        '--config.stages.pair.steps=2',
        f'--workdir={tmp_path}',
    )
    assert code == 0, err
    code, out, err = command('evaluate', f'--workdir={tmp_path}')
    assert code == 0, err
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert json.loads(out)['test_nme_teacher'] == summary['test_nme_teacher']
    code, _, err = command('pictures', f'--workdir={tmp_path}', '--count=2')
    assert code == 0 and (tmp_path / 'pictures' / 'errors.png').exists(), err
