"""Files of somebody who means harm: each is refused in a sentence, and nothing is lost.

One file's harm ends at that file: no code of it runs, no pixel of a bomb is unpacked,
nothing is read or written outside of the folder, and what lies beside it stays.
"""

import gzip
import io
import json
import os
import pickle
import re
import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import items, workdir
from ssljax import data, tasks
from ssljax.contracts import InputError
from ssljax.data import named, sources
from ssljax.data.sources import packed, records
from ssljax.programs import results
from ssljax.train import checkpoints, writers

GREY = np.zeros((8, 8), np.uint8)
NOISE = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
PICTURES = sources.Pictures((8, 8), 1)
TASK = tasks.classification(3, (8, 8, 1))


class Bomb:
    """What a pickle of it would run."""

    def __reduce__(self):
        return Path('ran').touch, ()


def png(path, image=GREY):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def pictures(folder, count=3):
    """A folder of so many pictures and a table of them."""
    for i in range(count):
        png(folder / f'{i}.png')
    return folder


def claimed(path, side):
    """A PNG of one pixel whose header says that it is a square of ``side``."""
    content = png(path, np.zeros((1, 1), np.uint8)).read_bytes()
    header = b'IHDR' + struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)
    crc = struct.pack('>I', zlib.crc32(header))
    path.write_bytes(content[:12] + header + crc + content[33:])


def array(shape, kind='<f4'):
    """An array's header without its values, as in an .npz."""
    out = io.BytesIO()
    head = {'descr': kind, 'fortran_order': False, 'shape': shape}
    np.lib.format.write_array_header_1_0(out, head)
    return out.getvalue()


def npz(path, **members):
    with zipfile.ZipFile(path, 'w') as file:
        for name, content in members.items():
            if isinstance(content, np.ndarray):
                out = io.BytesIO()
                np.lib.format.write_array(out, content, allow_pickle=True)
                content = out.getvalue()
            file.writestr(f'{name}.npy', content)
    return path


def labelled(path, **fields):
    """An .npz of 9 images, some of its fields others."""
    image = np.zeros((9, 8, 8), np.float32)
    np.savez(path, **{'image': image, 'label': np.arange(9) % 3, **fields})
    return path


