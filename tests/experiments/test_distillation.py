"""The tables of distillation name what there is; parts of the digits do not overlap."""

import json

import pytest
from sklearn.datasets import load_digits

from experiments.configs.digits import dho, distillation, promptkd
from ssljax.methods import catalogue

NAMES = [name + full for name in distillation.NAMES for full in ('', '_full')]


@pytest.mark.parametrize(
    'module, name',
    [(distillation, name) for name in NAMES]
    + [(dho, name) for name in ('dho', 'one_head', 'even')]
    + [(promptkd, name) for name in ('promptkd', 'labels')],
)
def test_every_stage_has_its_method_and_who_teaches_it(module, name):
    config = module.get_config(name)
    before = set()
    for stage in (config.stages[x] for x in config.order):
        wanted = [stage.get(x) for x in ('teacher_from', 'answers_from', 'by')]
        wanted += stage.get('given', {}).values()
        assert {x for x in wanted if x} <= before
        if 'method' in stage:
            catalogue.find(stage.method)
        before.add(config.order[len(before)])


def test_parts_of_the_digits_do_not_overlap(root):
    folder = root / 'experiments' / 'configs' / 'digits'
    parts = json.loads((folder / 'parts.json').read_text())
    split = json.loads((folder / 'split.json').read_text())
    assert parts.pop('hash') == split['hash']
    rows = [row for part in parts.values() for row in part]
    assert set(parts) == {'encoder', 'teacher', 'student'}
    assert len(rows) == len(set(rows)) and set(rows) == set(split['train'])


def test_the_teacher_of_eight_classes_sees_no_other(root):
    folder = root / 'experiments' / 'configs' / 'digits'
    eight = json.loads((folder / 'eight.json').read_text())
    split = json.loads((folder / 'split.json').read_text())
    assert eight['hash'] == split['hash']
    label = load_digits().target
    assert eight['eight'] == sorted(row for row in split['train'] if label[row] < 8)
