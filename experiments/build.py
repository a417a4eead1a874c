"""From a configuration to a Job: the one place that turns names into parts."""

from __future__ import annotations

import inspect
import json
import operator
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import optimizers, own, workdir
from ssljax import data, methods, models, schedules, tasks, teachers, views
from ssljax.contracts import InputError, Method, Network, State, Task, View
from ssljax.data import checks, named
from ssljax.methods import catalogue
from ssljax.programs import Run
from ssljax.programs.job import Job
from ssljax.train import by_windows, sharding
from ssljax.train.sharding import Layout

CONFIGS = Path(__file__).parent / 'configs'
TASKS = ('landmarks', 'density', 'segmentation')
_NEEDED = {
    'num_classes': 'label',
    'image_channels': 'image',
    'series_channels': 'series',
    'num_landmarks': 'landmarks',
    'axes': 'mask',
}
"""Arguments of networks that the data decide, and the field that has them."""
NETWORKS = (
    *('small_cnn', 'wide_resnet', 'vit', 'mlp', 'series_cnn', 'text_cnn'),
    *('landmark_cnn', 'hourglass', 'simple_baseline', 'hrnet_small', 'flow_cnn'),
    *('pyramid_counter', 'pose_prior', 'unet', 'vnet', 'deeplab_small'),
    *('mask_autoencoder', 'projected', 'resnet'),
)
RAMPS = {'linear': schedules.linear_ramp, 'sigmoid': schedules.sigmoid_ramp}
"""How a weight rises, by what ``config.ramp_form`` may name."""
CLIPS = ('flow_cnn',)
"""Networks that see a clip as a whole; the others see each frame by itself."""
VIEWS = (
    *('resized_crop', 'crop_pad', 'shift', 'flip_horizontal', 'flip_vertical'),
    *('rotate90', 'flip3d', 'turn3d', 'affine', 'affine3d', 'perspective', 'elastic'),
    *('bspline', 'random_crop', 'overlapping_crops', 'damage_mask'),
    *('colour_jitter', 'intensity3d', 'random_grayscale', 'random_blur'),
    *('randaugment', 'augmix', 'corrupt', 'jitter'),
    *('sound.occlude', 'sound.speed', 'sound.shift', 'sound.polarity', 'sound.gain'),
    *('sound.noise', 'spectra.log_mel', 'spectra.time_mask', 'spectra.frequency_mask'),
    *('spectra.cutout', 'series.crop', 'series.time_warp', 'series.permute'),
    *('series.scale', 'series.magnitude_warp', 'series.jitter', 'series.mask'),
    *('text.drop', 'text.swap', 'noise', 'cutout', 'random_erasing', 'normalize'),
    'standardize',
)
"""What a configuration may name, in the order in which they are applied: geometry,
colours, what hides a part. Configurations forget the order of their fields."""
A_FRAME = ('noise',)
"""Views that each frame of a clip has by itself."""


def job(
    config: Any,
    folder: Path | None = None,
    *,
    shared: dict[Any, Any] | None = None,
    dataset: data.Dataset | None = None,
) -> Job:
    """Builds what a program works with.

    Args:
      config: a ConfigDict as ``experiments/configs/digits/common.py`` makes it.
      folder: of the job, for the list of rows that can't be decoded; None stops at the
        first of them.
      shared: what jobs before this one left here to be used again, and where this one
        leaves its own: a task, views and Methods that are built of the same things are
        the same objects then, and what was compiled for one job serves the others. A
        method that is built of rows is shared where these are equal.
      dataset: in the place of what ``config.data`` names.

    Raises:
      InputError: if a field has a value that can't be used; the message names it.
    """
    check(config)
    shared = {} if shared is None else shared
    if dataset is None:
        dataset = data.load(
            config.data,
            labels_per_class=config.labels_per_class or None,
            labels=config.get('labels') or None,
            seed=config.seed,
            split_file=split_file(config),
            **config.get('reading', {}),
        )
    example = dataset.source[int(dataset.rows['labelled'][0])]
    task = task_of(config.get('task', {}), dataset, example)
    clips = 'clip' in measured(example)
    seen = {name: view(spec, clips=clips) for name, spec in config.views.items()}
    see = views.plain(seen.get('plain', views.identity))
    alike = _alike(config, dataset, example)
    task, seen, see = shared.setdefault(alike, (task, seen, see))
    feeding = {**config.get('feed', {}), 'quarantine': folder}
    where = feeding.pop('views', 'step')
    checks.known('feed.views', where, ('step', 'host'))
    host_views = where == 'host'

    def method(
        name=None, *, steps=None, network=None, rates=None, **arguments
    ) -> Method:
        builder = own.builder(name or config.method)
        rows = {n: x.tobytes() for n, x in rows_for(builder, dataset).items()}
        same = (alike, name, steps, tuple(rows.items()))
        usual = config.args.to_dict() if name in (None, config.method) else {}
        plain = not network and not rates and not arguments
        if plain and same in shared:
            return shared[same]
        found = build(
            builder,
            config,
            dataset,
            task,
            steps=steps or config.steps,
            network=network or {},
            rates=rates or {},
            arguments={**usual, **arguments},
        )
        if not host_views:
            found = methods.prepared(found, views.prepare(found.needs, seen))
        if config.get('sliding'):
            found = by_windows(found, **config.sliding)
        if plain:
            shared[same] = found
        return found

    return Job(config, dataset, task, method, seen, see, feeding, host_views)


