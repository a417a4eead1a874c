"""The command that trains: what it writes, and that it goes on where it was ended."""

import json
import re
import shutil
import signal
import time
from pathlib import Path

import jax

from experiments import build
from experiments.configs.digits import pi_model

FIXMATCH = '--config=experiments/configs/digits/fixmatch.py'


def _summary(folder):
    return json.loads((folder / 'summary.json').read_text())


def _files(folder):
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob('*') if path.is_file()
    }


def test_bare_command_writes_two_jobs(trained):
    folder, out = trained
    for job, method in ((folder, 'fixmatch'), (folder / 'supervised', 'supervised')):
        summary = _summary(job)
        for name in ('test_accuracy', 'test_accuracy_teacher', 'validation_accuracy'):
            assert 0 <= summary.pop(name) <= 1
        for name in ('wall_seconds', 'images_per_second'):
            assert summary.pop(name) > 0
        assert summary.pop('versions').keys() >= {'jax', 'flax', 'ssljax', 'python'}
        assert summary.pop('split')['file'] == 'digits/split.json'
        assert summary.pop('devices')[0].startswith('cpu')
        for finding in summary.pop('findings'):  # 12 steps are few
            assert finding['fit'] == 'main' and finding['sentence'].endswith('.')
        del summary['test_accuracy_student'], summary['validation_accuracy_student']
        del summary['validation_accuracy_teacher']
        assert summary == {
            'method': method,
            'data': 'digits',
            'labels': 40,
            'validation_labels': 200,
            'seed': 0,
            'steps': 12,
            'step': 12,
            'selected': 'last',
        }
        config = json.loads((job / 'config.json').read_text())
        assert config['steps'] == 12 and config['method'] == method
        assert config['networks']['network']['channels'] == [4]
        lines = (job / 'metrics.jsonl').read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert [row['step'] for row in rows] == list(range(1, 13))
        assert (job / 'checkpoints' / '12').is_dir()
    assert '% fixmatch with unlabelled data' in out and '% supervised only.' in out


def test_half_precision_and_half_batches(command, tiny, tmp_path):
    flags = ('--config.precision=bfloat16', '--config.accumulate=2', '--config.steps=3')
    half = ('--config=experiments/configs/digits/supervised.py', *tiny, *flags)
    code, _, err = command('train', f'--workdir={tmp_path}', *half)
    assert code == 0, err
    assert _summary(tmp_path)['step'] == 3
    # A checkpoint holds what goes on, and that is float32.
    _, _, state = build.trained(tmp_path)
    numbers = jax.tree.leaves((state.params, state.stats, state.opt, state.memory))
    assert {x.dtype.name for x in numbers} <= {'float32', 'int32'}


def test_finished_job_says_so_and_does_nothing(command, trained, tiny):
    folder, out = trained
    before = _files(folder / 'checkpoints')
    code, again, _ = command('train', f'--workdir={folder}', *tiny, '--overwrite')
    assert code == 0
    assert again == out.replace('finished in', 'finished before in')
    assert _files(folder / 'checkpoints') == before
    # How often something is written is no part of what is trained.
    assert (
        command('train', f'--workdir={folder}', *tiny, '--config.log_every=5')[0] == 0
    )


def test_another_configuration_is_refused(refused, trained, tiny):
    folder, _ = trained
    other = ('--config.steps=13', '--config.optimizer.lr=1.', '--seed=3')
    sentence = refused('train', f'--workdir={folder}', *tiny, *other)
    assert re.search(
        r'optimizer\.lr: 0\.\d+ there, 1\.0 now; seed: 0 there, 3', sentence
    )
    assert 'steps: 12 there, 13 now. Give another --workdir' in sentence