def nifti(path, shape, values=b''):
    """A NIfTI file by its specification: a header of 348 bytes, then float32."""
    head = bytearray(352)
    struct.pack_into('<i', head, 0, 348)
    struct.pack_into('<8h', head, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into('<hh', head, 70, 16, 32)
    struct.pack_into('<8f', head, 76, *[1.0] * 8)
    struct.pack_into('<f', head, 108, 352.0)
    head[344:348] = b'n+1\0'
    opened = gzip.open if path.suffix == '.gz' else open
    with opened(path, 'wb') as file:
        file.write(bytes(head) + values)
    return path


def tar(path, members):
    with tarfile.open(path, 'w:gz') as archive:
        for member in members:
            name, content, *link = member
            info = tarfile.TarInfo(name)
            if link:
                info.type, info.linkname = link
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


CIFAR = [
    *((f'data_batch_{i}.bin', bytes(3073)) for i in range(1, 6)),
    *(('test_batch.bin', bytes(3073)), ('batches.meta.txt', b'cat\ndog\n')),
]


def idx(folder, name, shape, content=b''):
    """MNIST, one of its files other than it says."""
    folder.mkdir(exist_ok=True)
    good = {
        'train-images-idx3-ubyte': ((4, 2, 2), bytes(16)),
        'train-labels-idx1-ubyte': ((4,), bytes([0, 1, 0, 1])),
        't10k-images-idx3-ubyte': ((1, 2, 2), bytes(4)),
        't10k-labels-idx1-ubyte': ((1,), bytes(1)),
    }
    for file, (size, values) in {**good, name: (shape, content)}.items():
        head = bytes([0, 0, 8, len(size)]) + struct.pack(f'>{len(size)}I', *size)
        (folder / f'{file}.gz').write_bytes(gzip.compress(head + values))
    return folder


def h5(path, make):
    import h5py

    with h5py.File(path, 'w') as file:
        make(file, h5py)
    return sources.volume_files.volume(path)


def table(folder, text, ending='.csv'):
    path = pictures(folder) / f'labels{ending}'
    path.write_text(text)
    return sources.table(path, PICTURES)


def record(folder, **changed):
    """Records of two rows, their index changed."""
    source = data.Arrays({'image': np.zeros((2, 3, 3, 1), np.uint8)})
    folder.mkdir()
    shard = records.write_shard(source, [0, 1], records.shard_path(folder, 0, 1))
    rows = {'train': np.arange(2)}
    records.finish(folder, source, rows, [shard.rows], 'f' * 64)
    index = folder / records.INDEX
    index.write_text(json.dumps(json.loads(index.read_text()) | changed))
    return records.read(folder)


def saved(folder, **changed):
    """A checkpoint, what its JSON says changed."""
    tree = {'w': jnp.zeros(3)}
    checkpoints.save(folder, tree, {})
    info = folder / 'checkpoint.json'
    info.write_text(json.dumps(json.loads(info.read_text()) | changed))
    return folder, tree


def pickled_arrays(folder):
    """A checkpoint whose files are a stranger's, with sizes and checksums that fit."""
    folder, tree = saved(folder)
    files = {}
    for name in json.loads((folder / 'checkpoint.json').read_text())['files']:
        content = pickle.dumps(Bomb())
        (folder / name).write_bytes(content)
        files[name] = [len(content), zlib.crc32(content)]
    stored = json.loads((folder / 'checkpoint.json').read_text())
    writers.write_json(folder / 'checkpoint.json', stored | {'files': files})
    return checkpoints.load(folder, tree)


def config(folder, **changed):
    folder.mkdir()
    fields = {
        **{'method': 'fixmatch', 'data': 'digits', 'split': '', 'seed': 0, 'steps': 9},
        **{'batch_size': 8, 'eval_batch_size': 8, 'log_every': 1, 'eval_every': 1},
        **{'checkpoint_every': 1, 'labels_per_class': 4, 'ramp': 0.0, 'ema': 0},
        **{'args': {}, 'networks': {}, 'views': {}, 'optimizer': {}},
    }
    fine = _json(folder / 'config.json', fields).parent
    workdir.load_config(fine, whole=True)
    _json(folder / 'config.json', {**fields, **changed})
    return workdir.load_config(folder, whole=True)


def _json(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def link(path, to):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)
    return path


def cut(path, size):
    os.truncate(path, size)
    return path


def flac(path):
    import soundfile

    soundfile.write(path, np.zeros(800), 8000)
    return cut(path, 60)


def wav(path, rate=8000, frames=800, kind='<f4', value=0.0):
    from scipy.io import wavfile

    wavfile.write(path, rate, np.full(frames, value, kind))
    return path


WAVES = sources.Waves(8000, 0.1)
VOLUME = sources.volume_files.volume
MASK = sources.mask_files.read_mask
DEEP = '[' * 100_000
HOSTILE = {
    # Pictures.
    'png bomb': (
        lambda t: claimed(t / 'in' / 'a.png', 60_000) or PICTURES(t / 'in' / 'a.png'),
        'pixels',
    ),
    'png bomb in a folder': (
        lambda t: claimed(t / 'in' / 'a.png', 9_000) or named.read(t / 'in'),
        'none of the pictures can be read: .*9000x9000 pixels are more than',
    ),
    'png bomb as a mask': (
        lambda t: claimed(t / 'm.png', 9_000) or MASK(t / 'm.png'),
        'more than 67108864 pixels',
    ),
    'png cut': (lambda t: PICTURES(cut(png(t / 'a.png', NOISE), 1000)), 'truncated'),
    'png mask cut': (lambda t: MASK(cut(png(t / 'a.png', NOISE), 1000)), 'truncated'),
    'program as a picture': (
        lambda t: (
            (t / 'a.png').write_text('%!PS-Adobe-3.0 EPSF-3.0\n%%EndComments\n')
            and PICTURES(t / 'a.png')
        ),
        'no picture of the formats PNG',
    ),
    'program as a mask': (
        lambda t: (
            (t / 'a.png').write_text(
                '%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n'
            )
            and MASK(t / 'a.png')
        ),
        'cannot identify image file',
    ),
    # Links and paths that climb.
    'link to a file outside': (
        lambda t: (
            link(t / 'in' / 'cat' / 'a.png', png(t / 'mine.png'))
            and sources.class_folders(t / 'in', PICTURES)
        ),
        'a.png is a link that leads out of',
    ),
    'link to a folder': (
        lambda t: (
            link(pictures(t / 'in') / 'loop', t / 'in')
            and sources.flat_folder(t / 'in', PICTURES)
        ),
        'loop is a link to a folder',
    ),
    'link to nothing': (
        lambda t: (
            link(t / 'in' / 'a.png', t / 'in' / 'b.png')
            and sources.flat_folder(t / 'in', PICTURES)
        ),
        'a.png is no file',
    ),
    'pipe': (
        lambda t: (
            os.mkfifo(pictures(t / 'in') / 'x.png')
            or sources.flat_folder(t / 'in', PICTURES)
        ),
        'x.png is no file',
    ),
    'table that climbs': (
        lambda t: table(t / 'in', 'path,label\n../mine.png,cat\n'),
        "line 2: '../mine.png' leads out of the folder",
    ),
    'table with an absolute path': (
        lambda t: table(t / 'in', f'path,label\n{t}/mine.png,cat\n'),
        'leads out of the folder',
    ),
    'table that climbs by backslashes': (
        lambda t: table(t / 'in', 'path,label\n..\\mine.png,cat\n'),
        'leads out of the folder',
    ),
    # Tables.
    'table with a zero byte': (
        lambda t: table(t / 'in', 'path,label\n0\0.png,cat\n'),
        'is no file of|is no readable table',
    ),
    'table with another row length': (
        lambda t: table(t / 'in', 'path,label\n0.png,cat,dog\n'),
        'line 2: it has not as many cells',
    ),
    'table in no text': (
        lambda t: (
            table(t / 'in', 'path,label\n')
            if (pictures(t / 'in') / 'labels.csv').write_bytes(b'\xff\xfe\0') == 0
            else sources.table(t / 'in' / 'labels.csv', PICTURES)
        ),
        'is no readable table',
    ),
    'label of many digits': (
        lambda t: table(t / 'in', f'path,label\n0.png,{"9" * 5000}\n'),
        'label has 5000 letters; give a name of at most 200',
    ),
    'huge label in a table': (
        lambda t: table(t / 'in', f'path,label\n0.png,{"9" * 30}\n1.png,0\n'),
        'but no line has label 1',
    ),
    'negative label in a table': (
        lambda t: table(t / 'in', 'path,label\n0.png,-1\n'),
        'label is -1; leave the cell empty',
    ),
    'deep JSON lines': (
        lambda t: table(t / 'in', f'{DEEP}\n', '.jsonl'),
        'labels.jsonl, line 1: no JSON',
    ),
    'JSON lines with a list for a label': (
        lambda t: table(t / 'in', '{"path": "0.png", "label": ["cat"]}\n', '.jsonl'),
        'give the name of a class or its number',
    ),
    # Arrays.
    'pickle in an .npz': (
        lambda t: named.read(
            npz(t / 'a.npz', image=np.array([Bomb()], object), label=np.arange(1))
        ),
        'a.npz is no readable .npz of plain arrays: Object arrays cannot be loaded',
    ),
    'pickle as an .npz': (
        lambda t: (
            (t / 'a.npz').write_bytes(pickle.dumps(Bomb())) and named.read(t / 'a.npz')
        ),
        'a.npz is no readable .npz',
    ),
    'pickle to predict': (
        lambda t: items.opened(
            npz(t / 'a.npz', image=np.array([Bomb()], object)), TASK, {}
        ),
        'Object arrays cannot be loaded',
    ),
    'npz header of petabytes': (
        lambda t: named.read(
            npz(t / 'a.npz', image=array((2**40, 64, 64)), label=array((2,), '<i8'))
        ),
        'a.npz is no readable .npz',
    ),
    'npz header of less than nothing': (
        lambda t: named.read(npz(t / 'a.npz', image=array((-9, 8)), label=array((1,)))),
        'a.npz is no readable .npz',
    ),
    'npz cut': (
        lambda t: named.read(cut(labelled(t / 'a.npz'), 900)),
        'a.npz is no readable .npz',
    ),
    'npz with NaN': (
        lambda t: named.read(
            labelled(t / 'a.npz', image=np.full((9, 8, 8), np.nan, np.float32))
        ),
        r'image\[0\] holds NaN or inf',
    ),
    'npz beyond float32': (
        lambda t: named.read(labelled(t / 'a.npz', image=np.full((9, 8, 8), 1e300))),
        r'image\[0\] holds NaN or inf',
    ),
    'npz of complex numbers': (
        lambda t: named.read(labelled(t / 'a.npz', image=np.zeros((9, 8, 8), 'c8'))),
        'image is complex64; give uint8',
    ),
    'huge label': (
        lambda t: named.read(labelled(t / 'a.npz', label=np.full(9, 2**62))),
        'but no row has label 0',
    ),
    'negative label': (
        lambda t: named.read(labelled(t / 'a.npz', label=np.arange(9) % 3 - 2)),
        r'label\[0\] is -2',
    ),
    'labels of text': (
        lambda t: named.read(labelled(t / 'a.npz', label=np.array(['<b>'] * 9))),
        r'label\[0\] is <b>',
    ),
    # Volumes.
    'nifti header of terabytes': (
        lambda t: VOLUME(nifti(t / 'a.nii.gz', (32_000, 32_000, 32_000))),
        'it says it has 32000x32000x32000 values, more than',
    ),
    'nifti cut': (lambda t: VOLUME(nifti(t / 'a.nii', (9, 9, 9), bytes(40))), ''),
    'nifti with NaN': (
        lambda t: VOLUME(
            nifti(t / 'a.nii', (2, 2, 2), np.full(8, np.nan, '<f4').tobytes())
        ),
        'its image holds NaN or inf',
    ),
    'nifti mask with NaN': (
        lambda t: sources.volume_files.nifti_mask(
            nifti(t / 'a.nii', (2, 2, 2), np.full(8, np.nan, '<f4').tobytes())
        ),
        'its mask is .*, or holds NaN or inf',
    ),
    'nifti mask of huge classes': (
        lambda t: sources.volume_files.nifti_mask(
            nifti(t / 'a.nii', (2, 2, 2), np.full(8, 1e30, '<f4').tobytes())
        ),
        'numbers beyond 0 to 255',
    ),
    'hdf5 of terabytes that are not stored': (
        lambda t: h5(
            t / 'a.h5',
            lambda file, _: file.create_dataset(
                'image', (10**6, 10**6, 99), 'f4', chunks=(9, 9, 9)
            ),
        ),
        'it says it has 1000000x1000000x99 values',
    ),
    'hdf5 that shows another file': (
        lambda t: h5(
            t / 'a.h5',
            lambda file, _: file.create_dataset(
                'image', (2, 2), 'u1', external=[(str(png(t / 'mine.png')), 0, 4)]
            ),
        ),
        'its image lies in another file',
    ),
    'hdf5 that links to another file': (
        lambda t: h5(
            t / 'a.h5',
            lambda file, h5py: file.__setitem__(
                'image', h5py.ExternalLink(str(t / 'b.h5'), '/image')
            ),
        ),
        'image',
    ),
    'npz volume of pickles': (
        lambda t: VOLUME(npz(t / 'a.npz', image=np.array([Bomb()], object))),
        'Object arrays cannot be loaded',
    ),
    # Sounds.
    'wav with NaN': (
        lambda t: WAVES(wav(t / 'a.wav', value=np.nan)),
        'it holds NaN or inf',
    ),
    'wav of an absurd rate': (
        lambda t: WAVES(wav(t / 'a.wav', rate=2_000_000)),
        'at 2000000 a second',
    ),
    'wav cut': (lambda t: WAVES(cut(wav(t / 'a.wav'), 30)), 'no WAV file'),
    'flac cut': (lambda t: WAVES(flac(t / 'a.flac')), ''),
    # Archives and original files.
    'tar with a link for a member': (
        lambda t: sources.cifar10(
            tar(
                t / 'c.tar.gz',
                [('test_batch.bin', b'', tarfile.SYMTYPE, '/etc/passwd')]
                + [one for one in CIFAR if one[0] != 'test_batch.bin'],
            )
        ),
        'lacks test_batch.bin',
    ),
    'tar with the pickled version': (
        lambda t: sources.cifar10(
            tar(t / 'c.tar.gz', [('data_batch_1', pickle.dumps(Bomb()))])
        ),
        'is the pickled version, which could run any code and is not read',
    ),
    'tar cut': (
        lambda t: sources.cifar10(cut(tar(t / 'c.tar.gz', CIFAR), 100)),
        'is no readable cifar-10-binary.tar.gz',
    ),
    'tar with a class that there is not': (
        lambda t: sources.cifar10(
            tar(
                t / 'c.tar.gz',
                [*CIFAR[:-2], ('test_batch.bin', b'\xff' + bytes(3072))] + [CIFAR[-1]],
            )
        ),
        'label 0 of .* is 255',
    ),
    'idx of terabytes': (
        lambda t: sources.mnist(
            idx(t / 'in', 'train-images-idx3-ubyte', (2**32 - 1,) * 3)
        ),
        'holds 0 bytes',
    ),
    'idx with more than it says': (
        lambda t: sources.mnist(
            idx(t / 'in', 'train-images-idx3-ubyte', (4, 2, 2), bytes(10**6))
        ),
        r'says \(4, 2, 2\) and holds more bytes',
    ),
    'records that climb out of their rows': (
        lambda t: record(
            t / 'in', parts={'train': records._pack(np.array([0, 7], np.int32))}
        ),
        'a row is none of the 2 there are',
    ),
    'records without parts': (
        lambda t: record(t / 'in', parts=None),
        'was changed since it was written',
    ),
    'records of another format': (
        lambda t: record(t / 'in', version=[1]),
        'this ssljax reads 1',
    ),
    # What a job left, from somebody else.
    'checkpoint of pickles': (
        lambda t: pickled_arrays(t / '5'),
        'holds arrays that can not be read',
    ),
    'result of pickles': (
        lambda t: results.load(
            npz(t / 'result.npz', structure=np.array([Bomb()], object))
        ),
        'Object arrays cannot be loaded',
    ),
    'checkpoint of a later format': (
        lambda t: checkpoints.load(*saved(t / '5', format=99)),
        'was written by a newer ssljax, format 99',
    ),
    'checkpoint of another network': (
        lambda t: checkpoints.load(
            saved(t / '5')[0], {'w': jnp.zeros(3), 'v': jnp.zeros(2)}
        ),
        'was saved by another method or network',
    ),
    'deep configuration': (
        lambda t: _json(t / 'config.json', DEEP) and workdir.load_config(t),
        'has no readable config.json',
    ),
    'configuration that is a list': (
        lambda t: _json(t / 'config.json', '["method"]') and workdir.load_config(t),
        'is no configuration of a job',
    ),
    'configuration with words for numbers': (
        lambda t: config(t / 'in', steps='many'),
        "has steps 'many', which no job writes",
    ),
    'configuration with a number for a method': (
        lambda t: config(t / 'in', method=3),
        'has method 3',
    ),
    'configuration without views': (
        lambda t: config(t / 'in', views=None),
        'has views None',
    ),
    'metrics that are no rows': (
        lambda t: (
            (t / 'metrics.jsonl').write_text('[1]\n{"step": 2}\n')
            and writers.rows(t / 'metrics.jsonl')
        ),
        'metrics.jsonl',
    ),
}


@pytest.mark.parametrize('name', HOSTILE)
def test_refused_in_a_sentence(name, tmp_path, monkeypatch):
    here, keep = tmp_path / 'here', tmp_path / 'here' / 'keep'
    here.mkdir()
    keep.write_text('mine')
    monkeypatch.chdir(here)
    given = tmp_path / 'given'
    given.mkdir()
    made, sentence = HOSTILE[name]
    for kind, package in (
        ('nifti', 'nibabel'),
        ('hdf5', 'h5py'),
        ('flac', 'soundfile'),
    ):
        if name.startswith(kind):
            pytest.importorskip(package)
    with pytest.raises((InputError, ValueError)) as found:
        made(given)
    assert re.search(sentence, str(found.value)), found.value
    assert len(str(found.value)) > 10 and 'Traceback' not in str(found.value)
    # A reader of one file says what is wrong; the source names the file.
    assert isinstance(found.value, InputError) or found.type is ValueError
    assert [*here.iterdir()] == [keep] and keep.read_text() == 'mine'
    assert {path.name for path in tmp_path.iterdir()} == {'here', 'given'}


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 40


def test_npz_that_unpacks_to_more_than_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, 'memory', lambda: 2000)
    with pytest.raises(
        InputError, match=r'unpack to \d+, more than the 2000 of memory'
    ):
        named.read(labelled(tmp_path / 'a.npz'))


