"""Readers of published files, on files that are written here as their pages say."""

import gzip
import io
import tarfile

import numpy as np
import pytest
from scipy.io import savemat

from ssljax.contracts import InputError
from ssljax.data import sources

TEN = [f'class{i}' for i in range(10)]


@pytest.fixture
def random():
    return np.random.default_rng(0)


def _images(random, count, side=32):
    return random.integers(0, 256, (count, side, side, 3), np.uint8)


def _record(image, *labels):
    """CIFAR's record: the labels, then red, green, blue, each row by row."""
    planes = [image[:, :, channel].tobytes() for channel in range(3)]
    return bytes(labels) + b''.join(planes)


def _archive(path, files, folder):
    with tarfile.open(path, 'w:gz') as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f'{folder}/{name}')
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _unpack(path, files):
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def _check(found, images, labels, parts):
    source, rows = found
    np.testing.assert_array_equal(source.fields['image'], images, strict=True)
    np.testing.assert_array_equal(source.fields['label'], np.int32(labels), strict=True)
    assert {part: len(some) for part, some in rows.items()} == parts
    np.testing.assert_array_equal(np.concatenate([*rows.values()]), range(len(images)))


@pytest.fixture
def cifar10(random):
    images, labels = _images(random, 12), [*range(10), 3, 7]
    records = [_record(*pair) for pair in zip(images, labels, strict=True)]
    files = {
        f'data_batch_{i + 1}.bin': b''.join(records[2 * i : 2 * i + 2])
        for i in range(5)
    }
    files['test_batch.bin'] = b''.join(records[10:])
    files['batches.meta.txt'] = ('\n'.join(TEN) + '\n\n').encode()
    return files, images, labels


def test_cifar10(cifar10, tmp_path):
    files, images, labels = cifar10
    archive = _archive(tmp_path / 'c.tar.gz', files, 'cifar-10-batches-bin')
    for path in (archive, _unpack(tmp_path / 'cifar-10-batches-bin', files)):
        found = sources.cifar10(path)
        _check(found, images, labels, {'train': 10, 'test': 2})
        assert found[0].classes == tuple(TEN)


def test_cifar10_that_is_broken(cifar10, tmp_path):
    files = cifar10[0]
    with pytest.raises(InputError, match='missing is no readable cifar-10-binary'):
        sources.cifar10(tmp_path / 'missing')
    archive = _archive(tmp_path / 'c.tar.gz', files, 'x')
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match='c.tar.gz is no readable'):
        sources.cifar10(archive)
    pickled = {'data_batch_1': b'', 'test_batch': b'', 'batches.meta': b''}
    archive = _archive(tmp_path / 'p.tar.gz', pickled, 'cifar-10-batches-py')
    with pytest.raises(InputError, match='pickled .* get the binary one, cifar-10-bin'):
        sources.cifar10(archive)
    cut = files | {'test_batch.bin': files['test_batch.bin'][:-1]}
    with pytest.raises(InputError, match='test part of .*6145 bytes.* of 3073'):
        sources.cifar10(_unpack(tmp_path / 'cut', cut))
    wrong = files | {'test_batch.bin': b'\x0a' + files['test_batch.bin'][1:]}
    with pytest.raises(InputError, match='label 0 of .*test is 10; .* 0 to 9'):
        sources.cifar10(_unpack(tmp_path / 'wrong', wrong))
    del files['data_batch_3.bin']
    with pytest.raises(InputError, match='lacks data_batch_3.bin'):
        sources.cifar10(_unpack(tmp_path / 'lacks', files))


def test_cifar100(random, tmp_path):
    images, labels = _images(random, 5), [99, 0, 50, 3, 98]
    records = [_record(i, 7, label) for i, label in zip(images, labels, strict=True)]
    files = {
        'train.bin': b''.join(records[:3]),
        'test.bin': b''.join(records[3:]),
        'fine_label_names.txt': '\n'.join(f'fine{i}' for i in range(100)).encode(),
        'coarse_label_names.txt': b'coarse\n' * 20,
    }
    path = _archive(tmp_path / 'c.tar.gz', files, 'cifar-100-binary')
    _check(sources.cifar100(path), images, labels, {'train': 3, 'test': 2})
    pickled = _archive(tmp_path / 'p.tar.gz', {'train': b'', 'meta': b''}, 'x')
    with pytest.raises(InputError, match='pickled .* get the binary one, cifar-100-b'):
        sources.cifar100(pickled)


