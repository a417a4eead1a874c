"""From a configuration to a Job: the one place that turns names into parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from experiments import workdir
from ssljax import data, methods, models, schedules, tasks, teachers, views
from ssljax.contracts import InputError, Method, Network, State, View
from ssljax.data import checks
from ssljax.methods import catalogue
from ssljax.programs import Run
from ssljax.programs.job import Job, feed_for

CONFIGS = Path(__file__).parent / 'configs'
NETWORKS = ('small_cnn', 'wide_resnet', 'mlp')
VIEWS = ('shift', 'affine', 'jitter', 'noise', 'cutout')
"""In the order in which they are applied, whatever the configuration's."""


def job(config: Any) -> Job:
    """Builds what a program works with.

    Args:
      config: a ConfigDict as ``experiments/configs/digits/common.py`` makes it.

    Raises:
      InputError: if a field has a value that can't be used; the message names it.
    """
    check(config)
    split = (
        CONFIGS / config.split if (CONFIGS / config.split).exists() else config.split
    )
    dataset = data.load(
        config.data,
        labels_per_class=config.labels_per_class,
        seed=config.seed,
        split_file=split if config.data == 'digits' else None,
    )
    shape = dataset.source.fields['image'].shape[1:]
    task = tasks.classification(dataset.num_classes, shape)
    seen = {name: view(spec) for name, spec in config.views.items()}

    def method(name=None, *, steps=None, network=None, **arguments) -> Method:
        name = name or config.method
        arguments = {**config.args.to_dict(), **arguments}
        found = build(
            catalogue.resolve(catalogue.find(name).build),
            config,
            dataset,
            steps=steps or config.steps,
            network=network or {},
            arguments=arguments,
        )
        return methods.prepared(found, views.prepare(found.needs, seen))

    return Job(config, dataset, task, method, seen)


def trained(folder: Path) -> tuple[Job, Method, State]:
    """Rebuilds the job of a workdir, with the state of its last checkpoint.

    Raises:
      InputError: if the folder holds no job, or no checkpoint of it.
    """
    config = workdir.load_config(folder)
    made = job(config)
    method = made.method()
    run = Run(folder, seed=config.seed)
    return made, method, run.restore('main', method, feed_for(made, method))


def build(
    builder: Callable[..., Method],
    config: Any,
    dataset: data.Dataset,
    *,
    steps: int,
    network: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> Method:
    """Calls a method's builder with what its signature asks for.

    Networks come from ``config.networks`` by the parameter's name, the averaging
    teacher from ``config.ema``, the rest from ``arguments``.
    """
    wanted = inspect.signature(builder).parameters
    for name in arguments:
        checks.known(f'a field of args for {builder.__name__}', name, wanted)
    if 'weight' in wanted and config.ramp > 0:
        peak = arguments.get('weight', wanted['weight'].default)
        ramp = max(1, round(config.ramp * steps))
        arguments = {**arguments, 'weight': schedules.linear_ramp(ramp, peak)}
    if 'teacher' in wanted and config.ema > 0:
        average = teachers.ema(teachers.count_warmup(config.ema))
        arguments = {'teacher': average, **arguments}
    nets = {
        name: net({**spec, **(network if name == 'network' else {})}, dataset)
        for name, spec in config.networks.items()
        if name in wanted
    }
    return builder(
        **nets,
        optimizer=optimizer(config.optimizer, steps),
        num_classes=dataset.num_classes,
        **arguments,
    )


def net(spec: Mapping[str, Any], dataset: data.Dataset) -> Network:
    """Returns the network ``{'name': ..., **arguments}`` of ``ssljax.models``.

    ``num_classes`` and ``image_channels`` are those of the data unless they are given.
    """
    of_data = {
        'num_classes': dataset.num_classes,
        'image_channels': dataset.source.fields['image'].shape[-1],
    }
    checks.known('networks.*.name', spec['name'], NETWORKS)
    builder = getattr(models, spec['name'])
    wanted = inspect.signature(builder).parameters
    arguments = {name: x for name, x in spec.items() if name != 'name'}
    for name in arguments:
        checks.known(f'a field of networks.* for {spec["name"]}', name, wanted)
    return builder(
        **{name: x for name, x in of_data.items() if name in wanted} | arguments
    )


def optimizer(spec: Any, steps: int) -> optax.GradientTransformation:
    """Returns SGD with Nesterov momentum or Adam under the 7/16 cosine.

    Decay is decoupled from the rate under Adam (AdamW) and coupled under SGD, as the
    papers have it; biases and norms (arrays of fewer than 2 axes) are not decayed.
    """
    rate = schedules.cosine_7_16(spec.lr, steps, min(spec.warmup, steps - 1))

    def matrices(params):
        return jax.tree.map(lambda x: x.ndim > 1, params)

    if spec.name == 'adam':
        return optax.adamw(rate, weight_decay=spec.weight_decay, mask=matrices)
    if spec.name == 'sgd':
        return optax.chain(
            optax.add_decayed_weights(spec.weight_decay, mask=matrices),
            optax.sgd(rate, momentum=0.9, nesterov=True),
        )
    raise InputError(f"optimizer.name is {spec.name!r}; give 'adam' or 'sgd'.")


def view(spec: Mapping[str, Mapping[str, Any]]) -> View:
    """Composes ``{name: arguments}`` of ``ssljax.views``, geometry first."""
    for name, arguments in spec.items():
        checks.known('a view of views.*', name, VIEWS)
        wanted = inspect.signature(getattr(views, name)).parameters
        for argument in arguments:
            checks.known(f'a field of views.*.{name}', argument, wanted)
    parts = [getattr(views, name)(**spec[name]) for name in VIEWS if name in spec]
    return views.compose(*parts) if parts else views.identity


def check(config: Any) -> None:
    """Checks the plain numbers of a configuration.

    Raises:
      InputError: on the first that can't be used.
    """
    for name in (
        'steps',
        'batch_size',
        'labels_per_class',
        'eval_batch_size',
        'log_every',
        'eval_every',
        'checkpoint_every',
    ):
        if config[name] < 1:
            raise InputError(f'{name} is {config[name]}; give a number above 0.')
    if not 0 <= config.ramp <= 1:
        raise InputError(f'ramp is {config.ramp}; give a share of the steps in [0, 1].')
    if not 0 <= config.ema < 1:
        raise InputError(f'ema is {config.ema}; give a decay in [0, 1), 0 for none.')
    if not np.isfinite(config.optimizer.lr) or config.optimizer.lr <= 0:
        raise InputError(f'optimizer.lr is {config.optimizer.lr}; give a rate above 0.')
