"""Trains one configuration, or shows in two minutes what unlabelled data are worth.

Without arguments: FixMatch on the embedded digits with 40 labels, and the same labels
alone beside it. Otherwise::

    python -m experiments.train --config=experiments/configs/digits/mean_teacher.py \
        --workdir=runs/mt --seed=1 --config.steps=3000

The same command in the same workdir goes on where it stopped, also on another number of
devices. All visible devices share each batch; on several hosts, the same command is
started on each, with ``--coordinator`` (see README, "Many devices").
"""

from __future__ import annotations

import importlib
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import jobs, launch, own
from ssljax.contracts import InputError

DEFAULT = 'experiments/configs/digits/fixmatch.py'
ROOT = Path(__file__).parent.parent

_CONFIG = config_flags.DEFINE_config_file(
    'config', None, 'Configuration file; --config.field=value overrides.'
)
_WORKDIR = flags.DEFINE_string(
    'workdir', None, 'Folder of the job; default runs/<data>/<method>-seed<seed>.'
)
_METHOD = flags.DEFINE_string(
    'method',
    None,
    "Replaces the configuration's method and keeps its data; of the catalogue, or of a "
    'file, path.py:name.',
)
_SEED = flags.DEFINE_integer('seed', None, 'Shorthand of --config.seed.')
_OVERWRITE = flags.DEFINE_bool(
    'overwrite', False, 'Deletes a workdir that holds another configuration.'
)
_COORDINATOR = flags.DEFINE_string(
    'coordinator',
    None,
    "Of several processes: 'auto' where the cluster tells (TPU pods, Slurm, Kubernetes,"
    ' Open MPI), else host:port of the first one.',
)
_PROCESSES = flags.DEFINE_integer('processes', None, 'How many, with host:port.')
_PROCESS = flags.DEFINE_integer('process', None, 'Which of them this is, from 0.')
_HEARTBEAT = flags.DEFINE_integer(
    'heartbeat', 100, 'Seconds after which a process that died ends the others.'
)


def main() -> None:
    """Runs what the flags say."""
    launch.join(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value, _HEARTBEAT.value)
    launch.keep_compiled()
    config = configure(_CONFIG.value)
    folder = Path(_WORKDIR.value or default_folder(config))
    summary = jobs.train(config, folder, overwrite=_OVERWRITE.value)
    # Only the bare command compares: a chosen configuration trains that one alone.
    if launch.given('config') or _METHOD.value:
        return
    alone = swap(config, 'supervised')
    beside = jobs.train(alone, folder / 'supervised', overwrite=_OVERWRITE.value)
    if not launch.first():
        return
    print(
        f'\nTest accuracy with {summary["labels"]} labels: '
        f'{100 * summary["test_accuracy"]:.1f} % {summary["method"]} with unlabelled '
        f'data, {100 * beside["test_accuracy"]:.1f} % supervised only.'
    )


def configure(config: ConfigDict) -> ConfigDict:
    """Applies --method and --seed."""
    if _SEED.value is not None:
        config.seed = _SEED.value  # before what refers to it is resolved
    config = config.copy_and_resolve_references()
    if _METHOD.value and config.method != _METHOD.value:
        overrides = flags.FLAGS['config'].override_values
        lost = next((path for path in overrides if path.startswith('args.')), None)
        if lost:
            raise InputError(
                f'config.{lost} belongs to {config.method}, which --method '
                f'replaces; give the --config of {_METHOD.value} instead.'
            )
        config = swap(config, _METHOD.value)
    return config


def swap(config: ConfigDict, name: str) -> ConfigDict:
    """Returns the configuration with a method of the catalogue, and its data kept.

    What belongs to a method (its arguments and their ramp, its average, its optimizer,
    fields that it alone has) comes from its own configuration, unless a flag says
    otherwise; networks, views and all else stay. A method of a file brings nothing but
    itself.
    """
    path = own.find(name).config
    if own.of_file(name):
        new = config.copy_and_resolve_references()
        new.method, new.args = name, ConfigDict()
        return new
    module = importlib.import_module(path.removesuffix('.py').replace('/', '.'))
    theirs = module.get_config()
    new = config.copy_and_resolve_references()
    new.method = theirs.method
    for field in ('args', 'ramp', 'ema', 'optimizer'):
        new[field] = theirs[field]
    with new.unlocked():
        new.update({field: theirs[field] for field in theirs if field not in config})
        new.networks = ConfigDict({**theirs.networks, **config.networks})
    overrides = flags.FLAGS['config'].override_values
    new.update_from_flattened_dict(
        # args.* were meant for the method that is replaced.
        {path: x for path, x in overrides.items() if not path.startswith('args.')}
    )
    return new


def default_folder(config: ConfigDict) -> Path:
    """Returns runs/<data>/<method>-seed<seed>, ignored by git."""
    name = f'{own.short(config.method)}-seed{config.seed}'
    return Path('runs') / Path(config.data).stem / name


if __name__ == '__main__':
    launch.run(main, config=str(ROOT / DEFAULT))
