"""From a configuration to a Job: the one place that turns names into parts."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optax

from ssljax import data, methods, models, schedules, tasks, teachers, views
from ssljax.contracts import InputError, Method, View
from ssljax.methods import catalogue
from ssljax.programs.job import Job

CONFIGS = Path(__file__).parent / 'configs'


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
            dataset.num_classes,
            steps=steps or config.steps,
            network=network or {},
            arguments=arguments,
        )
        return methods.prepared(found, views.prepare(found.needs, seen))

    return Job(config, dataset, task, method)


def build(builder, config, num_classes, *, steps, network, arguments) -> Method:
    """Calls a method's builder with what its signature asks for.

    Networks come from ``config.networks`` by the parameter's name, the averaging
    teacher from ``config.ema``, the rest from ``arguments``.
    """
    wanted = inspect.signature(builder).parameters
    for name in arguments:
        if name not in wanted:
            raise InputError(
                f'args.{name} is no argument of {builder.__name__}'
                f'{_nearest(name, wanted)}; it takes {sorted(wanted)}.'
            )
    if 'weight' in wanted and config.ramp > 0:
        peak = arguments.get('weight', wanted['weight'].default)
        ramp = max(1, round(config.ramp * steps))
        arguments = {**arguments, 'weight': schedules.linear_ramp(ramp, peak)}
    if 'teacher' in wanted and config.ema > 0:
        average = teachers.ema(teachers.count_warmup(config.ema))
        arguments = {'teacher': average, **arguments}
    nets = {
        name: net({**spec, **(network if name == 'network' else {})}, num_classes)
        for name, spec in config.networks.items()
        if name in wanted
    }
    return builder(
        **nets,
        optimizer=optimizer(config.optimizer, steps),
        num_classes=num_classes,
        **arguments,
    )


def net(spec: Mapping[str, Any], num_classes: int):
    """Returns the network ``{'name': ..., **arguments}`` of ``ssljax.models``."""
    spec = dict(spec)
    name = spec.pop('name')
    if name not in models.__all__:
        raise InputError(
            f'networks.network.name is {name!r}{_nearest(name, models.__all__)}.'
        )
    return getattr(models, name)(num_classes, **spec)


def optimizer(spec: Any, steps: int) -> optax.GradientTransformation:
    """Returns SGD with Nesterov momentum or Adam under the 7/16 cosine.

    Decay is decoupled from the rate under Adam (AdamW) and coupled under SGD, as the
    papers have it; biases and norms (arrays of fewer than 2 axes) are not decayed.
    """
    rate = schedules.cosine_7_16(spec.lr, steps, min(spec.warmup, steps - 1))

    def matrices(params):
        import jax

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
    order = ('shift', 'affine', 'noise', 'cutout')
    for name in spec:
        if name not in order:
            raise InputError(f'views has {name!r}{_nearest(name, order)}.')
    parts = [getattr(views, name)(**spec[name]) for name in order if name in spec]
    return views.compose(*parts) if parts else views.identity


def check(config: Any) -> None:
    """Checks the plain numbers of a configuration.

    Raises:
      InputError: on the first that can't be used.
    """
    for name in ('steps', 'batch_size', 'labels_per_class', 'log_every', 'eval_every'):
        if config[name] <= 0:
            raise InputError(f'{name} is {config[name]}; give a number above 0.')
    if config.checkpoint_every <= 0:
        raise InputError(
            f'checkpoint_every is {config.checkpoint_every}; give a number of steps.'
        )
    if not 0 <= config.ramp <= 1:
        raise InputError(f'ramp is {config.ramp}; give a share of the steps in [0, 1].')
    if not 0 <= config.ema < 1:
        raise InputError(f'ema is {config.ema}; give a decay in [0, 1), 0 for none.')
    if not np.isfinite(config.optimizer.lr) or config.optimizer.lr <= 0:
        raise InputError(f'optimizer.lr is {config.optimizer.lr}; give a rate above 0.')


def _nearest(name: str, known) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f' (did you mean {close[0]!r}?)' if close else ''