def test_member_of_a_tar_that_is_larger_than_any(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, 'MAX_BYTES', 3000)
    with pytest.raises(InputError, match='has 3073 bytes, more than the 3000'):
        sources.cifar10(tar(tmp_path / 'c.tar.gz', CIFAR))


def test_tar_whose_members_climb_is_read_in_place(tmp_path):
    climbing = [(f'../../{name}', content) for name, content in CIFAR]
    source, _ = sources.cifar10(tar(tmp_path / 'c.tar.gz', climbing))
    assert len(source) == 6
    assert [path.name for path in tmp_path.iterdir()] == ['c.tar.gz']


@pytest.mark.parametrize('changed', [{'files': None}, {'leaves': 3}, {'info': []}])
def test_checkpoint_that_says_nonsense_is_skipped_by_name(tmp_path, changed):
    saved(tmp_path / '5', **changed)
    saved(tmp_path / '4')
    with pytest.warns(UserWarning, match='5 is skipped: checkpoint.json is not as it'):
        tree, _ = checkpoints.restore(tmp_path, [5, 4], {'w': jnp.zeros(3)})
    assert tree['w'].shape == (3,)


def test_a_name_does_not_move_the_cursor(refused, tmp_path):
    said = refused('train', f'--config.data={tmp_path}/\x1b[2Jx\u202e.npz')
    assert '\x1b' not in said and r'\x1b[2Jx\u202e.npz' in said


