"""Checkpoints of every format that was ever written are read."""

import json
import shutil

import jax
import jax.numpy as jnp
import optax
import pytest

from ssljax.contracts import InputError, State, Variables
from ssljax.train import checkpoints


def state():
    """A State with every kind of leaf; no number of it is drawn."""
    params = {
        'dense': {'kernel': jnp.arange(6.0).reshape(2, 3) / 7, 'bias': jnp.zeros(3)},
        'norm': {'scale': jnp.arange(3, dtype=jnp.bfloat16)},
    }
    optimizer = optax.chain(optax.clip(1.0), optax.sgd(0.1, momentum=0.9))
    return State(
        step=jnp.int32(12),
        key=jax.random.key(5),
        params={'student': params},
        stats={'student': {'mean': jnp.float32([0.1, -0.0, jnp.inf])}},
        opt={'all': optimizer.init(params)},
        memory={
            'teacher': Variables(params, {}),
            'queue': (jnp.zeros((0, 4)), [jnp.arange(4) % 2 == 0]),
            'keys': jax.random.split(jax.random.key(1, impl='rbg'), 2),
        },
        frozen={},
    )


@pytest.fixture
def folder(root):
    return lambda number: root / f'tests/golden/checkpoint-format-{number}'


@pytest.mark.parametrize('number', range(checkpoints.FORMAT + 1))
def test_every_format_is_read(folder, bits, number):
    written = json.loads((folder(number) / 'checkpoint.json').read_text())
    assert written.get('format', 0) == number
    found, info = checkpoints.load(folder(number), state())
    assert jax.tree.structure(found) == jax.tree.structure(state())
    assert bits(found) == bits(state())
    assert info == {'step': 12, 'scores': {'a': None}}


def test_the_present_format_is_the_last_stored_one(folder, tmp_path):
    checkpoints.save(tmp_path / '1', state(), {'step': 12, 'scores': {'a': None}})
    written = json.loads((tmp_path / '1/checkpoint.json').read_text())
    stored = json.loads((folder(checkpoints.FORMAT) / 'checkpoint.json').read_text())
    assert list(written) == list(stored)
    del written['files'], stored['files']  # their names are orbax's
    assert written == stored


def test_a_newer_format_is_refused(folder, tmp_path):
    shutil.copytree(folder(1), tmp_path / '12')
    path = tmp_path / '12/checkpoint.json'
    path.write_text(path.read_text().replace('"format": 1', '"format": 7'))
    said = 'newer ssljax, format 7; this one reads up to 1'
    with pytest.raises(InputError, match=said):
        checkpoints.load(tmp_path / '12', state())
    # Neither is it skipped: the run would begin anew.
    with pytest.raises(InputError, match=said):
        checkpoints.restore(tmp_path, [12], state())
