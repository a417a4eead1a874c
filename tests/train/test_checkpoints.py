import shutil
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
import pytest

from ssljax.contracts import InputError
from ssljax.train import checkpoints


class Odd(NamedTuple):
    key: jax.Array
    tree: dict


def odd_tree():
    params = {'w': jnp.arange(6.0).reshape(2, 3), 'b/c': jnp.ones(3, jnp.bfloat16)}
    return Odd(
        key=jax.random.key(5),
        tree={
            'opt': optax.chain(optax.clip(1.0), optax.adamw(1e-3)).init(params),
            'list': [jnp.float32(2), (jnp.zeros(3, bool),)],
            'numbers': {0: jnp.ones(1), 1: jnp.arange(3, dtype=jnp.uint32)},
            'empty': [{}, (), None, jnp.zeros((0, 4), jnp.int8)],
            'keys': jax.random.split(jax.random.key(1, impl='rbg'), 3),
            'special': jnp.array([jnp.nan, -jnp.inf, -0.0]),
        },
    )


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp('checkpoints') / '7'
    checkpoints.save(folder, odd_tree(), {'step': 7, 'scores': {'a': None}})
    return folder


def test_round_trip(saved, bits):
    like = jax.tree.map(jnp.copy, odd_tree())
    found, info = checkpoints.load(saved, like)
    assert bits(found) == bits(odd_tree())
    assert jax.tree.structure(found) == jax.tree.structure(odd_tree())
    assert info == {'step': 7, 'scores': {'a': None}}
    assert not any(leaf.committed for leaf in jax.tree.leaves(found))


def test_arrays_on_several_devices_come_back_there(tmp_path, bits):
    mesh = jax.make_mesh((8,), ('x',), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.NamedSharding(mesh, jax.P('x'))
    tree = {'x': jax.device_put(jnp.arange(16.0), sharding)}
    checkpoints.save(tmp_path / '1', tree, {})
    found, _ = checkpoints.load(tmp_path / '1', jax.tree.map(jnp.zeros_like, tree))
    assert found['x'].sharding == sharding and bits(found) == bits(tree)


def test_every_file_is_needed_or_harmless(saved, tmp_path):
    """Whichever file is cut short or lost: it is noticed before orbax stumbles."""
    files = [f for f in saved.rglob('*') if f.is_file()]
    assert len(files) > 5
    for number, file in enumerate(files):
        for lost in (False, True):
            folder = tmp_path / f'{number}{lost}'
            shutil.copytree(saved, folder)
            broken = folder / file.relative_to(saved)
            content = broken.read_bytes()
            if lost:
                broken.unlink()
            elif content:
                broken.write_bytes(content[: len(content) // 2])
            else:
                continue  # an empty file can't be cut short
            with pytest.raises(checkpoints.Damaged):
                checkpoints.load(folder, odd_tree())


def test_changed_bits_are_noticed(saved, tmp_path):
    shutil.copytree(saved, tmp_path / '7')
    file = max(tmp_path.glob('**/d/*'), key=lambda f: f.stat().st_size)
    file.write_bytes(bytes(file.stat().st_size))  # what a lost page looks like
    with pytest.raises(checkpoints.Damaged, match='not as it was written'):
        checkpoints.load(tmp_path / '7', odd_tree())


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            {'special': jnp.zeros(4)},
            r"'special'\] was float32\[3\] and is now float32\[4\]",
        ),
        ({'special': jnp.zeros(3, int)}, 'was float32.* now int32'),
        ({'new': jnp.zeros(3)}, r"'new'\] was not there and is now float32\[3\]"),
        ({'keys': None}, r"'keys'\] was key<rbg>\[3\] and is now not there"),
    ],
)
def test_other_shapes_are_refused(saved, change, message):
    like = odd_tree()
    like = like._replace(tree=like.tree | change)
    with pytest.raises(InputError, match=message):
        checkpoints.load(saved, like)


def test_restore_takes_the_first_whole_one(tmp_path):
    tree = {'x': jnp.arange(3.0)}
    for step in (5, 10, 15):
        checkpoints.save(tmp_path / str(step), {'x': tree['x'] + step}, {'step': step})
    (tmp_path / '15' / 'checkpoint.json').unlink()
    shutil.rmtree(tmp_path / '10' / 'arrays')
    with pytest.warns(UserWarning) as caught:
        found, info = checkpoints.restore(tmp_path, [15, 10, 5], tree)
    assert info['step'] == 5 and found['x'][0] == 5
    (message,) = [str(w.message) for w in caught]
    assert f'{tmp_path}/15 is skipped: checkpoint.json is missing' in message
    assert f'{tmp_path}/10 is skipped: ' in message
    assert message.endswith(f'Using {tmp_path}/5.')
    with pytest.warns(UserWarning, match='starting from the beginning'):
        assert checkpoints.restore(tmp_path, [15, 10], tree) is None
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert checkpoints.restore(tmp_path, [], tree) is None


def test_a_checkpoint_replaces_another(tmp_path, bits):
    tree = {'x': jnp.arange(3.0)}
    checkpoints.save(tmp_path / '1', {'y': jnp.zeros(2)}, {})
    checkpoints.save(tmp_path / '1', tree, {'n': 2})
    found, info = checkpoints.load(tmp_path / '1', tree)
    assert bits(found) == bits(tree) and info == {'n': 2}


def test_prune(tmp_path):
    for name in ('5', '10', '15', 'frozen'):
        (tmp_path / name).mkdir()
    checkpoints.prune(tmp_path, [10, 99])
    assert sorted(f.name for f in tmp_path.iterdir()) == ['10', 'frozen']
    assert checkpoints.steps(tmp_path) == [10]
    assert checkpoints.steps(tmp_path / 'nowhere') == []
