"""What stands behind the colon of a configuration of distillation can be built."""

import importlib

import pytest

from experiments import build
from ssljax.contracts import InputError
from ssljax.methods import catalogue
from ssljax.programs.policies import POLICIES
from ssljax.programs.sweeps import SWEEPS

STAGED = {
    'simclrv2': 'distil tuned cut0 again twice labelled labels alone',
    'lelp': 'lelp kd random raw alone',
    'ssld': 'mined random all own ce alone',
}


def config_of(name, variant):
    module = importlib.import_module(f'experiments.configs.digits.{name}')
    return module.get_config(variant).copy_and_resolve_references()


@pytest.mark.parametrize(
    'name, variant',
    [(name, one) for name, every in STAGED.items() for one in every.split()],
)
def test_stages_go_together(name, variant):
    config = config_of(name, variant)
    job = build.job(config)
    done = []
    for stage_name in config.order:
        stage = config.stages[stage_name]
        if 'sweep' in stage:
            assert stage.sweep in SWEEPS and stage.by in done
        else:
            method = job.method(
                stage.method,
                steps=stage.steps,
                network=stage.get('network', {}),
                rates=stage.get('rates', {}),
                **stage.get('args', {}),
            )
            streams = stage.get('rows', {})
            assert set(streams) <= set(method.needs)
            for sources in streams.values():
                assert set(sources) <= {*job.data.rows, *done}
        asked = [stage.get('start_from'), stage.get('teacher_from')]
        asked += stage.get('given', {}).values()
        assert {source for source in asked if source} <= set(done)
        done.append(stage_name)
    assert set(done) == set(config.stages)


@pytest.mark.parametrize(
    'name',
    [*STAGED, 'dho', 'promptkd', 'distillation', 'dho_eight', 'distillation_full'],
)
def test_variants_that_there_are_not(name):
    file, _, end = name.partition('_')
    with pytest.raises(InputError, match="name is 'knwon'; here it can be"):
        config_of(file, f'knwon_{end}' if end else 'knwon')


@pytest.mark.parametrize('name', ['active_kd', 'rad'])
@pytest.mark.parametrize('policy', ['k_centre', 'coreset', 'badge', 'robust'])
def test_rounds_have_a_teacher(name, policy):
    config = config_of(name, policy)
    assert config.rounds.policy in POLICIES
    job = build.job(config)
    teacher = config.rounds.teacher
    network = config.networks.teacher_network
    method = job.method(teacher.method, network=network, **teacher.get('args', {}))
    assert set(method.needs) == {'labelled'} and teacher.rows in job.data.rows
    assert job.method() is not None
    assert catalogue.find(config.method).program.endswith('rounds')