@pytest.mark.parametrize(
    'name, content, sentence',
    [
        ('a.png', b'\x89PNG\r\n\x1a\n\0\0\xff', 'null bytes; give a file of Python'),
        ('b.csv', b'path,label\n0.png,cat\n', 'line 2); give a file of Python'),
        ('c.json', b'{"steps": 3}', 'defines no get_config; give a file of Python'),
        (
            'd.py',
            b'def get_config(): return {"steps": 3}',
            'returns a dict; return a Con',
        ),
        ('e.py', b'def get_config(:', 'invalid syntax (e.py, line 1); give a file'),
    ],
)
def test_configuration_that_is_none(refused, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    # One that is a configuration, before it in the same process, lends it nothing.
    refused('train', '--config=experiments/configs/digits/uda.py', '--config.step=1')
    said = refused('train', f'--config={tmp_path / name}', f'--workdir={tmp_path}/job')
    assert said.startswith('error: config: ') and sentence in said
    assert not (tmp_path / 'job').exists()


MARKUP = '<img src=x onerror=alert(1)> "quoted", $\\frac\n=1+1'


def test_names_of_files_and_classes_are_text(command, tiny, tmp_path):
    """Training, predicting and reporting on names that mean something elsewhere."""
    folder = tmp_path / 'photos'
    random = np.random.default_rng(0)
    for i in range(60):
        name = os.fsdecode(b'\xff\xfe.png') if i == 0 else f'{i:02}\n<b>,".png'
        folder_of_class = (MARKUP.replace('/', ''), '; rm -rf .', '\u202e{0}')[i % 3]
        png(folder / folder_of_class / name, random.integers(0, 255, (8, 8), np.uint8))
    work = f'--workdir={tmp_path / "job"}'
    flags = [f'--config.data={folder}', '--config.labels_per_class=4', *tiny]
    config = '--config=experiments/configs/digits/supervised.py'
    code, _, err = command('train', config, *flags, work)
    assert code == 0, err
    out = tmp_path / 'out.csv'
    code, _, err = command('predict', work, f'--input={folder}', f'--output={out}')
    assert code == 0, err
    import csv

    with open(out, newline='', errors='surrogateescape') as file:
        rows = [*csv.reader(file)][1:]
    assert sorted(row[0] for row in rows) == sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob('*.png')
    )
    code, _, err = command('report', work, f'--out={tmp_path / "report.html"}')
    assert code == 0, err
    page = (tmp_path / 'report.html').read_text()
    assert '<img src=x' not in page and '&lt;img src=x onerror' in page


@pytest.mark.parametrize(
    'file, content',
    [
        ('summary.json', '[3]'),
        ('summary.json', DEEP),
        ('summary.json', '{"test_accuracy": "<b>"}'),
        ('metrics.jsonl', '{"step": "<b>", "loss": {}}\n'),
    ],
)
def test_report_of_a_stranger_s_job(refused, trained, tmp_path, file, content):
    folder = tmp_path / 'job'
    shutil.copytree(trained[0], folder, ignore=shutil.ignore_patterns('supervised'))
    (folder / file).write_text(content)
    said = refused('report', f'--workdir={folder}', f'--out={tmp_path / "page.html"}')
    assert file in said
    assert not (tmp_path / 'page.html').exists()