def task_of(
    spec: Mapping[str, Any], dataset: data.Dataset, example: Mapping[str, Any]
) -> Task:
    """Returns the task ``{'name': ..., **arguments}`` of ``ssljax.tasks``.

    Classification unless a configuration says otherwise. What the example decides
    (``shape`` of the image, ``num_landmarks``, frames of a ``clip``) is taken from it;
    the ``num_classes`` of masks are the data's.
    """
    if not spec or spec['name'] == 'classification':
        return tasks.classification_of(example, dataset.num_classes)
    checks.known('task.name', spec['name'], TASKS)
    builder = getattr(tasks, spec['name'])
    wanted, arguments = _arguments('task', spec, builder)
    decided = {name: x for name, x in measured(example).items() if name in wanted}
    if 'num_classes' in wanted and dataset.num_classes:
        decided['num_classes'] = dataset.num_classes
    return builder(**{**decided, **arguments})


def _arguments(
    what: str, spec: Mapping[str, Any], builder: Callable
) -> tuple[Mapping[str, inspect.Parameter], dict[str, Any]]:
    """What a builder takes, and what a configuration gives it beside its name."""
    wanted = inspect.signature(builder).parameters
    arguments = {name: x for name, x in spec.items() if name != 'name'}
    for name in arguments:
        checks.known(f'a field of {what} for {spec["name"]}', name, wanted)
    return wanted, arguments


