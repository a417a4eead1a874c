"""Any data set into sharded records, once, also when it is stopped half-way."""

import json
import os
import re
import signal
import time

import numpy as np
import pytest
from PIL import Image

from ssljax import data
from ssljax.data import sources


@pytest.fixture
def photos(tmp_path):
    """30 pictures: 10 of each class to train on, 4 to test on, 6 unlabelled."""
    random = np.random.default_rng(0)
    names = [f'train/{"abc"[i % 3]}/{i:02d}.png' for i in range(20)]
    names += [f'test/{"abc"[i % 3]}/{i:02d}.png' for i in range(4)]
    names += [f'unlabelled/{i:02d}.png' for i in range(6)]
    for name in names:
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (6, 5, 3), np.uint8)).save(path)
    return tmp_path / 'photos'


def _flags(folder, output, **more):
    return [f'--{k}={v}' for k, v in {'data': folder, 'output': output, **more}.items()]


def _files(folder):
    return {file.name: file.read_bytes() for file in folder.glob('shard-*')}


def test_a_folder_in_worker_processes(process, photos, tmp_path):
    output = tmp_path / 'records'
    job = process('prepare', *_flags(photos, output, shards=3, workers=2))
    out, err = job.communicate()
    assert job.returncode == 0, err
    summary = json.loads(out)
    assert summary == json.loads((output / 'summary.json').read_text())
    assert summary['rows'] == 30 and summary['classes'] == ['a', 'b', 'c']
    assert summary['parts'] == {'train': 20, 'test': 4, 'unlabelled': 6}
    assert summary['labels_per_class'] == [9, 8, 7] and summary['unlabelled'] == 6
    assert summary['fields'] == {'image': [[6, 5, 3], 'uint8'], 'label': [[], 'int32']}
    assert summary['quarantined'] == summary['leaks'] == []
    assert '30/30' in err  # the bar
    original, parts = data.read(photos)
    found, rows = data.read(output)
    for part in parts:
        np.testing.assert_array_equal(rows[part], parts[part])
    for row in range(30):
        np.testing.assert_array_equal(found[row]['image'], original[row]['image'])
        assert found.name(row) == original.name(row)
    np.testing.assert_array_equal(found.columns['label'], original.columns['label'])
    # A split that was made for the folder holds for its records.
    assert found.fingerprint() == original.fingerprint() == summary['fingerprint']


def test_killed_and_resumed(process, command, tmp_path):
    """Finished shards stay; the rest is what a job without a stop writes."""
    random = np.random.default_rng(0)
    folder = tmp_path / 'photos' / 'a'
    folder.mkdir(parents=True)
    large = random.integers(0, 256, (1500, 1500, 3), np.uint8)
    Image.fromarray(large[:4, :4]).save(folder / '0.png')
    Image.fromarray(large).save(folder / '1.png', compress_level=1)
    for i in range(2, 8):  # slow ones, so that the job is stopped among them
        os.link(folder / '1.png', folder / f'{i}.png')
    flags = {'shards': 8, 'size': '4,4', 'channels': 3}
    output = tmp_path / 'records'
    job = process('prepare', *_flags(folder.parent, output, workers=1, **flags))
    while not (output / 'shard-00000.json').exists():
        assert job.poll() is None, job.communicate()
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.communicate()  # until its worker too has ended, with the shard that it is at
    finished = {file.name for file in output.glob('shard-*.json')}
    assert 0 < len(finished) < 8 and not (output / 'records.json').exists()
    times = {name: (output / name).stat().st_mtime_ns for name in finished}

    status, _, err = command(
        'prepare', *_flags(folder.parent, output, workers=0, **flags)
    )
    assert status == 0, err
    assert {n: (output / n).stat().st_mtime_ns for n in finished} == times
    whole = tmp_path / 'whole'
    command('prepare', *_flags(folder.parent, whole, workers=0, **flags))
    assert _files(output) == _files(whole) and len(_files(whole)) == 16
    assert not list(output.glob('*.part'))
    # Once more there is nothing to do.
    before = {file: file.stat().st_mtime_ns for file in output.glob('shard-*')}
    command('prepare', *_flags(folder.parent, output, workers=0, **flags))
    assert before == {file: file.stat().st_mtime_ns for file in before}


def test_bad_rows_and_leaks_are_told(command, photos, tmp_path):
    (photos / 'train/a/00.png').write_text('no picture')
    (photos / 'test/b/01.png').write_bytes((photos / 'train/c/02.png').read_bytes())
    flags = {'workers': 0, 'shards': 2, 'bad_share': 0.05}
    output = tmp_path / 'records'
    with pytest.warns(UserWarning, match='test/b/01.png of test is train/c/02.png of'):
        status, out, _ = command('prepare', *_flags(photos, output, **flags))
    assert status == 0
    summary = json.loads(out)
    assert summary['rows'] == 29 and summary['quarantined'] == [0]
    assert summary['leaks'] == [['test/b/01.png', 'train/c/02.png']]
    (line,) = (output / 'quarantine.jsonl').read_text().splitlines()
    bad = json.loads(line)
    assert (bad['row'], bad['name']) == (0, 'train/a/00.png')
    source, parts = data.read(output)
    assert source.name(0) == 'train/a/03.png' and len(parts['train']) == 19
    assert source.fingerprint() != data.read(photos)[0].fingerprint()

    flags['bad_share'] = 0.01
    status, _, err = command('prepare', *_flags(photos, tmp_path / 'b', **flags))
    assert status == 2
    assert re.search('error: 1 of 30 rows are bad, more than .*train/a/00.png', err)
    assert not (tmp_path / 'b' / 'records.json').exists()


def test_arrays_stay_what_they_are(command, npz, tmp_path):
    output = tmp_path / 'records'
    status, _, err = command('prepare', *_flags(npz(), output, workers=0, shards=2))
    assert status == 0, err
    found, _ = data.read(output)
    original, _ = sources.npz(npz())
    np.testing.assert_array_equal(found[7]['image'], original[7]['image'], strict=True)
    dataset = data.load(output, labels_per_class=4)
    assert isinstance(dataset.source, data.Arrays) and dataset.num_classes == 3


def test_refusals(refused, photos, npz, tmp_path):
    output = tmp_path / 'records'
    for flags, sentence in (
        ({'shards': 0}, 'shards, workers are 0, '),
        ({'shards': 31}, 'give 1 to 30 shards'),
        ({'size': '4'}, 'size is 4; give height,width'),
        ({'channels': 2}, 'channels is 2'),
        ({'data': tmp_path / 'missing'}, 'missing'),
    ):
        assert sentence in refused('prepare', *_flags(photos, output, **flags))
    output.mkdir()
    (output / 'mine').write_text('')
    sentence = refused('prepare', *_flags(photos, output))
    assert 'records is not empty and holds no prepare.json' in sentence
    (output / 'mine').unlink()
    (output / 'prepare.json').write_text('{"fingerprint": "x", "rows": 30}')
    sentence = refused('prepare', *_flags(photos, output))
    assert 'another fingerprint, shards, reading' in sentence
