"""Folders of pictures and .npz files, as the network wants them."""

import numpy as np
import pytest
from PIL import Image

from experiments import items
from ssljax import tasks
from ssljax.contracts import InputError
from ssljax.data import collate, sources

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


TASK = tasks.classification(10, (8, 8, 1))


def _read(path, task=TASK):
    source = items.opened(path, task, {})
    rows = range(len(source))
    images = collate(source, rows, task.inputs)['image']
    return len(source), [source.name(row) for row in rows], images


def test_folder(tmp_path):
    (tmp_path / 'b').mkdir()
    Image.fromarray(GREY).save(tmp_path / 'b' / 'grey.png')
    Image.fromarray(np.stack([GREY] * 3, -1)).save(tmp_path / 'colour.PNG')
    Image.fromarray(np.kron(GREY, np.ones((4, 4), np.uint8))).save(tmp_path / 'a.bmp')
    (tmp_path / 'notes.txt').write_text('no picture')
    (tmp_path / '.hidden.png').write_text('no picture')
    count, names, images = _read(tmp_path)
    assert names == ['a.bmp', 'b/grey.png', 'colour.PNG'] and count == 3
    assert images.shape == (3, 8, 8, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[1, ..., 0], GREY)
    np.testing.assert_array_equal(images[2], images[1])
    # Antialiased: inside, a constant block comes back nearly as it was.
    np.testing.assert_allclose(images[0].astype(int), images[1], atol=10)


def test_folder_in_colour(tmp_path):
    Image.fromarray(GREY).save(tmp_path / 'grey.png')
    task = tasks.classification(10, (4, 6, 3))
    assert _read(tmp_path, task)[2].shape == (1, 4, 6, 3)


@pytest.mark.parametrize(
    'name, content, sentence',
    [
        ('broken.png', b'no picture', r'broken.png can not be read: no picture'),
        ('cut.png', None, r'cut.png can not be read'),
        ('deep.png', np.arange(64, dtype=np.uint16).reshape(8, 8), 'more than 8 bits'),
    ],
)
def test_unreadable_picture(tmp_path, name, content, sentence):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        Image.fromarray(GREY if content is None else content).save(tmp_path / name)
    if content is None:
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:45])
    with pytest.raises(InputError, match=sentence):
        _read(tmp_path)


def test_folder_without_pictures(tmp_path):
    with pytest.raises(InputError, match='holds no files that can be read'):
        _read(tmp_path)


def test_npz(tmp_path):
    np.savez(tmp_path / 'x.npz', image=np.stack([GREY] * 5), label=np.arange(5))
    count, names, images = _read(tmp_path / 'x.npz')
    assert (count, names) == (5, ['0', '1', '2', '3', '4'])
    np.testing.assert_array_equal(images[4, ..., 0], GREY)
    # Unlike for training, a class may be missing.
    assert items.arrays(tmp_path / 'x.npz', TASK, 7)['label'].dtype == np.int32


@pytest.mark.parametrize(
    'fields, sentence',
    [
        ({'label': np.arange(5)}, 'lacks image'),
        ({'image': np.zeros((5, 8, 9))}, r'shape \(5, 8, 9, 1\); the network was'),
        ({'image': np.zeros((0, 8, 8))}, 'with N above 0'),
        ({'image': np.zeros((5, 8, 8), int)}, 'is int64'),
        ({'image': np.full((5, 8, 8), np.inf)}, r'\[0\] holds NaN or inf'),
        ({'image': np.zeros((5, 8, 8)), 'label': np.arange(4)}, '5 of image and 4'),
        (
            {'image': np.zeros((5, 8, 8)), 'label': np.arange(5) + 6},
            r'label.*\[4\] is 10',
        ),
    ],
)
def test_bad_npz(tmp_path, fields, sentence):
    np.savez(tmp_path / 'x.npz', **{'label': np.arange(5), **fields})
    with pytest.raises(InputError, match=sentence):
        items.arrays(tmp_path / 'x.npz', TASK, 10)
    (tmp_path / 'x.npz').write_bytes(b'PK cut short')
    with pytest.raises(InputError, match='nor a readable .npz'):
        items.arrays(tmp_path / 'x.npz', TASK)


def test_other_inputs(tmp_path):
    task = tasks.classification(3, (4,), inputs='tokens')
    np.savez(tmp_path / 'x.npz', tokens=[[5, 6, 0, 0], [1, 2, 3, 4]])
    found = items.arrays(tmp_path / 'x.npz', task)
    assert found['length'].tolist() == [2, 4] and found['tokens'].dtype == np.int32
    with pytest.raises(InputError, match='is a folder, and the network takes tokens'):
        items.opened(tmp_path, task, {})
    series = tasks.classification(3, (4, 1), inputs='series')
    np.savez(tmp_path / 'y.npz', series=np.full((2, 4, 1), np.nan))
    with pytest.raises(InputError, match='NaN'):
        items.opened(tmp_path / 'y.npz', series, {})


def test_waves(tmp_path):
    task = tasks.classification(3, (4,), inputs='wave')
    wave = np.array([[0, 16384, -32768, 0]], np.int16)
    np.savez(tmp_path / 'x.npz', wave=wave, label=[0])
    found = items.arrays(tmp_path / 'x.npz', task)['wave']
    assert found.tolist() == [[0, 0.5, -1, 0]] and found.dtype == np.float32
    # As in training.
    source, _ = sources.npz(tmp_path / 'x.npz')
    np.testing.assert_array_equal(source.fields['wave'], found)
    np.savez(tmp_path / 'y.npz', wave=wave.astype(np.int32), label=[0])
    for read in (lambda path: items.arrays(path, task), sources.npz):
        with pytest.raises(InputError, match='is int32; give int16, or floats'):
            read(tmp_path / 'y.npz')
    with pytest.raises(InputError, match='whose rate is not known'):
        items.opened(tmp_path, task, {})


def test_a_damaged_npz(tmp_path):
    path = tmp_path / 'x.npz'
    np.savez_compressed(path, image=np.random.default_rng(0).random((5, 8, 8)))
    content = bytearray(path.read_bytes())
    content[100:160] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(InputError, match='nor a readable .npz'):
        items.arrays(path, TASK)
