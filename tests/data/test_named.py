"""What a person types becomes a Source and its parts."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from ssljax import data
from ssljax.contracts import InputError
from ssljax.data import named, sources


@pytest.fixture
def put(tmp_path):
    """``put('train/cat/a.png')``: a grey picture in ``tmp_path/photos``."""

    def put(*names, shape=(4, 4)):
        for name in names:
            path = tmp_path / 'photos' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            value = sum(name.encode()) % 256
            Image.fromarray(np.full(shape, value, np.uint8)).save(path)
        return tmp_path / 'photos'

    return put


def test_a_folder_of_parts(put):
    folder = put(
        *('train/dog/a.png', 'train/cat/a.png', 'test/dog/b.png', 'test/cat/b.png'),
        *('validation/cat/c.png', 'unlabelled/x.png', 'unlabelled/any/y.png'),
    )
    source, parts = data.read(folder)
    assert source.classes == ('cat', 'dog')
    names = {part: [source.name(r) for r in rows] for part, rows in parts.items()}
    assert names == {
        'train': ['train/cat/a.png', 'train/dog/a.png'],
        'validation': ['validation/cat/c.png'],
        'test': ['test/cat/b.png', 'test/dog/b.png'],
        'unlabelled': ['unlabelled/any/y.png', 'unlabelled/x.png'],
    }
    assert source.columns['label'].tolist() == [0, 1, 0, 0, 1, -1, -1]
    assert source[0]['image'].shape == (4, 4, 1)  # all have it, and all are grey
    assert data.read(folder, size=(8, 6), channels=3)[0][0]['image'].shape == (8, 6, 3)


def test_a_folder_of_classes_and_a_table(put):
    folder = put('cat/a.png', 'dog/b.png')
    source, parts = data.read(str(folder))
    assert parts['train'].tolist() == [0, 1] and source.classes == ('cat', 'dog')
    (folder / 'labels.csv').write_text('path,label\ndog/b.png,hound\n')
    source, parts = data.read(folder / 'labels.csv')
    assert source.classes == ('hound',)
    assert source.columns['label'].tolist() == [-1, 0]


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['a.png'], 'photos has no class folders'),
        (['test/cat/a.png'], 'has test/ but no train/'),
        (['cat/a.png', 'unlabeled/b.png'], 'has unlabeled/ but no train/'),
        (['train/cat/a.png', 'unlabeled/b.png'], "mean 'unlabelled'"),
        (['train/cat/a.png', 'test/fox/b.png'], r"test has classes \['fox'\]"),
        (['train/a.png'], 'a.png lies beside the class folders'),
    ],
)
def test_folders_that_say_something_else(put, names, message):
    with pytest.raises(InputError, match=message):
        data.read(put(*names))


def test_mixed_sizes(put):
    put('cat/a.png')
    folder = put('dog/b.png', shape=(4, 6))
    with pytest.raises(InputError, match='4x4 .* 4x6; give size='):
        data.read(folder)
    assert data.read(folder, size=(4, 4))[0][1]['image'].shape == (4, 4, 1)


def test_sounds(tmp_path, put):
    folder = tmp_path / 'sounds'
    for name in ('rain', 'wind'):
        (folder / name).mkdir(parents=True)
        wavfile.write(folder / name / 'a.wav', 8000, np.ones(800, np.int16))
    with pytest.raises(InputError, match='sounds; give rate'):
        data.read(folder)
    source, _ = data.read(folder, rate=8000, seconds=0.1)
    assert source[1]['wave'].shape == (800,)
    wavfile.write(put('rain/a.png') / 'rain/b.wav', 8000, np.ones(8, np.int16))
    with pytest.raises(InputError, match='holds pictures and sounds, rain/a.png and'):
        data.read(tmp_path / 'photos')


def test_names_and_prefixes(tmp_path):
    assert data.read('digits')[1]['train'].shape == (1797,)
    for prefix in set(named.READERS) - {'tfds'}:
        with pytest.raises(InputError, match='missing'):
            data.read(f'{prefix}:{tmp_path}/missing')
    for prefix in named.CROPPED:
        both = f'{prefix}:{tmp_path}/missing,{tmp_path}'
        with pytest.raises(InputError, match='missing'):
            data.read(both, size=(16, 16))
        with pytest.raises(InputError, match=f'{prefix} cuts .* give the size'):
            data.read(both)
        assert named.short(both) == prefix
    with pytest.raises(InputError, match='give <file>,<folder>, such as coco:'):
        data.read('mpii:train.json', size=(16, 16))
    for name in (tmp_path / 'missing', 'photos/', 'mine.npy'):
        with pytest.raises(InputError, match=f'{name} does not exist'):
            data.read(name)
    with pytest.raises(InputError, match="'cifar1'.*mean 'cifar10'"):
        data.read('cifar1:x')
    with pytest.raises(InputError, match='give mnist:<path>'):
        data.read('mnist')
    short = {name: named.short(name) for name in ('cifar10:/a/b.tar.gz', 'tfds:mnist')}
    assert short == {'cifar10:/a/b.tar.gz': 'cifar10', 'tfds:mnist': 'mnist'}
    assert named.short('/data/photos') == 'photos'


def test_records_by_their_folder(put, tmp_path):
    source, parts = data.read(put('train/cat/a.png', 'test/cat/b.png'))
    records = sources.records
    folder = tmp_path / 'records'
    folder.mkdir()
    shard = records.write_shard(source, [0, 1], records.shard_path(folder, 0, 1))
    records.finish(folder, source, parts, [shard.rows], source.fingerprint())
    for name in (folder, f'records:{folder}'):
        found, rows = data.read(name)
        assert found.name(1) == 'test/cat/b.png' and rows['test'].tolist() == [1]
        np.testing.assert_array_equal(found[1]['image'], source[1]['image'])


def test_generated_by_name():
    source, parts = named.read('moving_faces:clips=2,frames=3,size=16x20,texture=0.1')
    assert source[1]['image'].shape == (3, 16, 20, 1)
    assert parts['train'].tolist() == [0, 1]
    assert named.short('moving_faces:clips=2') == 'moving_faces'
    for name, message in (
        ('moving_faces:clip=2', "mean 'clips'"),
        ('moving_faces:clips=many', "is 'many'; give a number"),
        ('moving_faces:frames=2', 'moving_faces lacks clips; give clips=<number>'),
        ('moving_faces:clips=2.5', 'clips is 2.5; give an integer of at least 1'),
        ('moving_faces:clips=2,size=48', r'size is 48; give \(H, W\) or HxW'),
        ('dots:rows=2,size=48x48x48', r'size is \(48, 48, 48\); give \(H, W\) or HxW'),
        ('stick_figures:rows=2,targets=4', 'targets is 4; give three integers'),
        ('blobs:cases=2,size=48', r'size is 48; give \(H, W\) or \(Z, H, W\)'),
    ):
        with pytest.raises(InputError, match=message):
            named.read(name)


def test_generated_parts():
    source, parts = named.read('stick_figures:rows=4,size=16x16,shift=1,targets=3x2x1')
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        'train': [0, 1, 2, 3],
        'unlabelled': [4, 5, 6],
        'validation': [7, 8],
        'test': [9],
    }
    assert source.columns['annotated'].tolist() == [True] * 4 + [False] * 3 + [True] * 3
    # The first part is of the clean domain, the rest is shifted.
    clean, _ = named.read('stick_figures:rows=10,size=16x16')
    shifted, _ = named.read('stick_figures:rows=10,size=16x16,shift=1')
    for row, like in ((3, clean), (4, shifted), (9, shifted)):
        np.testing.assert_array_equal(source[row]['image'], like[row]['image'])
    name = 'stick_figures:rows=4,size=16x16,shift=1,targets=3x2x1'
    whole = data.load(name, seed=1)
    assert whole.rows['unlabelled'].tolist()[-3:] == [4, 5, 6]
    assert len(whole.rows['unlabelled']) == 7
    apart = data.load(name, seed=1, with_labelled=False)
    assert apart.rows['unlabelled'].tolist() == [4, 5, 6]
