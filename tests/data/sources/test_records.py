"""Records: what is written is what is read, and nothing else."""

import os
import pickle

import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import sources
from ssljax.data.sources import records


class Some:
    """A source of ten rows of every kind of field; row 7 can't be decoded."""

    classes = ('cat', 'dog')
    columns = {'label': np.arange(10, dtype=np.int32) % 2}

    def __len__(self):
        return 10

    def __getitem__(self, row):
        if row == 7:
            raise sources.BadItem(7, 'row7', 'it is torn')
        image = np.full((2, 3, 1), row, np.uint8)
        wave = np.linspace(0, row, 5, dtype=np.float32)
        points = np.zeros((row, 2), '>f8') + row
        label = self.columns['label'][row]
        return {'image': image, 'wave': wave, 'points': points, 'label': label}

    def name(self, row):
        return f'row{row} ü'

    def fingerprint(self):
        return 'f' * 64


def _write(folder, source, shards):
    kept = []
    for number, rows in enumerate(shards):
        path = records.shard_path(folder, number, len(shards))
        kept.append(records.write_shard(source, rows, path).rows)
    parts = {'train': np.arange(8), 'test': np.array([8, 9])}
    records.finish(folder, source, parts, kept, source.fingerprint())
    return records.read(folder)


def test_round_trip(tmp_path):
    source, parts = _write(tmp_path, Some(), [range(0, 4), range(4, 10)])
    assert len(source) == 9 and source.classes == ('cat', 'dog')
    # Row 7 is left out, so later rows have other numbers: another fingerprint.
    assert parts['train'].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert parts['test'].tolist() == [7, 8]
    assert source.columns['label'].tolist() == [0, 1, 0, 1, 0, 1, 0, 0, 1]
    assert source.fingerprint() != 'f' * 64 and len(source.fingerprint()) == 64
    for row, original in ((0, 0), (3, 3), (4, 4), (8, 9)):
        found, wanted = source[row], Some()[original]
        assert found.keys() == wanted.keys() and source.name(row) == f'row{original} ü'
        for field, value in wanted.items():
            np.testing.assert_array_equal(found[field], value)
            assert found[field].dtype == value.dtype.newbyteorder('=')
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again[5]['image'], source[5]['image'])
    with pytest.raises(IndexError):
        source[9]


def test_without_bad_rows_the_fingerprint_stays(tmp_path):
    arrays = sources.Arrays({'label': np.array([0, 1], np.int32)})
    path = records.shard_path(tmp_path, 0, 1)
    shard = records.write_shard(arrays, [0, 1], path)
    assert shard == ([0, 1], [])
    records.finish(tmp_path, arrays, {}, [shard.rows], arrays.fingerprint())
    assert records.read(tmp_path)[0].fingerprint() == arrays.fingerprint()


def test_the_format_is_what_its_page_says():
    """Read by hand: magic, version, length of the header, header, bytes."""
    record = records.encode('a', {'x': np.array([[1, 2]], '>i2'), 'y': np.float32(3)})
    header = b'["a", [["x", "<i2", [1, 2]], ["y", "<f4", []]]]'
    assert record == (
        b'SSLR\x01' + len(header).to_bytes(4, 'little') + header + b'\1\0\2\0'
        b'\x00\x00\x40\x40'
    )


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda r: b'pickle' + r, 'no record of ssljax'),
        (lambda r: b'', 'no record of ssljax'),
        (lambda r: r[:4] + b'\x02' + r[5:], 'format 2; this ssljax reads 1'),
        (lambda r: r[:-1], 'buffer'),
        (lambda r: r + b'x', 'says it has'),
    ],
)
def test_records_that_are_not(change, message):
    record = records.encode('a', {'x': np.arange(3)})
    with pytest.raises(ValueError, match=message):
        records.decode(change(record))


def test_objects_are_not_written():
    with pytest.raises(InputError, match='x of a holds objects'):
        records.encode('a', {'x': np.array([{}])})


def test_a_damaged_record_is_bad_and_the_others_are_not(tmp_path):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (20, 64, 64), np.uint8)
    arrays = sources.Arrays({'image': image})
    path = records.shard_path(tmp_path, 0, 1)
    shard = records.write_shard(arrays, range(20), path)
    records.finish(tmp_path, arrays, {}, [shard.rows], 'f')
    content = bytearray(path.read_bytes())
    content[content.index(image[9, 3].tobytes())] ^= 255  # noise is stored as it is
    path.write_bytes(content)
    source, _ = records.read(tmp_path)
    bad = []
    for row in range(20):
        try:
            np.testing.assert_array_equal(source[row]['image'], image[row])
        except sources.BadItem as error:
            bad.append(error)
    assert len(bad) == 1 and 'of shard-00000-of-00001' in str(bad[0])
    assert source.name(bad[0].row) == str(bad[0].row)


def test_folders_that_are_not_finished_or_not_whole(tmp_path):
    with pytest.raises(InputError, match='no finished records.*experiments.prepare'):
        records.read(tmp_path)
    _write(tmp_path, Some(), [range(0, 4), range(4, 10)])
    shard = records.shard_path(tmp_path, 1, 2)
    os.truncate(shard, 100)
    with pytest.raises(InputError, match='shard-00001-of-00002.* has 100 bytes and'):
        records.read(tmp_path)
    shard.unlink()
    with pytest.raises(InputError, match='has 0 bytes and had'):
        records.read(tmp_path)
    (tmp_path / records.INDEX).write_text('{"version": 9}')
    with pytest.raises(InputError, match='format 9; this ssljax reads 1'):
        records.read(tmp_path)
