"""Cells become a table; those that are there are not run again."""

import json
from pathlib import Path

import pytest

from experiments import cells
from ssljax.programs import fit
from ssljax.train import writers

SUPERVISED = 'experiments/configs/digits/supervised.py'
TINY = (
    'mesh.devices=1 networks.network.channels=(4,) steps=3 eval_every=3 '
    'checkpoint_every=3'
)


def _finished(folder, config, accuracy):
    """A workdir as ``train`` leaves it."""
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text(config.to_json())
    summary = {
        'test_accuracy': accuracy,
        'wall_seconds': 12.0,
        'devices': ['cpu:cpu'],
        'versions': {'jax': '0'},
    }
    (folder / 'summary.json').write_text(json.dumps(summary))


def test_cells(command, refused, tmp_path, monkeypatch, root, compiled):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(root))
    monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', str(compiled))
    config = root / SUPERVISED
    flags = (
        '--seeds=0,1',
        '--out=out',
        f'--cell=three steps={config} {TINY}',
        f'--cell=six={config} {TINY} steps=6',
    )

    def results():
        return json.loads((tmp_path / 'out' / 'results.json').read_text())

    # Nothing is there, and nothing is run unless it is asked for.
    code, out, _ = command('compare', *flags)
    assert code == 0 and not (tmp_path / 'runs').exists()
    assert [row['estimate'] for row in results()['rows']] == [None, None]
    trains = [line for line in out.splitlines() if line.startswith('python -m')]
    assert len(trains) == 4 and trains == (tmp_path / 'out' / 'table.md').read_text(
        ).splitlines()[-5:-1]  # fmt: skip
    assert trains[2] == (
        f'python -m experiments.train --config={config} --config.mesh.devices=1 '
        "'--config.networks.network.channels=(4,)' --config.steps=3 "
        '--config.eval_every=3 --config.checkpoint_every=3 --config.steps=6 '
        '--config.seed=0 '
        '--workdir=runs/compare/out/six-seed0'
    )

    # What is finished, by whichever process, becomes a cell.
    three, six = (cells.parse(flag.removeprefix('--cell=')) for flag in flags[2:])
    for cell, seed, accuracy in ((three, 0, 0.5), (three, 1, 0.6), (six, 1, 0.9)):
        folder = cells.folder(cell, seed, Path('out'))
        _finished(folder, cells.configuration(cell, seed), accuracy)
    assert command('compare', *flags)[0] == 0
    assert results()['rows'][0]['estimate']['mean'] == pytest.approx(0.55)
    assert results()['rows'][1]['difference'] == {
        'mean': pytest.approx(0.3), 'half': None, 'n': 1,
    }  # fmt: skip

    # The one that is missing is trained, and no other.
    code, out, err = command('compare', *flags, '--run')
    assert code == 0, err
    assert '| six |' in out and 'Not run' not in out
    found = results()
    assert found['rows'][1]['scores'].keys() == {'0', '1'}
    assert found['rows'][1]['scores']['1'] == 0.9
    assert found['machine'][0].keys() == {'processor', 'cores'}
    assert {'jax': '0'} in found['versions'] and len(found['versions']) == 2
    cell = json.loads((tmp_path / 'out' / 'cells' / 'six-seed0.json').read_text())
    assert cell['summary']['steps'] == 6 and cell['config']['steps'] == 6

    # A cell of another configuration is no result of this one.
    other = [flag.replace('steps=6', 'steps=7') for flag in flags]
    assert 'six-seed0.json holds another configuration: steps: 6 there, 7 now' in (
        refused('compare', *other)
    )
    assert 'test_accuracy' in refused('compare', *flags, '--metric=test_acuracy')


def test_seeds_are_compiled_once(command, tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    traced = []
    traced_step = fit.sharding.partitioned

    def partitioned(layout, step):
        traced.append(step)
        return traced_step(layout, step)

    monkeypatch.setattr(fit.sharding, 'partitioned', partitioned)
    code, _, err = command(
        'compare',
        '--run',
        '--seeds=0,1',
        '--out=out',
        # The first can't be trained; the other is.
        f'--cell=bad={root / SUPERVISED} {TINY} optimizer.name=adm',
        f'--cell=good={root / SUPERVISED} {TINY}',
    )
    assert code == 2
    told = [line for line in err.splitlines() if line.startswith('error: ')]
    assert [line[: line.index('optimizer')] for line in told] == [
        f"error: cell 'bad', seed {seed}: " for seed in (0, 1)
    ]
    assert len(traced) == 1
    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert [len(row['scores']) for row in results['rows']] == [0, 2]
    rows = [
        (tmp_path / f'runs/compare/out/good-seed{seed}/metrics.jsonl').read_text()
        for seed in (0, 1)
    ]
    assert rows[0] != rows[1]


def test_seeds_at_once_are_each_as_alone(command, tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    cell = f'--cell=x={root / SUPERVISED} {TINY} log_every=1'

    def scores(out, *flags):
        code, _, err = command(
            'compare', '--run', '--seeds=0,1', f'--out={out}', cell, *flags
        )
        assert code == 0, err
        return json.loads((tmp_path / out / 'results.json').read_text())['rows'][0]

    together, alone = scores('together', '--vmapped=2'), scores('alone')
    assert together['scores'] == pytest.approx(alone['scores'])
    for seed in (0, 1):
        rows, expected = (
            writers.rows(tmp_path / f'runs/compare/{out}/x-seed{seed}/metrics.jsonl')
            for out in ('together', 'alone')
        )
        assert [row.pop('step') for row in rows] == [1, 2, 3]
        for row, other in zip(rows, expected, strict=True):
            del other['step']
            assert row == pytest.approx(other, rel=1e-4, abs=1e-5)
    # What they were fitted in is gone, and its time is shared.
    assert len(list((tmp_path / 'runs/compare/together').iterdir())) == 2
    assert min(together['seconds'].values()) > 0.5


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        ([], 'Give --out=<folder> and at least one --cell'),
        (['--cell=x'], "cell is 'x'; give 'label=path/to/config.py field=value"),
        (['--cell=x=nothing.py'], "cell 'x': config: No such file"),
        ([f'--cell=x={SUPERVISED} stepz=3'], "cell 'x': config.stepz is no field"),
        ([f'--cell=x={SUPERVISED}'] * 2, 'Two cells have the same label'),
        ([f'--cell=x={SUPERVISED}', '--seeds=a'], "seeds is 'a'"),
        ([f'--cell=x={SUPERVISED}', '--seeds=1,1'], 'each only once'),
        ([f'--cell=x={SUPERVISED}', '--vmapped=0'], 'vmapped is 0'),
    ],
)
def test_refusals(refused, tmp_path, arguments, sentence):
    assert sentence in refused('compare', f'--out={tmp_path / "out"}', *arguments)