def test_svhn(random, tmp_path):
    images = _images(random, 6)
    for stem, rows, labels in (
        ('train', slice(0, 3), [1, 10, 9]),
        ('test', slice(3, 5), [10, 2]),
        ('extra', slice(5, 6), [4]),
    ):
        content = {'X': images[rows].transpose(1, 2, 3, 0), 'y': np.uint8([labels]).T}
        savemat(tmp_path / f'{stem}_32x32.mat', content)
    parts = {'train': 3, 'test': 2, 'unlabelled': 1}
    _check(sources.svhn(tmp_path), images, [1, 0, 9, 0, 2, -1], parts)
    (tmp_path / 'extra_32x32.mat').unlink()
    _check(sources.svhn(tmp_path), images[:5], [1, 0, 9, 0, 2], {'train': 3, 'test': 2})
    savemat(
        tmp_path / 'test_32x32.mat', {'X': images.transpose(1, 2, 3, 0), 'y': [[0]]}
    )
    with pytest.raises(InputError, match=r'test_32x32.mat holds X \(32, 32, 3, 6\)'):
        sources.svhn(tmp_path)
    (tmp_path / 'test_32x32.mat').write_bytes(b'MATLAB 7.3')
    with pytest.raises(InputError, match='test_32x32.mat is no readable file of SVHN'):
        sources.svhn(tmp_path)


def test_stl10(random, tmp_path):
    images, labels = _images(random, 4, 96), [0, 9, 4]
    # Column by column, as MATLAB keeps it.
    stored = [image.transpose(2, 1, 0).tobytes() for image in images]
    files = {
        'train_X.bin': stored[0] + stored[1],
        'train_y.bin': bytes([1, 10]),
        'test_X.bin': stored[2],
        'test_y.bin': bytes([5]),
        'unlabeled_X.bin': stored[3],
        'class_names.txt': '\n'.join(TEN).encode(),
    }
    archive = _archive(tmp_path / 's.tar.gz', files, 'stl10_binary')
    parts = {'train': 2, 'test': 1, 'unlabelled': 1}
    _check(sources.stl10(archive), images, [*labels, -1], parts)
    short = files | {'train_y.bin': b'\x01'}
    with pytest.raises(InputError, match='train part has 2 images and 1 labels'):
        sources.stl10(_unpack(tmp_path / 'short', short))


def _idx(values):
    header = bytes([0, 0, 8, values.ndim])
    return header + b''.join(n.to_bytes(4) for n in values.shape) + values.tobytes()


@pytest.fixture
def mnist(random, tmp_path):
    images = random.integers(0, 256, (6, 28, 28), np.uint8)
    labels = np.uint8([2, 0, 1, 1, 2, 0])
    folder = tmp_path / 'mnist'
    folder.mkdir()
    for stem, rows in (('train', slice(0, 4)), ('t10k', slice(4, 6))):
        (folder / f'{stem}-images-idx3-ubyte').write_bytes(_idx(images[rows]))
        packed = gzip.compress(_idx(labels[rows]))
        (folder / f'{stem}-labels-idx1-ubyte.gz').write_bytes(packed)
    return folder, images, labels


def test_mnist(mnist):
    folder, images, labels = mnist
    found = sources.mnist(folder)
    _check(found, images[..., None], labels, {'train': 4, 'test': 2})
    assert found[0].classes == ('0', '1', '2')


@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        ('train-images-idx3-ubyte', None, 'has no train-images-idx3-ubyte'),
        ('train-images-idx3-ubyte', lambda b: b[:-1], r'\(4, 28, 28\) and holds 3135'),
        ('train-images-idx3-ubyte', lambda b: b'\x1f' + b[1:], 'is no idx file of 3'),
        ('t10k-labels-idx1-ubyte.gz', lambda b: b[:-9], 't10k.* can not be read'),
        (
            't10k-labels-idx1-ubyte.gz',
            lambda b: gzip.compress(_idx(np.uint8([3, 0]))),
            'label 0 of .* is 3; it should be from 0 to 2',
        ),
        (
            'train-labels-idx1-ubyte.gz',
            lambda b: gzip.compress(_idx(np.uint8([1, 2, 3, 1]))),
            'is 1, but no row has label 0',
        ),
        (
            'train-labels-idx1-ubyte.gz',
            lambda b: gzip.compress(_idx(np.uint8([1, 0, 2]))),
            'has 4 images and .* 3 labels',
        ),
    ],
)
def test_mnist_that_is_broken(mnist, name, change, message):
    file = mnist[0] / name
    if change:
        file.write_bytes(change(file.read_bytes()))
    else:
        file.unlink()
    with pytest.raises(InputError, match=message):
        sources.mnist(mnist[0])


def test_mnist_twice_in_a_folder(mnist):
    (mnist[0] / 'emnist-letters-train-images-idx3-ubyte').write_bytes(b'')
    with pytest.raises(InputError, match='keep one of them'):
        sources.mnist(mnist[0])
