"""Folders of files: rows, labels, names, and what must not be followed."""

import os
import pickle

import numpy as np
import pytest
from PIL import Image

from ssljax.contracts import InputError
from ssljax.data import sources

READ = sources.Pictures((4, 4), 1)


@pytest.fixture
def put(tmp_path):
    """``put('cat/a.png', 7)``: a grey picture of that value, in a new folder."""

    def put(name, value=0):
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(path)
        return path

    return put


def test_a_folder_a_class(put, tmp_path):
    for value, name in enumerate(('dog/z.png', 'cat/a.png', 'cat/deep/b.PNG')):
        put(name, value)
    put('.hidden.png'), put('.trash/c.png'), put('dog/.d.png')
    (tmp_path / 'photos' / 'notes.txt').write_text('no picture')
    source = sources.class_folders(tmp_path / 'photos', READ)
    names = [source.name(row) for row in range(len(source))]
    assert names == ['cat/a.png', 'cat/deep/b.PNG', 'dog/z.png']
    assert source.classes == ('cat', 'dog')
    label = source.columns['label']
    assert label.dtype == np.int32 and label.tolist() == [0, 0, 1]
    row = source[1]
    assert row['image'].shape == (4, 4, 1) and row['image'].dtype == np.uint8
    assert row['image'].max() == 2 and row['label'] == 0
    # A worker process gets it pickled.
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again[2]['image'], source[2]['image'])


def test_class_names_that_are_numbers_sort_by_value(put, tmp_path):
    for name in ('10', '9', '0'):
        put(f'{name}/a.png')
    source = sources.class_folders(tmp_path / 'photos', READ)
    assert source.classes == ('0', '9', '10')


def test_classes_are_those_of_the_training_part(put, tmp_path):
    for name in ('train/cat/a.png', 'train/dog/a.png', 'test/dog/b.png'):
        put(name)
    train = sources.class_folders(tmp_path / 'photos/train', READ)
    test = sources.class_folders(tmp_path / 'photos/test', READ, classes=train.classes)
    assert test.columns['label'].tolist() == [1]
    put('test/Dog/c.png')
    with pytest.raises(InputError, match=r"classes \['Dog'\].*it has \['cat', 'dog'\]"):
        sources.class_folders(tmp_path / 'photos/test', READ, classes=train.classes)


def test_a_flat_folder_has_no_labels(put, tmp_path):
    put('b/1.png'), put('a.png')
    source = sources.flat_folder(tmp_path / 'photos', READ)
    assert [source.name(row) for row in range(2)] == ['a.png', 'b/1.png']
    assert source.columns['label'].tolist() == [-1, -1] and source.classes is None


def test_the_fingerprint_is_of_names_labels_and_bytes(put, tmp_path):
    put('cat/a.png', 1), put('dog/b.png', 2)
    folder = tmp_path / 'photos'

    def fingerprint(read=READ):
        return sources.class_folders(folder, read).fingerprint()

    seen = {fingerprint()}
    assert fingerprint(sources.Pictures((8, 8), 3)) in seen  # decoding does not count
    put('dog/b.png', 3)
    seen.add(fingerprint())
    (folder / 'dog/b.png').rename(folder / 'dog/c.png')
    seen.add(fingerprint())
    (folder / 'dog').rename(folder / 'fox')
    seen.add(fingerprint())
    assert len(seen) == 4


def test_a_bad_file_is_named_when_it_is_reached(put, tmp_path):
    put('cat/a.png'), put('cat/b.png').write_text('no picture')
    source = sources.class_folders(tmp_path / 'photos', READ)
    assert len(source) == 2 and source[0]['label'] == 0
    with pytest.raises(sources.BadItem, match='cat/b.png can not be read: no') as found:
        source[1]
    again = pickle.loads(pickle.dumps(found.value))
    assert (again.row, again.name, str(again)) == (1, 'cat/b.png', str(found.value))
    os.remove(tmp_path / 'photos/cat/a.png')
    with pytest.raises(sources.BadItem, match='No such file'):
        source[0]


def test_links(put, tmp_path):
    inside = put('cat/a.png')
    (tmp_path / 'photos/cat/same.png').symlink_to(inside)
    (tmp_path / 'link').symlink_to(tmp_path / 'photos')
    source = sources.class_folders(tmp_path / 'link', READ)
    assert list(source.names) == ['cat/a.png', 'cat/same.png']

    outside = tmp_path / 'outside.png'
    outside.write_bytes(inside.read_bytes())
    out = tmp_path / 'photos/cat/out.png'
    out.symlink_to(outside)
    with pytest.raises(InputError, match='out.png is a link that leads out'):
        sources.flat_folder(tmp_path / 'photos', READ)
    out.unlink()
    out.symlink_to(tmp_path / 'photos/cat/gone.png')
    with pytest.raises(InputError, match='out.png is no file'):
        sources.flat_folder(tmp_path / 'photos', READ)
    out.unlink()
    (tmp_path / 'photos/loop').symlink_to(tmp_path / 'photos')
    with pytest.raises(InputError, match='loop is a link to a folder'):
        sources.flat_folder(tmp_path / 'photos', READ)


def test_folders_that_can_not_be_used(put, tmp_path):
    with pytest.raises(InputError, match='missing is no folder'):
        sources.flat_folder(tmp_path / 'missing', READ)
    (tmp_path / 'photos').mkdir()
    with pytest.raises(InputError, match=r'photos holds no files .* end in .png'):
        sources.flat_folder(tmp_path / 'photos', READ)
    put('cat/a.png')
    (tmp_path / 'photos/dog').mkdir()
    with pytest.raises(InputError, match=r'class folder .*dog holds no file'):
        sources.class_folders(tmp_path / 'photos', READ)
    put('loose.png')
    with pytest.raises(InputError, match='loose.png lies beside the class folders'):
        sources.class_folders(tmp_path / 'photos', READ)
