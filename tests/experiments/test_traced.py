"""Paper-scale configurations are traced at full shape; one small one takes a step."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import flags

from experiments.configs.audio import VARIANTS
from ssljax.methods import catalogue


def _without_flags(name):
    """Imports a command; its flags would be in the way of other commands."""
    before = set(flags.FLAGS)
    module = importlib.import_module(name)
    for flag in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, flag)
    return module


traced = _without_flags('experiments.benchmarks.traced')
CASES = {case.config: case for case in traced.CASES if not case.changes}


@pytest.mark.parametrize(
    'config, method, parameters, rows',
    [
        ('svhn/wrn_28_2', 'freematch', 1_467_626, {'labelled': 64, 'unlabelled': 448}),
        (
            'cifar100/vit_small',
            'fixmatch',
            21_436_900,
            {'labelled': 8, 'unlabelled': 8},
        ),
    ],
)
def test_traces_at_full_shape(config, method, parameters, rows):
    row = traced.traced(CASES[config], method)
    assert row['parameters'] == parameters and row['batch'] == rows
    # Student, average and momentum; or student and Adam's two moments.
    assert 12 * parameters < row['state_bytes'] < 12.2 * parameters
    # Each parameter of a convolution or a token is used more than once a row.
    assert row['flops'] > 6 * parameters * sum(rows.values())
    assert row['activation_bytes'] > 4 * parameters
    assert config in traced.markdown([row])


def test_a_volume_of_96_needs_less_when_levels_are_computed_again():
    kept, again = (case for case in traced.CASES if case.config == 'brats/unet')
    rows = [traced.traced(case, 'mean_teacher') for case in (kept, again)]
    most = [row['activation_bytes'] for row in rows]
    assert most[1] < 0.7 * most[0] and rows[0]['flops'] < rows[1]['flops']
    assert 'remat=True' in traced.markdown(rows)


def test_every_configuration_names_what_there_is():
    for case in traced.CASES:
        for name in case.methods:
            config, stage = traced.configured(case, name)
            audio = case.data.field == 'wave'
            wanted = VARIANTS[name].method if audio else name
            assert stage or config.method == wanted
            catalogue.find(stage.get('method', config.method))
            if catalogue.find(config.method).program.endswith('stages:stages'):
                assert set(config.order) <= set(config.stages), name


def test_the_folds_of_esc10_are_the_repeats():
    folds = importlib.import_module('experiments.configs.esc10.folds')
    files = []
    for seed in (0, 4, 5):
        config = folds.get_config('mixmatch_without')
        config.seed = seed
        files.append(config.copy_and_resolve_references().data)
    assert files == [f'scratch/esc10_fold{fold}.npz' for fold in (1, 5, 1)]


def test_peak_counts_what_is_alive_at_once():
    def peak(function):
        x = jax.ShapeDtypeStruct((256,), jnp.float32)  # a KiB
        return traced.peak(jax.make_jaxpr(function)(x).jaxpr) / 1024

    assert peak(lambda x: x + 1) == 2
    assert peak(lambda x: jnp.sin(jnp.sin(jnp.sin(x)))) == 3  # each lets the last go
    assert peak(lambda x: jnp.sin(x) * jnp.cos(x)) == 4
    inside = jax.jit(lambda x: (jnp.sin(x) * jnp.cos(x)).sum())
    assert 3 < peak(inside) < 4.1  # what a body needs counts too


def test_blank_data_take_no_memory():
    case = CASES['stl10/wrn_37_2']
    config = importlib.import_module('experiments.configs.stl10.wrn_37_2').get_config()
    dataset = traced.blank(case.data, config)
    image = dataset.source.columns['image']
    assert image.shape == (105_000, 96, 96, 3) and set(image.strides) == {0}
    assert np.bincount(dataset.source.columns['label'][dataset.rows['labelled']]).min()
    assert len(dataset.rows['labelled']) == 40
