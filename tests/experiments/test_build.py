"""What a configuration may name is there, and is applied in one order."""

import functools
import importlib
import inspect
import operator
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from experiments import build
from experiments.configs.digits import supervised
from ssljax import data, models, views
from ssljax.contracts import InputError, Method


def test_every_name_is_a_builder():
    for name in build.VIEWS:
        assert callable(operator.attrgetter(name)(views)), name
    for name in build.NETWORKS:
        wanted = inspect.signature(getattr(models, name)).parameters
        assert 'key' not in wanted and 'dtype' in wanted


def test_views_are_applied_in_the_order_of_the_table_and_sometimes():
    always = {'normalize': {'mean': 0.5, 'std': 0.5}, 'flip_horizontal': {}}
    image = np.full((4, 4, 1), 128, np.uint8)
    seen = build.view(always)(jax.random.key(0), {'image': image})['image']
    np.testing.assert_allclose(seen, 2 * (128 / 255) - 1, atol=1e-6)
    series = {'series': {'scale': {'sigma': 0.5, 'probability': 0.5}}}
    view = jax.vmap(build.view(series), in_axes=(0, None))
    keys = jax.random.split(jax.random.key(0), 64)
    found = view(keys, {'series': np.ones((5, 1), np.float32)})['series'][:, 0, 0]
    assert 16 < np.sum(found == 1) < 48


def test_tokens_beyond_the_vocabulary_are_refused():
    tokens = np.array([[1, 2], [7, 0]], np.int32)
    source = data.Arrays({'tokens': tokens, 'label': np.array([0, 1], np.int32)})
    rows = {'labelled': np.arange(2)}
    dataset = data.Dataset('own', source, rows, 2, {})
    build.net({'name': 'text_cnn', 'vocabulary': 8}, dataset)
    with pytest.raises(InputError, match='is 7, but the data have the token 7'):
        build.net({'name': 'text_cnn', 'vocabulary': 7}, dataset)


def test_networks_compute_in_the_precision_that_is_asked_for(monkeypatch):
    source = data.Arrays({'image': np.zeros((2, 8, 8, 1), np.float32)})
    dataset = data.Dataset('own', source, {'labelled': np.arange(2)}, 2, {})
    spec = {'name': 'small_cnn', 'channels': (4,)}

    def multiplied(network):
        variables = jax.eval_shape(network.init, jax.random.key(0), None)
        image = jax.ShapeDtypeStruct((2, 8, 8, 1), np.float32)
        run = functools.partial(network.apply, train=False)
        return 'bf16' in str(jax.make_jaxpr(run)(variables, image))

    assert not multiplied(build.net(spec, dataset))
    assert multiplied(build.net(spec, dataset, 'bfloat16'))
    own = {**spec, 'dtype': 'float32'}  # one network may differ
    assert not multiplied(build.net(own, dataset, 'bfloat16'))
    # Every network that has a name can do it; one that can't says so.
    monkeypatch.setattr(models, 'mlp', lambda outputs: outputs)
    assert build.net({'name': 'mlp', 'outputs': 3}, dataset) == 3
    with pytest.raises(InputError, match="'bfloat16', and the network mlp computes in"):
        build.net({'name': 'mlp', 'outputs': 3}, dataset, 'bfloat16')


@pytest.mark.parametrize('form, middle', [('linear', 0.5), ('sigmoid', np.exp(-1.25))])
def test_a_weight_rises_in_the_form_that_is_named(form, middle):
    config = supervised.get_config()
    config.ramp, config.ramp_form = 0.2, form

    def builder(optimizer, *, weight=2.0):
        given.append(weight)
        return Method(*[None] * 4)

    given = []
    dataset = SimpleNamespace(num_classes=10, rows={})
    apart = {'network': {}, 'rates': {}, 'arguments': {'weight': 4.0}}
    build.build(builder, config, dataset, None, steps=100, **apart)
    np.testing.assert_allclose(given[0](10), 4.0 * middle, rtol=1e-6)
    np.testing.assert_allclose(given[0](20), 4.0, rtol=1e-6)
    config.ramp_form = 'sigmoidal'
    with pytest.raises(InputError, match="ramp_form is 'sigmoidal'"):
        build.build(builder, config, dataset, None, steps=100, **apart)


