import json

import jax.numpy as jnp
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.train import writers


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (np.float32(0.1), 0.1),
        (jnp.bfloat16(0.5), 0.5),
        (0.1 + 0.2, 0.1 + 0.2),
        (jnp.int32(3), 3),
        (np.bool_(True), True),
        (7, 7),
        (jnp.float32(jnp.nan), None),
        (-np.inf, None),
    ],
)
def test_plain(value, expected):
    found = writers.plain(value)
    assert found == expected and type(found) is type(expected)


def test_plain_numbers_keep_every_bit_of_a_float32():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert all(np.float32(writers.plain(x)) == x for x in values)


@pytest.fixture
def metrics(tmp_path):
    path = tmp_path / 'metrics.jsonl'
    for step in (5, 10, 15):
        writers.append(path, {'step': step, 'loss': 1 / step, 'gone': None})
    return path


def test_rows(metrics, tmp_path):
    rows = writers.rows(metrics)
    assert [row['step'] for row in rows] == [5, 10, 15]
    assert rows[2] == {'step': 15, 'loss': 1 / 15, 'gone': None}
    assert all(json.loads(line) for line in metrics.read_text().splitlines())
    assert writers.rows(tmp_path / 'nowhere') == []


@pytest.mark.parametrize('torn', [b'', b'{"step": 9, "lo', b'{"step": 9}'])
def test_cut(metrics, torn):
    lines = metrics.read_bytes().splitlines(keepends=True)
    metrics.write_bytes(b''.join(lines) + torn)
    assert len(writers.rows(metrics)) == 3
    writers.cut(metrics, 10)
    assert metrics.read_bytes() == b''.join(lines[:2])
    assert list(metrics.parent.iterdir()) == [metrics]


@pytest.mark.parametrize('line', ['not json', '[1]', '3', '{"loss": 1}'])
def test_a_file_of_somebody_else_is_refused(metrics, line):
    metrics.write_text(f'{line}\n' + metrics.read_text())
    with pytest.raises(InputError, match='not what a run wrote'):
        writers.cut(metrics, 10)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'x.json'
    writers.write_json(path, {'a': 1})
    with pytest.raises(TypeError):
        writers.write_json(path, {'a': object()})
    with pytest.raises(ZeroDivisionError), writers.replace(path) as file:
        file.write(b'half')
        raise ZeroDivisionError
    assert writers.read_json(path) == {'a': 1}
