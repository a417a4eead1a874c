"""The speed record: its network at full size, and its clock over several calls."""

import json

import jax
import numpy as np
import pytest

from experiments import build
from experiments.configs.cifar10 import fixmatch_250
from ssljax.programs.job import feed_for
from ssljax.train import checkpoints

random = np.random.default_rng(0)


@pytest.mark.parametrize('method', ['fixmatch', 'freematch'])
def test_the_step_is_traced_at_full_size(npz, method):
    image = random.integers(0, 256, (600, 32, 32, 3), np.uint8)
    label = np.arange(600) % 10
    own = {'test_image': image[:10], 'test_label': label[:10]}
    config = fixmatch_250.get_config(method)
    config.data = str(npz(image=image, label=label, **own))
    job = build.job(config)
    found = job.method()
    key = jax.random.key(0)
    batch = feed_for(job, found, key)(0)
    assert batch['resident']['image'].shape == (610, 32, 32, 3)
    sizes = {name: len(batch[name]['index']) for name in found.needs}
    assert sizes == {'labelled': 64, 'unlabelled': 448}
    assert len(job.data.rows['labelled']) == 250
    state = jax.eval_shape(found.init, key, batch)
    params = jax.tree.leaves(state.params['student'])
    assert sum(x.size for x in params) == 1_467_626
    new, metrics = jax.eval_shape(found.step, state, batch)
    assert checkpoints.leaves(new) == checkpoints.leaves(state)
    assert {str(x.dtype) for x in params} == {'float32'}
    assert metrics['loss'].shape == ()


def test_the_clock_goes_on_with_the_run(command, npz, tmp_path, monkeypatch):
    data = npz()

    def record(name, *candidates):
        code, out, err = command(
            'benchmarks.record',
            '--small',
            '--config=experiments/configs/digits/supervised.py',
            *(f'--candidate={text}' for text in candidates),
            '--seeds=0',
            '--steps=6',
            '--every=2',
            '--targets=0.01,1.01',
            f'--workdir={tmp_path / name}',
            f'--config.data={data}',
            '--config.labels_per_class=5',
            '--config.split=',
            '--config.batch_size=4',
        )
        if code:
            return code
        assert '1 of 1' in out and '0 of 1' in out, err
        return json.loads((tmp_path / name / 'record.json').read_text())

    whole = record('whole', 'optimizer.lr=0.1', 'ema=0.5 optimizer.lr=1e-9')
    tried = whole['tried']
    assert tried[whole['choice']] == max(tried.values()) and len(tried) == 2
    (run,) = whole['runs']
    assert (run['labels'], run['images'], run['step']) == (15, 72, 6)
    assert run['reached'] == {'0.01': run['curve'][0], '1.01': None}
    assert [step for step, *_ in run['curve']] == [2, 4, 6]
    assert 0 < run['curve'][0][1] < run['seconds'] == run['curve'][-1][1]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, 'prune', interrupted)
        assert record('parts', whole['choice']) == 130
    (parts,) = record('parts', whole['choice'])['runs']
    assert [[a, c] for a, _, c in parts['curve']] == [
        [a, c] for a, _, c in run['curve']
    ]
    assert len(parts['seconds_compiling']) == 2
    assert parts['curve'][0][1] < parts['curve'][1][1]
