"""The audio comparison (Cances et al. 2022, arXiv 2102.08183); no experiment by itself.

Its five methods with and without MixUp, beside the labels alone: ``VARIANTS``. They are
named after the colon, ``folds.py:mixmatch_without``, since ``--method`` would bring
what a method has on digits. In numbers of Labbeti/SSLH, and of its older twin
Labbeti/semi-supervised for Mean Teacher and Deep Co-Training, which the authors call
the tested one. Ramps are linear here; theirs of these two is exp(-5 (1 - t)^2).
"""

from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.configs.base import base


class Variant(NamedTuple):
    """A method as the comparison has it."""

    method: str  # name in the catalogue
    args: dict[str, Any]
    ramp: float = 0.0  # share of the steps over which args.weight rises


_MEAN_TEACHER = Variant('mean_teacher', {'weight': 1.0, 'ratio': 9.0}, 50 / 200)
_CO_TRAINING = Variant(
    'deep_co_training', {'agreement_weight': 1.0, 'ratio': 9.0}, 160 / 300
)
_MIXMATCH = Variant(
    'mixmatch', {'loss': 'cross_entropy', 'weight': 1.0, 'ratio': 1.0}, 1.0
)
_REMIXMATCH = Variant('remixmatch', {'copies': 2, 'turn': 'flips', 'ratio': 1.0})
_FIXMATCH = Variant('fixmatch', {'threshold': 0.95, 'ratio': 1.0})


def _with(variant: Variant, **args) -> Variant:
    return variant._replace(args={**variant.args, **args})


VARIANTS = {
    'supervised': Variant('supervised', {'view': 'weak'}),
    'supervised_mixup': Variant('supervised', {'view': 'weak', 'mixup': 0.4}),
    'mean_teacher': _MEAN_TEACHER,
    'mean_teacher_mixup': _with(_MEAN_TEACHER, mixup=1.0),
    'deep_co_training': _CO_TRAINING,
    'deep_co_training_mixup': _with(_CO_TRAINING, mixup=1.0),
    'mixmatch': _MIXMATCH,
    'mixmatch_without': _with(_MIXMATCH, alpha=0.0),
    'remixmatch': _REMIXMATCH,
    'remixmatch_without': _with(_REMIXMATCH, alpha=0.0),
    'fixmatch': _FIXMATCH,
    'fixmatch_mixup': _with(_FIXMATCH, mixup=0.75),
}
"""MixMatch and ReMixMatch are published with MixUp, the others without."""


def audio(
    data: str, name: str, *, network: dict, views: dict, **replaced: float
) -> ConfigDict:
    """Returns a configuration of a variant, with Adam under a cosine that ends at 0.

    Args:
      data: as ``data.load`` takes it.
      name: of ``VARIANTS``.
      network: name and arguments.
      views: by name.
      **replaced: arguments of the method that are otherwise here.
    """
    if name not in VARIANTS:
        raise ValueError(f'{name!r} is none of {", ".join(VARIANTS)}.')
    method, args, ramp = VARIANTS[name]
    args = {**args, **{k: x for k, x in replaced.items() if k in args}}
    config = base(data, method, network=network, views=views, **args)
    config.ramp = ramp
    rate = 5e-4 if method == 'deep_co_training' else 1e-3
    config.optimizer = ConfigDict(
        {'name': 'adam', 'lr': rate, 'weight_decay': 0.0, 'warmup': 0}
    )
    config.optimizer.decay = 'cosine'
    if method == 'remixmatch':
        config.networks.head = ConfigDict({'name': 'mlp', 'outputs': 4, 'hidden': ()})
    return config


def published(
    data: str, name: str, *, rate: int, seconds: float, batch: int, rows: int
) -> ConfigDict:
    """Returns a configuration of sounds themselves: log-mels, WRN-28-2, 300 epochs.

    Args:
      data: a folder of the recordings, in ``train`` and ``test``.
      name: of ``VARIANTS``.
      rate: samples a second.
      seconds: of a recording.
      batch: labelled rows, and unlabelled ones.
      rows: unlabelled, of an epoch.
    """
    mels = {'log_mel': {'rate': rate, 'n_fft': 2048, 'hop': 512, 'mels': 64}}
    config = audio(
        data,
        name,
        network={'name': 'wide_resnet', 'image_channels': 1},
        views={
            'weak': _sound(mels, 0.5, (0.0, 0.25), (0.5, 1.5), (0.1, 0.5)),
            'strong': _sound(mels, 1.0, (0.0, 0.75), (0.25, 1.75), (0.5, 1.0)),
            'plain': {'spectra': mels},
        },
    )
    epochs = 200 if config.method == 'mean_teacher' else 300
    config.steps = epochs * (rows // batch)
    config.batch_size = batch
    if config.method in ('mean_teacher', 'deep_co_training'):
        config.batch_size = 6  # with nine times as many, one batch of 64 or so
        config.steps = epochs * (rows // 54)
    if config.method == 'mixmatch':
        config.ramp = min(1.0, 16_000 / config.steps)
    config.ema = 0.999 if config.method == 'mean_teacher' else 0.0
    config.reading = {'rate': rate, 'seconds': seconds, 'validation': 0}
    config.eval_every = config.checkpoint_every = 1000
    return config


def _sound(mels, chance, silent, faster, hidden):
    return {
        'sound': {
            'occlude': {'share': silent, 'probability': chance},
            'speed': {'factors': faster, 'probability': chance},
        },
        'spectra': {
            **mels,
            'cutout': {'time': hidden, 'frequency': hidden, 'probability': chance},
        },
    }