def test_method_replaces_the_method_and_keeps_the_data(command, tmp_path, npz, tiny):
    data = f'--config.data={npz()}'
    size = '--config.batch_size=8'
    arguments = (f'--workdir={tmp_path / "job"}', '--method=pi_model', '--seed=4')
    code, out, err = command('train', FIXMATCH, data, size, *tiny, *arguments)
    assert code == 0, err
    summary = _summary(tmp_path / 'job')
    assert (summary['method'], summary['seed']) == ('pi_model', 4)
    assert summary['data'] == 'data.npz' and summary['labels'] == 12
    config = json.loads((tmp_path / 'job' / 'config.json').read_text())
    own = pi_model.get_config()
    assert config['ramp'] == own.ramp and config['args'] == own.args.to_dict()
    # Only the bare command trains a companion.
    assert not (tmp_path / 'job' / 'supervised').exists()


def test_fields_of_a_method_that_is_replaced(refused, tmp_path):
    flags = (FIXMATCH, '--config.args.ratio=2.', '--method=pi_model')
    sentence = refused('train', *flags, f'--workdir={tmp_path / "job"}')
    assert 'config.args.ratio belongs to fixmatch' in sentence


def test_method_without_a_teacher(command, tmp_path, tiny):
    supervised = '--config=experiments/configs/digits/supervised.py'
    flags = (supervised, *tiny, '--config.ema=0.')
    code, _, err = command('train', *flags, f'--workdir={tmp_path / "job"}')
    assert code == 0, err
    summary = _summary(tmp_path / 'job')
    assert summary['test_accuracy_teacher'] is None
    assert summary['test_accuracy'] == summary['test_accuracy_student']


def test_lost_loss(refused, tmp_path, tiny):
    # Batch norm would keep the loss finite, whatever becomes of the parameters.
    group = '--config.networks.network.norm=group'
    flags = (FIXMATCH, *tiny, group, '--config.optimizer.lr=1e9')
    sentence = refused('train', *flags, f'--workdir={tmp_path / "job"}', status=3)
    assert 'became NaN or inf at step' in sentence and 'loss/' in sentence
    assert not (tmp_path / 'job' / 'summary.json').exists()


def _end_after(rows, signum, job, metrics):
    """Ends a process once it has logged some rows; returns its status."""
    while job.poll() is None:
        if metrics.exists() and metrics.read_bytes().count(b'\n') >= rows:
            job.send_signal(signum)
            break
        time.sleep(0.001)
    job.communicate()
    return job.returncode


def test_ended_job_goes_on_to_the_same_bytes(process, trained, tiny, tmp_path):
    folder = tmp_path / 'job'
    flags = (FIXMATCH, f'--workdir={folder}', *tiny)
    metrics = folder / 'metrics.jsonl'
    assert _end_after(2, signal.SIGTERM, process('train', *flags), metrics) == 143
    assert _end_after(7, signal.SIGKILL, process('train', *flags), metrics) == -9
    assert not (folder / 'summary.json').exists()
    last = process('train', *flags)
    _, err = last.communicate()
    assert last.returncode == 0, err
    whole, _ = trained
    assert metrics.read_bytes() == (whole / 'metrics.jsonl').read_bytes()
    timing = {'wall_seconds', 'images_per_second'}
    one, other = _summary(folder), _summary(whole)
    assert one.keys() == other.keys()
    assert all(one[name] == other[name] for name in one.keys() - timing)


def test_checkpoint_that_was_cut_short(process, trained, tiny, tmp_path):
    folder = tmp_path / 'job'
    whole, _ = trained
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns('supervised'))
    (folder / 'summary.json').unlink()
    files = (folder / 'checkpoints' / '12').rglob('*')
    data = max(filter(Path.is_file, files), key=lambda file: file.stat().st_size)
    data.write_bytes(data.read_bytes()[:-20])
    job = process('train', FIXMATCH, f'--workdir={folder}', *tiny)
    _, err = job.communicate()
    assert job.returncode == 0, err
    (line,) = [line for line in err.splitlines() if line.startswith('warning: ')]
    assert 'checkpoints/12 is skipped: ' in line and 'checkpoints/9.' in line
    again = (folder / 'metrics.jsonl').read_bytes()
    assert again == (whole / 'metrics.jsonl').read_bytes()
