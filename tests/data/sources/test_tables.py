"""Labels from a CSV or JSON lines; every mistake is named with its line."""

import json

import numpy as np
import pytest
from PIL import Image

from ssljax.contracts import InputError
from ssljax.data import sources

READ = sources.Pictures((2, 2), 1)


@pytest.fixture
def table(tmp_path):
    """``table('a.png,cat')``: the Source of a CSV over a.png, b.png and c/d.png."""
    (tmp_path / 'c').mkdir()
    for name in ('a.png', 'b.png', 'c/d.png'):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / name)

    def read(*lines, header='path,label', **kwargs):
        path = tmp_path / 'labels.csv'
        path.write_text('\n'.join([header, *lines]) + '\n')
        return sources.table(path, READ, **kwargs)

    return read


def test_by_name_of_the_class(table):
    source = table('c/d.png,dog', 'a.png,cat')
    assert list(source.names) == ['a.png', 'b.png', 'c/d.png']
    assert source.classes == ('cat', 'dog')
    assert source.columns['label'].tolist() == [0, -1, 1]
    assert source[2]['label'] == 1 and source[1]['label'] == -1


def test_rows_stay_when_labels_are_added(table):
    before = table('c/d.png,dog')
    after = table('c/d.png,dog', 'a.png,dog', 'b.png,')
    assert list(before.names) == list(after.names)
    assert after.columns['label'].tolist() == [0, -1, 0]
    assert before.fingerprint() != after.fingerprint()


def test_by_number(table):
    source = table('a.png,1', 'b.png,0')
    assert source.classes == ('0', '1')
    assert source.columns['label'].tolist() == [1, 0, -1]
    named = table('a.png,1', classes=('cat', 'dog'))
    assert named.columns['label'].tolist() == [1, -1, -1]
    assert named.classes == ('cat', 'dog')


def test_json_lines_say_the_same(table, tmp_path):
    rows = [{'path': 'a.png', 'label': 'cat'}, {'path': 'b.png', 'label': None}, {}]
    rows[2] = {'path': './c/d.png', 'label': 'dog'}
    path = tmp_path / 'labels.jsonl'
    path.write_text('\n\n'.join(map(json.dumps, rows)))
    other = sources.table(path, READ)
    same = table('a.png,cat', 'b.png,', 'c/d.png,dog')
    assert other.fingerprint() == same.fingerprint()


def test_the_files_may_lie_elsewhere(table, tmp_path):
    source = table('d.png,cat', folder=tmp_path / 'c')
    assert list(source.names) == ['d.png']


@pytest.mark.parametrize(
    ('lines', 'message'),
    [
        (['a.png,cat', 'x.png,cat'], r"line 3: 'x.png' is no file"),
        (['labels.csv,cat'], r"line 2: 'labels.csv' is no file .* end in .png"),
        (['a.png,cat', 'b.png,', './a.png,dog'], r"line 4: 'a.png' is in line 2"),
        (['../a.png,cat'], r"line 2: '../a.png' leads out"),
        (['/a.png,cat'], "'/a.png' leads out"),
        ([',cat'], r"line 2: path is ''"),
        (['a.png'], 'line 2: it has not as many cells'),
        (['a.png,cat,dog'], 'line 2: it has not as many cells'),
        (['a.png,'], 'gives no label'),
        ([], 'gives no label'),
        (['a.png,0', 'b.png,-1'], 'line 3: label is -1; leave the cell empty'),
        (['a.png,0', 'b.png,2'], 'line 3: label 2, but no line has label 1'),
        (['a.png,1', 'b.png,2'], 'line 3: label 2, but no line has label 0'),
        (['a.png,"cat'], 'is no readable table'),
    ],
)
def test_mistakes_are_named_with_their_line(table, lines, message):
    with pytest.raises(InputError, match=message):
        table(*lines)


def test_a_class_that_the_training_part_has_not(table):
    with pytest.raises(InputError, match=r"line 2: class 'fox'.*\['cat', 'dog'\]"):
        table('a.png,fox', classes=('cat', 'dog'))
    with pytest.raises(InputError, match=r"line 3: class '2'"):
        table('a.png,1', 'b.png,2', classes=('cat', 'dog'))


def test_headers(table):
    with pytest.raises(InputError, match="a column is 'lable'.*'label'"):
        table('a.png,cat', header='path,lable')
    with pytest.raises(InputError, match="a column is 'split'"):
        table('a.png,cat,test', header='path,label,split')
    with pytest.raises(InputError, match='line 1: it lacks label'):
        table('a.png', header='path')


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('{"path"', 'line 1: no JSON'),
        ('[1]', 'line 1: no object'),
        ('{"path": "a.png"}', 'line 1: it lacks label'),
        ('{"path": "a.png", "label": 0.5}', 'line 1: label is 0.5'),
        ('{"path": 3, "label": 1}', 'line 1: path is 3'),
    ],
)
def test_bad_json_lines(table, tmp_path, line, message):
    (tmp_path / 'labels.jsonl').write_text(line)
    with pytest.raises(InputError, match=message):
        sources.table(tmp_path / 'labels.jsonl', READ)


def test_tables_that_can_not_be_read(table, tmp_path):
    with pytest.raises(InputError, match='missing.csv is no readable table'):
        sources.table(tmp_path / 'missing.csv', READ)
    (tmp_path / 'labels.csv').write_bytes(b'path,label\n\xff\xfe,cat\n')
    with pytest.raises(InputError, match='is no readable table'):
        sources.table(tmp_path / 'labels.csv', READ)