def measured(example: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what an example tells a task or a network by its shapes."""
    shapes = {name: np.shape(x) for name, x in example.items()}
    found: dict[str, Any] = {}
    if 'image' in shapes:
        found |= {'shape': shapes['image'][-3:], 'image_channels': shapes['image'][-1]}
        if 'mask' in shapes:  # a fourth axis is of a volume, not of a clip
            found |= {'shape': shapes['image'], 'axes': len(shapes['mask'])}
            found['spacing'] = 'spacing' in shapes
        elif len(shapes['image']) == 4:
            found['clip'] = shapes['image'][0]
    if 'series' in shapes:
        found['series_channels'] = shapes['series'][-1]
    if 'landmarks' in shapes:
        found['num_landmarks'] = shapes['landmarks'][-2]
    if 'points' in shapes:
        found['num_points'] = shapes['points'][-2]
    return found


def layout(config: Any) -> Layout:
    """Returns how arrays lie on the devices, by ``config.mesh`` and its partition."""
    mesh = dict(config.get('mesh', {}))
    asked, devices = mesh.pop('devices', 0), jax.devices()
    if not 0 <= asked <= len(devices) or (asked and jax.process_count() > 1):
        raise InputError(
            f'mesh.devices is {asked}; give at most the {len(devices)} there are, or 0 '
            'for all, which several processes always use.'
        )
    mesh['rules'] = mesh.get('rules') or sharding.FSDP
    partition = config.get('partition', 'auto')
    return sharding.layout(devices[: asked or None], partition=partition, **mesh)


def split_file(config: Any) -> Path | None:
    """Returns the path of ``config.split``, None for none.

    One that lies beside a configuration, ``<data>/<file>``, is of that data: with
    other data it is left out, and a split is drawn by the seed.
    """
    if not config.split:
        return None
    own = CONFIGS / config.split
    if own.exists() and own.parent.name != named.short(config.data):
        return None
    return own if own.exists() else Path(config.split)


def trained(
    folder: Path, *, scored: bool = False, method: str | None = None
) -> tuple[Job, Method, State]:
    """Rebuilds the job of a workdir, with the state of its last checkpoint.

    Args:
      folder: of the job.
      scored: whether its own rows are asked about, which must not have changed since;
        else its classes must be the same, and there may be new files.
      method: what ``--method`` says, which a method of a file needs: it is code.

    Raises:
      InputError: if the folder holds no job, no checkpoint of it, or other data.
    """
    config = workdir.load_config(folder, whole=True)
    own.allowed(config.method, method, f'workdir {folder}')
    made = job(config, folder)
    pinned = identity(made)
    workdir.pin(folder, pinned if scored else {'classes': pinned['classes']})
    row = own.find(config.method)
    restored = catalogue.resolve(f'{row.program.partition(":")[0]}:restored')
    return made, *restored(Run(folder, seed=config.seed), made)


def identity(job: Job) -> dict[str, Any]:
    """Returns what tells the data of a job from others, for JSON."""
    return {'hash': job.data.split['hash'], 'classes': list(job.data.classes)}


def build(
    builder: Callable[..., Method],
    config: Any,
    dataset: data.Dataset,
    task: Task,
    *,
    steps: int,
    network: Mapping[str, Any],
    rates: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> Method:
    """Calls a method's builder with what its signature asks for.

    Networks come from ``config.networks`` by the parameter's name, the averaging
    teacher from ``config.ema``, what the data and the run decide (``rows`` that are
    unlabelled, ``labelled_rows``, ``steps``) from them, the rest from ``arguments``.
    ``rates`` are fields of ``config.optimizer`` to replace.
    """
    wanted = inspect.signature(builder).parameters
    for name in arguments:
        checks.known(f'a field of args for {builder.__name__}', name, wanted)
    if 'weight' in wanted and config.ramp > 0:
        peak = arguments.get('weight', wanted['weight'].default)
        ramp = max(1, round(config.ramp * steps))
        form = config.get('ramp_form', 'linear')
        checks.known('ramp_form', form, RAMPS)
        arguments = {**arguments, 'weight': RAMPS[form](ramp, peak)}
    if 'teacher' in wanted and config.ema > 0:
        average = teachers.ema(teachers.count_warmup(config.ema))
        arguments = {'teacher': average, **arguments}
    nets = {
        name: net(
            _over(spec, network) if name == 'network' else spec,
            dataset,
            config.get('precision', 'float32'),
        )
        for name, spec in config.networks.items()
        if name in wanted
    }
    what: dict[str, Any] = {'steps': steps}
    what |= {'task': task} if 'task' in wanted else {'num_classes': dataset.num_classes}
    decided = {name: x for name, x in what.items() if name in wanted}
    decided |= rows_for(builder, dataset)
    moved = methods.accumulated(
        optimizers.optimizer(ConfigDict({**config.optimizer, **rates}), steps),
        config.get('accumulate', 1),
    )
    given = {**nets, 'optimizer': moved, **decided, **arguments}
    return own.built(builder, given)


def _over(spec: Mapping[str, Any], network: Mapping[str, Any]) -> Mapping[str, Any]:
    """The network of a stage: some arguments replaced, or, by its name, another."""
    return dict(network) if 'name' in network else {**spec, **network}


def rows_for(
    builder: Callable[..., Method], dataset: data.Dataset
) -> dict[str, np.ndarray]:
    """Returns the rows that a method's builder asks for: all that it has of a split.

    'poses' are not their numbers, but the landmarks of the labelled ones of which each
    is visible.
    """
    parts = {'rows': 'unlabelled', 'labelled_rows': 'labelled'}
    wanted = inspect.signature(builder).parameters
    found = {name: dataset.rows[x] for name, x in parts.items() if name in wanted}
    if 'poses' in wanted:
        people = [dataset.source[int(row)] for row in dataset.rows['labelled']]
        whole = [one['landmarks'] for one in people if np.all(one['visible'])]
        if not whole:
            raise InputError('poses: no labelled row has all of its landmarks visible.')
        found['poses'] = np.stack(whole)
    return found


def _alike(config: Any, dataset: data.Dataset, example: Mapping[str, Any]) -> str:
    """All that a job's task, views and Methods are built of, but for rows."""
    fields = workdir.flat(config)
    fields.pop('seed')  # of the split, the order of the rows and the keys
    arrays = {name: np.asarray(value) for name, value in example.items()}
    shapes = {name: [str(x.dtype), x.shape] for name, x in arrays.items()}
    return json.dumps([fields, shapes, dataset.num_classes], sort_keys=True)


def net(
    spec: Mapping[str, Any], dataset: data.Dataset, precision: str = 'float32'
) -> Network:
    """Returns the network ``{'name': ..., **arguments}`` of ``ssljax.models``.

    What the data decide (``num_classes``, ``image_channels``, ``series_channels``) is
    theirs unless it is given, and so is the ``precision`` that it computes in. Where a
    network is made of another one, that is its argument ``network``.
    """
    checks.known('networks.*.name', spec['name'], NETWORKS)
    builder = getattr(models, spec['name'])
    wanted, arguments = _arguments('networks.*', spec, builder)
    if 'network' in arguments:
        arguments['network'] = net(arguments['network'], dataset, precision)
    if 'dtype' in wanted:
        arguments.setdefault('dtype', precision)
    elif precision != 'float32':
        raise InputError(
            f'precision is {precision!r}, and the network {spec["name"]} computes in '
            "float32 only; choose another network, or precision 'float32'."
        )
    of_data = measured(dataset.source[int(dataset.rows['labelled'][0])])
    if dataset.num_classes:
        of_data['num_classes'] = dataset.num_classes
    for name, field in _NEEDED.items():
        if name in wanted and name not in arguments:
            if name not in of_data:
                raise InputError(
                    f'The data have no {field!r}, which the network {spec["name"]} '
                    'takes; choose another one in networks.'
                )
            arguments[name] = of_data[name]
    if 'vocabulary' in arguments and 'tokens' in dataset.source.columns:
        largest = int(dataset.source.columns['tokens'].max(initial=0))
        if largest >= arguments['vocabulary']:  # flax would answer NaN
            raise InputError(
                f'networks.*.vocabulary is {arguments["vocabulary"]}, but the data '
                f'have the token {largest}; give at least {largest + 1}.'
            )
    made = builder(**arguments)
    if 'clip' in of_data and spec['name'] not in CLIPS:
        made = models.per_frame(made)
    return made


def view(spec: Mapping[str, Mapping[str, Any]], *, clips: bool = False) -> View:
    """Composes ``{name: arguments}`` of ``ssljax.views``, in the order of ``VIEWS``.

    Views of a module are nested, ``{'series': {'jitter': arguments}}``. With
    ``probability`` among its arguments, a view is only sometimes applied. All frames of
    ``clips`` are seen alike, but for the views of ``A_FRAME``.
    """
    asked = dict(_flat(spec))
    parts = []
    for name in asked:
        checks.known('a view of views.*', name, VIEWS)
    for name in (name for name in VIEWS if name in asked):
        builder = operator.attrgetter(name)(views)
        arguments = dict(asked[name])
        wanted = inspect.signature(builder).parameters
        share = None
        if 'probability' not in wanted:
            share = arguments.pop('probability', None)
        for argument in arguments:
            checks.known(f'a field of views.*.{name}', argument, wanted)
        made = builder(**arguments)
        part = made if share is None else views.maybe(share, made)
        parts.append(views.clip(part, alike=name not in A_FRAME) if clips else part)
    return views.compose(*parts) if parts else views.identity


def _flat(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in spec.items():
        if any(known.startswith(f'{name}.') for known in VIEWS):
            yield from ((f'{name}.{inner}', x) for inner, x in value.items())
        else:
            yield name, value


def check(config: Any) -> None:
    """Checks the plain numbers of a configuration.

    Raises:
      InputError: on the first that can't be used.
    """
    for name in (
        'steps',
        'batch_size',
        'eval_batch_size',
        'log_every',
        'eval_every',
        'checkpoint_every',
    ):
        if config[name] < 1:
            raise InputError(f'{name} is {config[name]}; give a number above 0.')
    if config.get('accumulate', 1) < 1:  # older configurations have no such field
        raise InputError(f'accumulate is {config.accumulate}; give a number above 0.')
    precision = config.get('precision', 'float32')
    checks.known('precision', precision, ('float32', 'bfloat16'))
    for name, spec in config.networks.items():
        by_device = spec.get('statistics') == 'device'
        if by_device and config.get('partition', 'auto') != 'shard_map':
            raise InputError(
                f"networks.{name}.statistics is 'device', which the compiler's "
                "partition does not know; give partition 'shard_map'."
            )
    if not 0 <= config.ramp <= 1:
        raise InputError(f'ramp is {config.ramp}; give a share of the steps in [0, 1].')
    if not 0 <= config.ema < 1:
        raise InputError(f'ema is {config.ema}; give a decay in [0, 1), 0 for none.')
    if not np.isfinite(config.optimizer.lr) or config.optimizer.lr <= 0:
        raise InputError(f'optimizer.lr is {config.optimizer.lr}; give a rate above 0.')