@pytest.mark.parametrize(
    'spec, sentence',
    [
        ({'crop_pads': {}}, "a view of views.* is 'crop_pads'.*'crop_pad'"),
        ({'series': {'jiter': {}}}, "'series.jiter'.*'series.jitter'"),
        ({'shift': {'pixel': 1}}, "views.*.shift is 'pixel'.*'pixels'"),
    ],
)
def test_refusals(spec, sentence):
    with pytest.raises(InputError, match=sentence):
        build.view(spec)


def test_builders_get_what_the_data_and_the_run_decide():
    def builder(optimizer, num_classes, rows, steps, threshold=1):
        parts = getattr(optimizer, 'parts', 1)
        found = num_classes, rows.tolist(), steps, threshold, parts
        return Method(found, *[None] * 3)

    config = supervised.get_config()

    def made(**arguments):
        dataset = SimpleNamespace(rows={'unlabelled': np.array([4, 2])}, num_classes=3)
        return build.build(
            builder,
            *(config, dataset, None),
            steps=7,
            network={},
            rates={},
            arguments=arguments,
        ).init

    assert made() == (3, [4, 2], 7, 1, 1)
    config.accumulate = 4
    assert made(steps=5, threshold=2) == (3, [4, 2], 5, 2, 4)


def test_methods_are_shared_where_they_are_built_of_the_same():
    def methods_of(method, seeds=(0, 1), steps=(5, 5), split=''):
        shared = {}
        for seed, count in zip(seeds, steps, strict=True):
            config = importlib.import_module(
                f'experiments.configs.digits.{method}'
            ).get_config()
            config.seed, config.steps, config.split = seed, count, split
            yield build.job(config, shared=shared).method()

    def same(*arguments, **options):
        one, other = methods_of(*arguments, **options)
        return one is other

    assert same('fixmatch')
    assert not same('fixmatch', seeds=(0, 0), steps=(5, 6))
    # Tables of the rows, which each seed draws, or a file names.
    assert not same('flexmatch')
    assert same('flexmatch', split='digits/split.json')
    config = supervised.get_config()
    assert build.job(config).method() is not build.job(config).method()


def test_statistics_of_devices_need_the_step_device_by_device():
    config = supervised.get_config()
    config.networks.network.statistics = 'device'
    with pytest.raises(InputError, match="give partition 'shard_map'"):
        build.check(config)
    config.partition = 'shard_map'
    build.check(config)


def test_what_an_example_says_of_a_task():
    clip = {
        'image': np.zeros((3, 8, 6, 1), np.float32),
        'landmarks': np.zeros((3, 5, 2), np.float32),
        'visible': np.ones((3, 5), bool),
        'annotated': np.ones(3, bool),
    }
    source = data.Arrays({name: x[None] for name, x in clip.items()})
    dataset = data.Dataset('own', source, {'labelled': np.arange(1)}, 0, {})
    task = build.task_of({'name': 'landmarks', 'sigma': 2.0}, dataset, clip)
    assert task.example['landmarks'].shape == (3, 5, 2) and task.score == '-nme'
    frame = {name: x[0] for name, x in clip.items()}
    task = build.task_of({'name': 'landmarks', 'sigma': 2.0}, dataset, frame)
    assert task.example['image'].shape == (8, 6, 1)
    for spec, message in (
        ({'name': 'landmark'}, "mean 'landmarks'"),
        ({'name': 'landmarks', 'sigmas': 2.0}, "mean 'sigma'"),
    ):
        with pytest.raises(InputError, match=message):
            build.task_of(spec, dataset, clip)
    with pytest.raises(InputError, match="have no 'label', which the network"):
        build.net({'name': 'small_cnn'}, dataset)
