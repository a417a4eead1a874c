"""Trainings that are set up to fail: the watchers say so, at the end of the fit."""

import json

import pytest

DIGITS = '--config=experiments/configs/digits/'


@pytest.mark.parametrize(
    'method, broken, names',
    [
        (
            'fixmatch',
            ['args.threshold=1.0', 'ema=1e-9'],
            {'nothing passes', 'teacher equals student'},
        ),
        ('mean_teacher', ['args.weight=1e6', 'ramp=0.0'], {'labels drowned'}),
        ('mean_teacher', ['args.weight=1e-7', 'ramp=0.0'], {'unlabelled loss idle'}),
    ],
)
def test_broken_trainings_are_told(command, tiny, tmp_path, method, broken, names):
    fields = [f'--config.{field}' for field in broken]
    work = tmp_path / 'job'
    code, out, err = command(
        'train', f'{DIGITS}{method}.py', *tiny, *fields, f'--workdir={work}'
    )
    assert code == 0, err
    found = json.loads((work / 'summary.json').read_text())['findings']
    assert names <= {one['name'] for one in found}
    for one in found:
        assert one['advice'] in out + err and one['steps'][1] == 12
