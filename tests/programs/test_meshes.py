"""One device, eight, two processes of four: the same training."""

import contextlib
import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.train import sharding, writers

SCRIPT = Path(__file__).with_name('meshes.py')
LAYOUTS = {
    'eight': {},
    'eight, shard_map': {'partition': 'shard_map'},
    'fsdp': {'fsdp': 8},
    'data, fsdp, model': {'fsdp': 2, 'model': 2},
}


@pytest.fixture(scope='module')
def meshes():
    spec = importlib.util.spec_from_file_location('meshes', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def one(meshes, tmp_path_factory):
    """Folder and states of all methods on one device."""
    folder = tmp_path_factory.mktemp('one')
    layout = sharding.layout(jax.devices()[:1])
    return folder, meshes.fit(folder, layout, meshes.METHODS)


def processes(folder, *dies):
    """Runs two processes of four devices to their end; their exit codes and words."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder, f'127.0.0.1:{port}', '2', str(i)]
            + [str(at) for at in dies if i == 1],
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    try:
        said = [process.communicate(timeout=240)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return [process.returncode for process in started], said


def assert_same_losses(one, other, name, steps=20):
    rows = [writers.rows(folder / name / 'metrics.jsonl') for folder in (one, other)]
    assert [row['step'] for row in rows[1]] == [*range(1, steps + 1)]
    for a, b in zip(*rows, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            assert abs(a[key] - b[key]) <= 1e-5 * max(1, abs(a[key])), (a, b)


@pytest.mark.parametrize('name', ['fixmatch', 'mean_teacher', 'comatch', 'two_update'])
@pytest.mark.parametrize('how', ['eight', 'eight, shard_map'])
def test_eight_devices_are_one(meshes, one, tmp_path, name, how):
    states = meshes.fit(tmp_path, sharding.layout(**LAYOUTS[how]), [name])
    assert_same_losses(one[0], tmp_path, name)
    for a, b in zip(
        jax.tree.leaves(one[1][name].params),
        jax.tree.leaves(states[name].params),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize('how', ['fsdp', 'data, fsdp, model'])
def test_split_parameters_are_whole_ones(meshes, one, tmp_path, how):
    layout = sharding.layout(**LAYOUTS[how])
    meshes.fit(tmp_path, layout, ['mean_teacher'])
    assert_same_losses(one[0], tmp_path, 'mean_teacher')


def test_two_processes_are_one(meshes, one, tmp_path):
    codes, said = processes(tmp_path)
    assert codes == [0, 0], said
    for name in meshes.METHODS:
        assert_same_losses(one[0], tmp_path, name)


def test_a_job_goes_on_after_one_of_two_processes_was_killed(meshes, one, tmp_path):
    codes, said = processes(tmp_path, 13)
    assert codes[1] == -9 and codes[0] != 0, said  # the other has noticed
    assert not (tmp_path / 'fixmatch/record.json').exists()
    # On one device now, from the last whole checkpoint.
    layout = sharding.layout(jax.devices()[:1])
    meshes.fit(tmp_path, layout)
    assert_same_losses(one[0], tmp_path, 'fixmatch')


def test_a_fit_goes_on_on_other_devices(meshes, one, tmp_path, monkeypatch):
    class Over(Exception):
        pass

    make, devices = meshes.in_memory, jax.devices()
    for last, layout in (
        (7, sharding.layout(fsdp=8)),
        (13, sharding.layout(devices[:4])),
        (None, sharding.layout(devices[:1])),
    ):

        def ending(*arguments, last=last, **options):
            feed = make(*arguments, **options)

            def until(step):
                if step == last:
                    raise Over
                return feed(step)

            return until

        monkeypatch.setattr(meshes, 'in_memory', ending)
        with contextlib.suppress(Over):
            meshes.fit(tmp_path, layout)
    assert_same_losses(one[0], tmp_path, 'fixmatch')


def test_split_state_takes_its_share_of_memory(meshes):
    network = meshes.models.wide_resnet(10, depth=10, width=2)
    average = meshes.teachers.ema(0.9)
    method = meshes.methods.fixmatch(
        network, meshes.optax.sgd(0.1, momentum=0.9), num_classes=10, teacher=average
    )
    image = {'image': jax.ShapeDtypeStruct((16, 32, 32, 3), np.float32)}
    batch = {
        'labelled': {'weak': image},
        'unlabelled': {'weak': image, 'strong': image},
    }
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    layout = sharding.layout(fsdp=8)

    def share(leaf, where):
        return np.prod(where.shard_shape(leaf.shape)) / np.prod(leaf.shape)

    split = jax.tree.map(share, state, sharding.shardings(layout, state))
    sizes = jax.tree.map(lambda x: x.size, state)
    held = sum(
        a * b
        for a, b in zip(jax.tree.leaves(split), jax.tree.leaves(sizes), strict=True)
    )
    assert held < 0.135 * sum(jax.tree.leaves(sizes))  # 1/8 and what is small
    # A parameter lies as its momentum and its average do.
    kernel = split.params['student']['block1']['0']['conv1']['kernel']
    assert kernel == 1 / 8
    assert split.opt['student'][0].trace['block1']['0']['conv1']['kernel'] == kernel
    followed = split.memory['teacher'].variables.params
    assert followed['block1']['0']['conv1']['kernel'] == kernel


def test_the_new_state_takes_the_place_of_the_old(meshes):
    method = meshes.METHODS['mean_teacher']
    rows = {'labelled': np.arange(32), 'unlabelled': np.arange(64)}
    feed = meshes.in_memory(meshes.SOURCE, rows, method.needs, batch_size=16, seed=0)
    layout = sharding.layout(fsdp=8)
    batch = sharding.place(layout, feed(0))
    state = sharding.init(layout, method.init, jax.random.key(0), batch)
    with jax.set_mesh(layout.mesh):
        step = jax.jit(
            method.step,
            donate_argnums=0,
            keep_unused=True,
            out_shardings=(sharding.shardings(layout, state), None),
        )
        memory = step.lower(state, batch).compile().memory_analysis()
    own = sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(state))
    assert memory.alias_size_in_bytes == own


def test_readme_on_devices(meshes, root):
    text = (root / 'README.md').read_text().split('<!-- devices -->')[1]
    code = text.split('```python\n')[1].split('```')[0]
    method = meshes.METHODS['fixmatch']
    rows = {'labelled': np.arange(32), 'unlabelled': np.arange(64)}
    feed = meshes.in_memory(meshes.SOURCE, rows, method.needs, batch_size=16, seed=0)
    names = {'method': method, 'feed': feed, 'key': jax.random.key(0)}
    exec(compile(code, 'README.md', 'exec'), names)
    assert int(names['state'].step) == 3
    assert len(names['state'].step.devices()) == 8


def test_rules(meshes):
    tree = {'conv': {'kernel': np.zeros((3, 4, 64)), 'bias': np.zeros(4)}}
    specs = lambda rules: jax.tree.map(  # noqa: E731
        lambda x: tuple(x.spec),
        sharding.shardings(sharding.layout(model=8, rules=rules), tree),
    )
    kernel = (None, None, 'model')
    found = specs([('kernel$', kernel)])
    assert found == {'conv': {'kernel': kernel, 'bias': ()}}
    # The first that is found counts; one for other axes leaves an array whole.
    found = specs([('kernel', ('model',)), ('kernel$', kernel)])
    assert found['conv']['kernel'] == ()
    with pytest.raises(InputError, match=r'conv/bias .4,. .* not shared evenly'):
        specs([('bias', ('model',))])
    with pytest.raises(InputError, match="'rows'; the axes of the mesh are"):
        specs([('bias', 'rows')])
    with pytest.raises(InputError, match='pairs of a regular expression'):
        specs([('(', 'model')])


def test_refusals(meshes):
    with pytest.raises(InputError, match='product must divide the 8 devices'):
        sharding.layout(fsdp=3)
    with pytest.raises(InputError, match="give 'auto' or 'shard_map'"):
        sharding.layout(partition='pmap')
    with pytest.raises(InputError, match='state is whole on every device'):
        sharding.layout(fsdp=2, partition='shard_map')
    needs = meshes.METHODS['fixmatch'].needs
    found = r"is 30, so the 'labelled' batch has 30 rows, which 8 .* can share is 32\."
    with pytest.raises(InputError, match=found):
        sharding.check_batch(sharding.layout(), needs, 30)
    sharding.check_batch(sharding.layout(), needs, 32)
    with pytest.raises(InputError, match=r'evenly in 4 slices; .* share is 64\.'):
        sharding.check_batch(sharding.layout(), needs, 56, parts=4)
    with pytest.raises(InputError, match="12 rows in its stream 'labelled', which 8"):
        sharding.place(sharding.layout(), {'labelled': {'image': np.zeros((12, 2))}})
