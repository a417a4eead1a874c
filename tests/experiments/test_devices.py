"""The launcher on eight devices, whole and split, and as one of several processes."""

import json

import jax
import pytest

from experiments import build, launch
from ssljax.contracts import InputError
from ssljax.programs import fit
from ssljax.train import writers

FIXMATCH = '--config=experiments/configs/digits/fixmatch.py'
SGD = ('--config.optimizer.name=sgd', '--config.optimizer.lr=0.05')


@pytest.fixture
def programs(monkeypatch):
    """The compiled steps of the fits in this test."""
    found, advancing = [], fit._advancing

    def watched(*arguments):
        made = advancing(*arguments)

        def compiled(*arguments):
            found.append(made(*arguments))
            return found[-1]

        return compiled

    monkeypatch.setattr(fit, '_advancing', watched)
    return found


@pytest.mark.filterwarnings('default:.*is skipped')
def test_a_job_uses_all_devices_and_goes_on_on_others(
    command, tiny, tmp_path, programs
):
    eight, one = tmp_path / 'eight', tmp_path / 'one'
    flags = (FIXMATCH, *tiny, *SGD)
    code, _, err = command('train', *flags, f'--workdir={one}')
    assert code == 0, err
    many = (*flags, '--config.mesh.devices=0', '--config.checkpoint_every=6')
    code, _, err = command('train', *many, f'--workdir={eight}')
    assert code == 0, err
    assert len(json.loads((eight / 'summary.json').read_text())['devices']) == 8
    sent = programs[-1].as_text()
    assert 'all-reduce(' in sent and 'all-reduce(' not in programs[0].as_text()
    for kind in ('all-gather', 'all-to-all', 'collective-permute', 'reduce-scatter'):
        assert f'{kind}(' not in sent and f'{kind}-start(' not in sent
    rows = [writers.rows(folder / 'metrics.jsonl') for folder in (one, eight)]
    for a, b in zip(*rows, strict=True):
        assert a == pytest.approx(b, abs=1e-5)
    # As after a crash, and on another number of devices.
    for name in ('summary.json', 'record.json', 'result.npz'):
        for file in eight.rglob(name):
            file.unlink()
    for file in (eight / 'checkpoints/12').iterdir():
        if file.is_file():
            file.unlink()
    fsdp = (*many, '--config.mesh.devices=4', '--config.mesh.fsdp=4')
    code, _, err = command('train', *fsdp, f'--workdir={eight}')
    assert code == 0, err
    for a, b in zip(rows[0], writers.rows(eight / 'metrics.jsonl'), strict=True):
        assert a == pytest.approx(b, abs=1e-5)


def test_shard_map_by_one_setting(command, tiny, tmp_path):
    flags = (FIXMATCH, *tiny, *SGD, '--config.steps=3')
    for name, more in (
        ('one', ()),
        ('eight', ('--config.mesh.devices=0', '--config.partition=shard_map')),
    ):
        code, _, err = command('train', *flags, *more, f'--workdir={tmp_path / name}')
        assert code == 0, err
    one, eight = (
        writers.rows(tmp_path / n / 'metrics.jsonl') for n in ('one', 'eight')
    )
    for a, b in zip(one, eight, strict=True):
        assert a == pytest.approx(b, abs=1e-5)


@pytest.mark.parametrize(
    ('flags', 'found'),
    [
        (('batch_size=30',), 'nearest batch_size that they can share is 32.'),
        (('mesh.fsdp=3',), 'product must divide the 8 devices'),
        (('mesh.devices=9',), 'at most the 8 there are'),
        (('partition=pmap',), "give 'auto' or 'shard_map'"),
        (('dispatch=7',), 'log_every is 1 and dispatch 7; give a multiple.'),
    ],
)
def test_refusals(refused, tiny, tmp_path, flags, found):
    many = (FIXMATCH, *tiny, '--config.mesh.devices=0', f'--workdir={tmp_path / "x"}')
    sentence = refused('train', *many, *(f'--config.{flag}' for flag in flags))
    assert found in sentence


@pytest.mark.parametrize(
    ('flags', 'found'),
    [
        (('host:1', None, None), '--coordinator=host:1 needs --processes'),
        ((None, 2, 0), '--processes and --process go with --coordinator=host:port'),
        (('auto', 2, None), 'leave them out'),
        (('host:1', 2, 2), 'give a number from 0 to 1'),
    ],
)
def test_processes_that_do_not_go_together(flags, found):
    with pytest.raises(InputError, match=found):
        launch.join(*flags)


def test_a_program_that_looks_at_whole_batches(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(launch, 'several', lambda: True)
    stream = '--config=experiments/configs/digits/stream.py'
    sentence = refused('train', stream, f'--workdir={tmp_path / "x"}')
    assert 'several processes can run single and stages only.' in sentence


def test_a_job_may_be_looked_at_with_fewer_devices(command, tiny, tmp_path):
    flags = (FIXMATCH, *tiny, '--config.steps=1', '--config.mesh.devices=8')
    assert command('train', *flags, f'--workdir={tmp_path}')[0] == 0
    path = tmp_path / 'config.json'
    config = json.loads(path.read_text())
    config['mesh'] = {**config['mesh'], 'devices': 64, 'fsdp': 64}
    path.write_text(json.dumps(config))
    _, _, state = build.trained(tmp_path)
    assert {len(x.devices()) for x in jax.tree.leaves(state)} == {1}
