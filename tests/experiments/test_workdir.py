"""Who may go on in a folder, and how long it took."""

import os

import pytest
from ml_collections import ConfigDict

from experiments import workdir
from ssljax.contracts import InputError

CONFIG = {'method': 'x', 'optimizer': {'lr': 0.1}, 'channels': (4,), 'log_every': 1}


def _config(**fields):
    return ConfigDict({**CONFIG, **fields})


def test_the_same_job_goes_on(tmp_path):
    folder = tmp_path / 'new' / 'job'
    workdir.claim(folder, _config(), overwrite=False)
    (folder / 'metrics.jsonl').write_text('{"step": 1}\n')
    workdir.claim(folder, _config(log_every=7), overwrite=True)
    assert workdir.begun(folder)
    assert workdir.load_config(folder).log_every == 7


def test_another_job_is_refused_unless_overwritten(tmp_path):
    workdir.claim(tmp_path, _config(), overwrite=False)
    (tmp_path / 'metrics.jsonl').write_text('{"step": 1}\n')
    other = _config(optimizer={'lr': 0.2}, more=1)
    both = r'more: None there, 1 now; optimizer.lr: 0.1 there, 0.2 now'
    with pytest.raises(InputError, match=both):
        workdir.claim(tmp_path, other, overwrite=False)
    workdir.claim(tmp_path, other, overwrite=True)
    assert os.listdir(tmp_path) == ['config.json']
    assert workdir.load_config(tmp_path).optimizer.lr == 0.2


def test_an_older_job_goes_on_as_it_was(tmp_path):
    workdir.claim(tmp_path, _config(), overwrite=False)
    (tmp_path / 'metrics.jsonl').write_text('{"step": 1}\n')
    now = {'precision': 'float32', 'accumulate': 1, 'partition': 'auto'}
    with pytest.raises(InputError, match="precision: 'float32' there, 'bfloat16' now"):
        workdir.claim(
            tmp_path, _config(**{**now, 'precision': 'bfloat16'}), overwrite=False
        )
    workdir.claim(tmp_path, _config(**now, dispatch=1), overwrite=False)


def test_a_job_that_never_began_may_be_another(tmp_path):
    workdir.claim(tmp_path, _config(), overwrite=False)
    (tmp_path / 'metrics.jsonl').touch()
    workdir.claim(tmp_path, _config(method='y'), overwrite=False)
    assert workdir.load_config(tmp_path).method == 'y'


def test_half_of_a_first_config_is_no_job(tmp_path):
    (tmp_path / '.config.json.part').write_text('{"meth')
    workdir.claim(tmp_path, _config(), overwrite=False)


def test_stopwatch_counts_all_processes(tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(workdir.time, 'time', lambda: clock[0])
    with pytest.raises(KeyError), workdir.stopwatch(tmp_path):
        clock[0] += 10
        raise KeyError
    clock[0] += 500
    # Killed: nothing is written after 20 s but a checkpoint at 15 s.
    killed = workdir.stopwatch(tmp_path)
    killed.__enter__()
    (tmp_path / 'file').touch()
    os.utime(tmp_path / 'file', (0, clock[0] + 15))
    os.utime(tmp_path / 'wall.json', (0, clock[0]))
    clock[0] += 700
    with workdir.stopwatch(tmp_path) as seconds:
        clock[0] += 3
        assert seconds() == 10 + 15 + 3
